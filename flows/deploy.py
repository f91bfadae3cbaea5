"""Specs to Prefect deployments: what each model's flows are called, when they run, and what starts a retraining."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from prefect import Flow

from evergreen.orchestration.automation import automate
from evergreen.orchestration.deployment import Change, deployment, register
from evergreen.orchestration.permission import permit
from evergreen.spec import ModelSpec

#: The flows of a model, each ``flows.NAME.NAME``; the first three may have a schedule, the others run by hand.
FLOWS = ("train", "score", "monitor", "promote", "backtest")


def deploy(
    specs: Sequence[ModelSpec],
    dry_run: bool = False,
    flows: Mapping[str, Flow[..., Any]] | None = None,
    workspace: Path | None = None,
) -> tuple[Change, ...]:
    """Bring the server in step with the specs: create, update, remove; what is right already is left alone.

    A server belongs to one project: deployments and automations of models that the project no longer has are removed.

    Args:
        specs: Every model of the project.
        dry_run: Only say what would be done.
        flows: The flows of a model by name; by default all of ``FLOWS``.
        workspace: The workspace whose worker may start them; by default no worker of ours may.

    Returns:
        What was done, or would be.

    Raises:
        SpecError: a schedule that Prefect does not understand.
        httpx.HTTPError: the server cannot be reached, or refuses.
    """
    chosen = find_flows() if flows is None else flows
    wanted = [deployment(flow, spec) for spec in specs for flow in chosen.values()]
    if workspace and not dry_run:
        permit(workspace, wanted)
    return register(wanted, dry_run) + automate(specs, dry_run)


def find_flows() -> dict[str, Flow[..., Any]]:
    """The flows of a model that this installation has."""
    return {
        name: getattr(import_module(f"flows.{name}"), name) for name in FLOWS if find_spec(f"flows.{name}") is not None
    }
