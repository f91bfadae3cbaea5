"""The explanation flow: why does a version predict what it predicts for a row?"""

from __future__ import annotations

from datetime import datetime, timedelta

from prefect import flow

from evergreen.orchestration.runs import find_spec, scheduled_time
from evergreen.settings import open_workspace
from tasks.data import take_snapshot
from tasks.explanation import ExplainedRow, explain_row, find_row
from tasks.features import build_features
from tasks.promotion import find_version


@flow(name="explain", flow_run_name="explain {model} row {row}")
def explain(model: str, row: str, version: int | None = None, at: datetime | None = None) -> ExplainedRow:
    """Take the prediction for one row apart: what each input adds to it.

    Args:
        model: The model's name.
        row: The row's key.
        version: The version; by default the champion.
        at: The row's event time, where no stored feature table holds it: the source is read a day around it.
    """
    workspace = open_workspace()
    spec = find_spec(workspace, model)
    chosen = find_version(workspace, model, version)
    uri = find_row(workspace, spec, chosen, row) if at is None else None
    if uri is None and (at is not None or not spec.data.time):
        day = timedelta(days=1)
        at = scheduled_time(at) if at else None
        snapshot = take_snapshot(
            workspace, spec, scheduled_time(None), at - day if at else None, at + day if at else None
        )
        uri = build_features(workspace, spec, snapshot).uri
    return explain_row(workspace, spec, chosen, row, uri)
