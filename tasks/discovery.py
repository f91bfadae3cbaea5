"""Look for inputs that know the target before anything is trained on them, and for rules that rows hold."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pandas as pd
from prefect import task

from evergreen import discovery
from evergreen.data import with_measures
from evergreen.handoffs import TARGET, TIME, FeatureTable
from evergreen.spec import ModelSpec
from evergreen.training import TrainingRows
from evergreen.workspace import Workspace
from tasks.data import take_snapshot

logger = logging.getLogger(__name__)


@task
def warn_of_leaks(
    workspace: Workspace, spec: ModelSpec, table: FeatureTable, contest: TrainingRows, run_id: str
) -> tuple[str, ...]:
    """Name inputs that seem to know the target, with the evidence; they stay inputs until the spec excludes them."""
    store, split = workspace.store, contest.split
    inputs = [name for name in table.inputs if name not in spec.data.planned]
    past = store.read(table.uri, rows=split.train)
    times = [name for name in inputs if pd.api.types.is_datetime64_any_dtype(past[name].dtype)]
    event = TIME if TIME in past else ""
    target = spec.data.target.column
    known = past.assign(**{target: past[TARGET]})  # the label under the name that a person knows
    leaks = discovery.find_leaks(known, target, contest.task, inputs, times, event)
    warnings = [f"{leak.column} may know the target: {leak.evidence}" for leak in leaks]
    shared = discovery.shared_rows(past, store.read(table.uri, rows=split.holdout), inputs)
    if shared > 0.01 * len(split.holdout):
        warnings.append(
            f"{shared:,} of {len(split.holdout):,} holdout rows stand, equal in every input, among those fitted on"
        )
    for warning in warnings:
        logger.warning("%s: LEAK? %s", spec.model, warning)
    if warnings:
        advice = (
            "Where a column is not known in time, write it into features.exclude or data.later; where it is a plan "
            "that is known beforehand, into data.planned.\n"
        )
        workspace.registry.log_files(run_id, {"leaks.md": "\n".join([*(f"- {w}" for w in warnings), "", advice])}, {})
    return tuple(warnings)


def find_rules(
    workspace: Workspace, spec: ModelSpec, start: datetime | None, end: datetime | None
) -> tuple[int, list[discovery.Rule]]:
    """Infer rules from a window of a model's rows as they were known at its end; no run is needed.

    Args:
        workspace: Where everything is.
        spec: The model.
        start: The first event time; None for the beginning.
        end: The event time at which the window ends (exclusive); None for now.

    Returns:
        How many rows were looked at, and the rules.
    """
    as_of = end or datetime.now(UTC)
    snapshot = take_snapshot.fn(workspace, spec, as_of, start, end)
    rows = workspace.store.read(snapshot.uri)
    if start is not None and TIME in rows:  # the run-up is history, not part of the window
        rows = rows[rows[TIME] >= pd.Timestamp(start)].reset_index(drop=True)
    table = with_measures(rows, spec.data.timezone, snapshot.end or as_of)
    labels = rows[TARGET].dropna()
    task = spec.training.task or ("regression" if labels.nunique() > 20 else "multiclass")
    return len(table), discovery.infer(table, spec.data.target.column, task)
