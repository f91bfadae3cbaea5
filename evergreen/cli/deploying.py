"""``deploy``: bring a running Prefect server in step with the models' files."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from typing import Annotated

import typer

from evergreen.cli.environment import prepare
from evergreen.cli.processes import running
from evergreen.errors import UsageError
from evergreen.settings import Settings, settings
from evergreen.spec import load_specs


def deploy(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,
    alone: Annotated[bool, typer.Option("--alone", hidden=True, help="No worker runs at this moment.")] = False,
) -> None:
    """Register every model's flows, schedules and automation on the Prefect server; remove what no model names.

    Then runs whose process died are ended, and of runs that piled up while the machine was off the newest is kept.
    """
    here = settings()
    specs = load_specs(here.deployments)
    connect(here)
    prepare(here)
    from evergreen.orchestration.recovery import recover
    from flows.deploy import deploy as register

    changes = register(specs, dry_run)
    for change in changes:
        typer.echo(str(change))
    if not dry_run:
        for line in recover(alone):
            typer.echo(line)
    counts = {action: sum(change.action == action for change in changes) for action in ("create", "update", "remove")}
    done = ", ".join(f"{count} to {action}" for action, count in counts.items() if count) or "nothing to do"
    typer.echo(f"{len(specs)} models, {len(changes)} deployments and automations: {done}")


def connect(here: Settings) -> str:
    """Point Prefect's client at the server: that of ``PREFECT_API_URL``, or of the workspace's ``up``.

    Raises:
        UsageError: there is none, or it does not answer.
    """
    url = server_url(here)
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


def server_url(here: Settings) -> str:
    """The API of the Prefect server that ``PREFECT_API_URL`` names, or that the workspace's ``up`` runs, or nothing."""
    up = running(here.workspace)
    return os.environ.get("PREFECT_API_URL") or (f"{up.prefect}/api" if up else "")
