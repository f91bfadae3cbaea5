"""The scoring flow: from the rows that are due to predictions in the ledger."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from prefect import flow

from evergreen.orchestration.runs import find_spec, logged_run, run_name, scheduled_time
from evergreen.settings import open_workspace
from tasks.features import build_features
from tasks.promotion import find_champion
from tasks.scoring import Scored, apply, enter_nothing, find_due, read_due
from tasks.validation import validate


@flow(name="score", flow_run_name=run_name)
def score(model: str, as_of: datetime | None = None, since: datetime | None = None, strict: bool = False) -> Scored:
    """Apply the champion to the rows whose cut-off has come since the last run, and enter what it says in the ledger.

    Args:
        model: The model's name: a file in deployments/, without .yaml.
        as_of: The world as it was known then; by default the time for which the run was scheduled.
        since: Score every cut-off after this once more; what the ledger holds of them is replaced.
        strict: Refuse rows of which a single value cannot be read, or is a level that the champion does not know.
    """
    workspace = open_workspace()
    spec = find_spec(workspace, model)
    as_of = scheduled_time(as_of)
    champion = find_champion(workspace, model)
    due = find_due(workspace, spec, champion, as_of, since and scheduled_time(since))
    if not due.turns:
        return Scored(why=due.why)
    snapshot = read_due(workspace, spec, due)
    if snapshot is None:
        return enter_nothing(workspace, spec, due)
    with logged_run(workspace, spec, "score", as_of) as run_id:
        checked = validate(workspace, spec, snapshot, run_id)
        table = build_features(workspace, spec, checked.snapshot)
        return apply(workspace, spec, table, checked, replace(due, strict=strict), run_id)
