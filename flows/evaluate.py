"""The evaluation flow: how good is a version on a window whose labels are known?"""

from __future__ import annotations

from datetime import datetime

from prefect import flow

from evergreen.handoffs import Evidence
from evergreen.orchestration.runs import find_spec, logged_run, note_table, scheduled_time
from evergreen.settings import open_workspace
from tasks.data import take_snapshot
from tasks.evaluation import find_measurement, measure
from tasks.features import build_features
from tasks.promotion import find_version
from tasks.validation import validate


@flow(name="evaluate", flow_run_name="evaluate {model} {start:%Y-%m-%d} to {end:%Y-%m-%d}")
def evaluate(
    model: str, start: datetime, end: datetime, as_of: datetime | None = None, version: int | None = None
) -> Evidence:
    """Apply a version to each row of a window with what was known at its cut-off, and measure it on known labels.

    Args:
        model: The model's name.
        start: The first event time; UTC where it names no zone.
        end: The event time at which the window ends (exclusive).
        as_of: Labels known by then count; by default now.
        version: The version; by default the champion.
    """
    workspace = open_workspace()
    spec = find_spec(workspace, model)
    as_of = scheduled_time(as_of)
    chosen = find_version(workspace, model, version)
    snapshot = take_snapshot(workspace, spec, as_of, scheduled_time(start), scheduled_time(end))
    known = find_measurement(workspace, spec, snapshot, chosen)
    if known:
        return known
    with logged_run(workspace, spec, "evaluate", as_of) as run_id:
        checked = validate(workspace, spec, snapshot, run_id)
        table = build_features(workspace, spec, checked.snapshot)
        note_table(workspace, run_id, table)
        return measure(workspace, spec, snapshot, table, chosen, run_id)
