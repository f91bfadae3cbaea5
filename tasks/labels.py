"""Bring in labels as they become known."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from prefect import task

from evergreen import labels
from evergreen.data import assemble
from evergreen.io.records import LabelBatch
from evergreen.io.sources import read
from evergreen.spec import ModelSpec
from evergreen.workspace import Workspace

logger = logging.getLogger(__name__)

#: For how many windows a label may still be corrected.
_CORRECTED = 4


@task
def take_labels(
    workspace: Workspace, spec: ModelSpec, as_of: datetime, start: datetime | None = None
) -> LabelBatch | None:
    """Append the labels that the ledger does not hold yet, and those that contradict it, as one batch.

    Joins and features take no part: only the columns that tell a row, its time and its label are read.

    Args:
        workspace: Where everything is.
        spec: The model.
        as_of: The moment whose knowledge counts.
        start: The first event time to look at; by default as far back as labels may still become known.

    Returns:
        The batch of this moment, or None where nothing became known.
    """
    data = spec.data
    timed = bool(data.time)
    start = start or _horizon(workspace, spec, as_of)
    start, end = (start, as_of + data.lead + timedelta(microseconds=1)) if timed else (None, None)
    rows = read(
        data.source,
        workspace.project,
        columns=_columns(spec),
        time=data.time,
        start=start,
        end=end,
        timezone=data.timezone,
        partition=data.partition,
        may_be_empty=timed,
        how=data.read,
        as_of=as_of,
    )
    # Without a key column the row's content is its key, and what is known later must be told from it.
    light = data.model_copy(update={"join": (), **({"later": {}} if data.key else {})})
    found = assemble(rows, [], light, as_of)
    known = labels.newest(workspace.labelled_predictions.read_labels(spec, as_of, start, end))
    fresh, corrected = labels.new_labels(found, known, as_of)
    ledger = workspace.ledger
    if len(fresh):
        stored = workspace.store.write(fresh, "labels")
        ledger.keep_labels(spec.model, LabelBatch(as_of, stored.uri, stored.rows, corrected))
        logger.info("%s: %s labels became known, %s of them correct earlier ones", spec.model, f"{len(fresh):,}",
                    f"{corrected:,}")  # fmt: skip
    kept = [batch for batch in ledger.label_batches(spec.model, as_of) if batch.as_of == as_of]
    return kept[0] if kept else None


def _horizon(workspace: Workspace, spec: ModelSpec, as_of: datetime) -> datetime | None:
    """The first event time whose label may still become known, or change, since the last run.

    That is the first row that was ever scored where labels bring their own times; else what was due since the last run,
    and a few windows more for corrections.
    """
    ledger = workspace.ledger
    scorings = ledger.scorings(spec.model)
    if not scorings:
        return None
    first = scorings[0].since + spec.data.lead
    if spec.data.target.known_at:
        return first
    batches = ledger.label_batches(spec.model, as_of)
    last = batches[-1].as_of if batches else first
    return max(first, min(last, as_of) - spec.data.target.delay - _CORRECTED * spec.monitoring.window)


def _columns(spec: ModelSpec) -> tuple[str, ...] | None:
    data = spec.data
    if data.key is None:
        return None
    named = (data.key, data.target.column, data.target.known_at)
    return tuple(dict.fromkeys(name for name in named if name))
