"""The promotion flow: a person makes a version champion."""

from __future__ import annotations

from datetime import datetime

from prefect import flow

from evergreen.handoffs import ModelVersion
from evergreen.orchestration.runs import find_spec, scheduled_time
from evergreen.settings import open_workspace
from tasks.promotion import crown_by_hand


@flow(name="promote", flow_run_name="promote {model} version {version}")
def promote(model: str, version: int, why: str, as_of: datetime | None = None) -> ModelVersion:
    """Make a version champion without a contest; the champion history keeps who did it, and why.

    Args:
        model: The model's name.
        version: The version that shall serve.
        why: The reason, for those who read the history.
        as_of: From when on it serves; by default now.
    """
    workspace = open_workspace()
    return crown_by_hand(workspace, find_spec(workspace, model), version, scheduled_time(as_of), why)
