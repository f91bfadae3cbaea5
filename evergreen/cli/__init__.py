"""The command line: a module per group of commands; heavy imports wait until a command needs them."""

from __future__ import annotations

import errno
import sys

import typer

from evergreen.cli import (
    checking,
    cleaning,
    deciding,
    demo,
    deploying,
    discovery,
    explanation,
    models,
    operating,
    predicting,
    profiling,
    quarantine,
    running,
    servers,
    status,
    training,
    year,
)
from evergreen.errors import EvergreenError, StoreError

#: What a system says of a place that takes no more, or nothing at all.
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR}
#: What a shell says of a command that Ctrl-C ended.
_INTERRUPTED = 130

app = typer.Typer(
    help="Evergreen keeps tabular models good: one YAML a model in deployments/, an honest gate, MLflow and Prefect.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
app.command()(discovery.init)
app.command()(discovery.suite)
app.command()(profiling.profile)
app.command()(checking.check)
app.command()(training.train)
app.command()(training.evaluate)
app.command()(operating.score)
app.command()(predicting.predict)
app.command()(operating.monitor)
app.command()(operating.backtest)
app.command()(deciding.why)
app.command()(deciding.promote)
app.command()(deciding.rollback)
app.command()(deciding.freeze)
app.command()(models.models)
app.command()(models.show)
app.command()(explanation.explain)
app.command()(quarantine.quarantine)
app.command()(running.up)
app.command()(deploying.deploy)
app.command()(status.status)
app.command()(cleaning.clean)
app.command()(servers.ui)
app.command()(checking.doctor)
app.command()(demo.demo)
app.command()(year.year)


def main() -> None:
    """Run a command; a refusal is one message on stderr and an exit code of its own, never a traceback."""
    try:
        app()
    except EvergreenError as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        what = f"{error.filename or 'the workspace'}: cannot be written ({error.strerror})"
        typer.secho(f"error: {what}; free space or set EVERGREEN_WORKSPACE", fg="red", err=True)
        sys.exit(StoreError.exit_code)
    except (KeyboardInterrupt, SystemExit) as end:  # typer makes the second of the first
        if isinstance(end, SystemExit) and end.code != _INTERRUPTED:
            raise
        typer.secho("stopped; finished parts are kept, run the command again to go on", err=True)
        sys.exit(_INTERRUPTED)
