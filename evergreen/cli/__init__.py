"""The command line: a module per group of commands; heavy imports wait until a command needs them."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from evergreen.cli import (
    checking,
    cleaning,
    deciding,
    demo,
    deploying,
    discovery,
    explanation,
    migrating,
    models,
    operating,
    predicting,
    profiling,
    quarantine,
    running,
    servers,
    serving,
    status,
    training,
    year,
)
from evergreen.cli.console import end as end_bar
from evergreen.errors import EvergreenError, StoreError
from evergreen.masking import masked

#: What a system says of a place that takes no more, or nothing at all.
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR}
#: What a shell says of a command that Ctrl-C ended.
_INTERRUPTED = 130

#: The commands by what they are for, in the order in which they are met.
_GROUPS: dict[str, tuple[Callable[..., None], ...]] = {
    "Begin": (discovery.init, profiling.profile, discovery.suite, checking.check),
    "Train": (training.train, training.evaluate, predicting.predict),
    "Live": (operating.score, operating.monitor, operating.backtest),
    "Ask": (
        status.status, deciding.why, models.models, models.show, explanation.explain, quarantine.quarantine,
    ),
    "Decide": (deciding.promote, deciding.rollback, deciding.freeze),
    "Run": (
        running.up, deploying.deploy, serving.serve, servers.ui, checking.doctor, cleaning.clean, migrating.migrate,
    ),
    "See it on real flights": (demo.demo, year.year),
}  # fmt: skip


class _ByPurpose(TyperGroup):
    """Help that lists the commands by what they are for, the first sentences whole."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a section a group."""
        for title, group in _GROUPS.items():
            first = [(one.__name__, (one.__doc__ or "").split("\n\n")[0]) for one in group]
            with formatter.section(title):
                formatter.write_dl([(name, " ".join(text.split())) for name, text in first])


def _say_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"evergreen {version('evergreen')}")
        raise typer.Exit


app = typer.Typer(
    cls=_ByPurpose, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False, rich_markup_mode=None
)
for _command in (one for group in _GROUPS.values() for one in group):
    app.command()(_command)


@app.callback()
def evergreen(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """Evergreen keeps tabular models good: one YAML a model in deployments/, an honest gate, MLflow and Prefect.

    From a table to a judged model: `evergreen init data/customers.csv --target churned`, then `evergreen train
    customers`; `evergreen ui` shows both in a browser. `evergreen COMMAND --help` says more of each.

    Exit codes: 0 done, 1 not done for another reason, 2 the command, a spec or a suite is wrong, 3 data, 4 a critical
    rule broke, 5 training, 6 the workspace cannot be read or written, 7 the registry, 10 too few unseen rows for a
    verdict, 130 stopped by Ctrl-C.
    """


def _end_unforeseen(error: Exception) -> NoReturn:
    """End with two lines: what broke, and where the full report is."""
    what = f"{type(error).__name__}: {' '.join(masked(str(error)).split())[:300]}"
    typer.secho(f"error: this should not have happened: {what}", fg="red", err=True)
    typer.secho(f"the full report, worth attaching to an issue, is {_write_report(error)}", err=True)
    sys.exit(1)


def _write_report(error: Exception) -> str:
    """Write what is known of an unforeseen error to a file that only its owner may read; where it is."""
    import platform
    import tempfile
    import traceback
    from importlib.metadata import version

    lines = [f"evergreen {version('evergreen')}, Python {platform.python_version()}, {platform.platform()}",
             f"command: {' '.join(sys.argv)}", "", *traceback.format_exception(error)]  # fmt: skip
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", prefix="evergreen-report-", suffix=".txt", delete=False
    ) as file:
        file.write(masked("\n".join(lines)))
    return file.name


def main() -> None:
    """Run a command; a refusal is one message on stderr and an exit code of its own, never a traceback."""
    try:
        try:
            app()
        finally:
            end_bar()  # before a message, which would stand in its line
    except EvergreenError as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno not in _NO_ROOM:
            _end_unforeseen(error)
        what = f"{error.filename or 'the workspace'}: cannot be written ({error.strerror})"
        typer.secho(f"error: {what}; free space or set EVERGREEN_WORKSPACE", fg="red", err=True)
        sys.exit(StoreError.exit_code)
    except Exception as error:
        _end_unforeseen(error)
    except (KeyboardInterrupt, SystemExit) as end:  # typer makes the second of the first
        if isinstance(end, SystemExit) and end.code != _INTERRUPTED:
            raise
        typer.secho("stopped; finished parts are kept, run the command again to go on", err=True)
        sys.exit(_INTERRUPTED)
