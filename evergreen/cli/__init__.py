"""The command line: a module per group of commands; heavy imports wait until a command needs them."""

from __future__ import annotations

import sys

import typer

from evergreen.cli import checking, demo, models, quarantine, servers, training
from evergreen.errors import EvergreenError

app = typer.Typer(
    help="Evergreen keeps tabular models good: one YAML a model in deployments/, an honest gate, MLflow and Prefect.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
app.command()(checking.check)
app.command()(training.train)
app.command()(training.evaluate)
app.command()(models.models)
app.command()(models.show)
app.command()(quarantine.quarantine)
app.command()(servers.ui)
app.command()(checking.doctor)
app.command()(demo.demo)


def main() -> None:
    """Run a command; a refusal is one message on stderr and an exit code of its own, never a traceback."""
    try:
        app()
    except EvergreenError as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        typer.secho("stopped; finished parts are kept, run the command again to go on", err=True)
        sys.exit(130)
