"""``deploy``: bring a running Prefect server in step with the models' files."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Annotated

import typer

from evergreen.cli import access
from evergreen.cli.environment import prepare
from evergreen.cli.stopping import edited
from evergreen.errors import UsageError
from evergreen.settings import open_workspace
from evergreen.spec import ModelSpec, load_specs
from evergreen.workspace import Workspace


def deploy(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,
    retrain: Annotated[
        bool, typer.Option("--retrain", help="Train the champions again that edited functions of the project stop.")
    ] = False,
    alone: Annotated[bool, typer.Option("--alone", hidden=True, help="No worker runs at this moment.")] = False,
) -> None:
    """Register every model's flows, schedules and automation on the Prefect server; remove what no model names.

    Then runs whose process died are ended, and of runs that piled up while the machine was off the newest is kept.
    Where an edited function of the project stops a champion, nothing is registered without --retrain.
    """
    here = open_workspace()
    specs = load_specs(here.deployments)
    stopped = _stopped(here, specs, allowed=retrain or dry_run or alone)
    connect(here)
    prepare(here)
    from evergreen.orchestration.deployment import start_training
    from evergreen.orchestration.recovery import recover
    from flows.deploy import deploy as register

    changes = register(specs, dry_run, workspace=here.folder)
    for change in changes:
        typer.echo(str(change))
    if not dry_run:
        for line in recover(alone):
            typer.echo(line)
    if retrain and not dry_run:
        for model in stopped:
            typer.echo(f"{model}: its training is started as run {start_training(model, 'functions were edited')}")
    counts = {action: sum(change.action == action for change in changes) for action in ("create", "update", "remove")}
    done = ", ".join(f"{count} to {action}" for action, count in counts.items() if count) or "nothing to do"
    rest = f"; {', '.join(stopped)}: evergreen check says why no more is predicted" if stopped and not retrain else ""
    typer.echo(f"{len(specs)} models, {len(changes)} deployments and automations: {done}{rest}")


def _stopped(here: Workspace, specs: Sequence[ModelSpec], allowed: bool) -> list[str]:
    """The models whose champion an edited function stops; why is printed.

    Raises:
        UsageError: there are some, and this is not allowed.
    """
    functions = edited(here, specs)
    stopped = [one.model for one in functions if one.stopped]
    if stopped and not allowed:
        why = "\n".join(one.message for one in functions if one.stopped)
        raise UsageError(f"{why}\nnothing is registered; to register all and train these: evergreen deploy --retrain")
    for one in functions:
        typer.echo(one.message)
    return stopped


def connect(here: Workspace) -> str:
    """Point Prefect's client at the server: that of ``PREFECT_API_URL``, or of the workspace's ``up``.

    Raises:
        UsageError: there is none, or it does not answer.
    """
    url = access.join(here)
    if not url:
        raise UsageError("no Prefect server: run `evergreen up` in another terminal, or set PREFECT_API_URL")
    try:
        urllib.request.urlopen(f"{url}/health", timeout=10).close()
    except urllib.error.HTTPError:
        pass  # it answers, and wants to know who asks
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{url}: the Prefect server does not answer ({error}); start it, or correct PREFECT_API_URL"
        ) from None
    os.environ["PREFECT_API_URL"] = url
    return url
