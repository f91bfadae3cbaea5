"""Read a window of a model's rows as they were known at a time."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pandas as pd
from prefect import task

from evergreen.data import assemble, difference
from evergreen.errors import StoreError
from evergreen.handoffs import KEY, TIME, Snapshot
from evergreen.io.sources import read
from evergreen.masking import masked
from evergreen.runtime import validation_process
from evergreen.spec import Join, ModelSpec
from evergreen.workspace import Workspace

logger = logging.getLogger(__name__)


@task
def take_snapshot(
    workspace: Workspace, spec: ModelSpec, as_of: datetime, start: datetime | None = None, end: datetime | None = None
) -> Snapshot:
    """Read rows and joined tables, assemble what was known at ``as_of``, and keep it under its digest.

    Args:
        workspace: Where everything is.
        spec: The model.
        as_of: The moment whose knowledge the snapshot shows.
        start: The first event time that may be trained on or scored; the run-up before it is read too. By default
            the training window, or the beginning.
        end: The first event time that is not read; by default every row is read whose cut-off has come by ``as_of``,
            at that very moment too.
    """
    data = spec.data
    as_of = as_of.astimezone(UTC)  # arithmetic in a zone with clock changes would be off by an hour
    if data.time:
        if start is None and spec.training.reach:
            start = (end or as_of + data.lead) - spec.training.reach
        # Windows do not hold their end, and times are counted in microseconds.
        end = end or as_of + data.lead + timedelta(microseconds=1)
    since = start - spec.run_up if start else None
    # What was read goes as it is assembled: rows that had a name here would be held a second time.
    joins = (_joined(workspace, join, spec, as_of, since) for join in data.join)
    table = assemble(_rows(workspace, spec, as_of, since, end), list(joins), data, as_of)
    stored = workspace.store.write(table, "snapshots")
    logger.info("%s: %s rows as known at %s", spec.model, f"{stored.rows:,}", f"{as_of:%Y-%m-%d %H:%M} UTC")
    taken = Snapshot(stored.uri, stored.rows, stored.digest, as_of, start, end)
    if data.time:
        _name_difference(workspace, spec, taken)
    return taken


def _rows(
    workspace: Workspace, spec: ModelSpec, as_of: datetime, since: datetime | None, end: datetime | None
) -> pd.DataFrame:
    data = spec.data
    found = read(
        data.source,
        workspace.project,
        time=data.time,
        start=since,
        end=end,
        timezone=data.timezone,
        partition=data.partition,
        how=data.read,
        as_of=as_of,
    )
    validation_process.make_room(int(found.memory_usage(index=False).sum()))
    return found


def _name_difference(workspace: Workspace, spec: ModelSpec, taken: Snapshot) -> None:
    """Say which rows of a window that was read before are new in it or gone, and remember the window."""
    windows, store = workspace.windows, workspace.store
    seen = windows.before(spec.model, taken.start, taken.end, taken.as_of)
    windows.keep(spec.model, taken.start, taken.end, taken.as_of, taken.uri)
    if seen is None or seen.uri == taken.uri:
        return
    try:
        before = store.read(seen.uri, [KEY, TIME])
    except StoreError:  # cleaned away meanwhile
        return
    found = difference(before, store.read(taken.uri, [KEY, TIME]), seen.start, seen.end)
    if found.late or found.gone:
        logger.info("%s: since it was read as of %s: %s", spec.model, f"{seen.as_of:%Y-%m-%d %H:%M} UTC", found)


def _joined(workspace: Workspace, join: Join, spec: ModelSpec, as_of: datetime, since: datetime | None) -> pd.DataFrame:
    """One joined table; where it has no row in the window (its source was down) the rows go on without it."""
    columns = None if join.columns is None else (*join.on, *join.columns)
    if join.as_of is None:
        return read(join.source, workspace.project, columns=columns, how=join.read, as_of=as_of)
    oldest = since - spec.data.lead - join.tolerance if since and join.tolerance else None
    found = read(
        join.source,
        workspace.project,
        columns=columns,
        time=join.as_of,
        start=oldest,
        end=as_of + timedelta(microseconds=1),
        timezone=spec.data.timezone,
        repeated="second",
        may_be_empty=True,
        how=join.read,
        as_of=as_of,
    )
    if found.empty:
        logger.warning(
            "%s: %s has no row with %s from %s to %s; its columns are null in this snapshot",
            spec.model,
            masked(str(join.source)),
            join.as_of,
            f"{oldest:%Y-%m-%d %H:%M}" if oldest else "ever",
            f"{as_of:%Y-%m-%d %H:%M} UTC",
        )
    return found
