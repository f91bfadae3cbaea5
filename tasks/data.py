"""Read a window of a model's rows as they were known at a time."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from prefect import task

from evergreen.data import assemble
from evergreen.handoffs import Snapshot
from evergreen.io.sources import read
from evergreen.io.store import Store
from evergreen.settings import settings
from evergreen.spec import ModelSpec

logger = logging.getLogger(__name__)


@task
def take_snapshot(
    spec: ModelSpec, as_of: datetime, start: datetime | None = None, end: datetime | None = None
) -> Snapshot:
    """Read rows and joined tables, assemble what was known at ``as_of``, and keep it under its digest.

    Args:
        spec: The model.
        as_of: The moment whose knowledge the snapshot shows.
        start: The first event time that may be trained on or scored; the run-up before it is read too. By default
            the training window, or the beginning.
        end: The first event time that is not read; by default the rows whose cut-off has passed.
    """
    here, data = settings(), spec.data
    as_of = as_of.astimezone(UTC)  # arithmetic in a zone with clock changes would be off by an hour
    if data.time:
        end = end or as_of + data.lead
        if start is None and spec.training.window != "all":
            start = end - spec.training.window
    since = start - spec.run_up if start else None
    rows = read(
        data.source,
        here.project,
        time=data.time,
        start=since,
        end=end,
        timezone=data.timezone,
        partition=data.partition,
    )
    joins = []
    for join in data.join:
        oldest = since - data.lead - join.tolerance if since and join.tolerance else None
        joins.append(
            read(
                join.source, here.project, time=join.as_of, start=oldest if join.as_of else None,
                end=as_of if join.as_of else None, timezone=data.timezone,
                columns=None if join.columns is None else (*join.on, *join.columns),
            )
        )  # fmt: skip
    stored = Store(str(here.store)).write(assemble(rows, joins, data, as_of), "snapshots")
    logger.info("%s: %s rows as known at %s", spec.model, f"{stored.rows:,}", f"{as_of:%Y-%m-%d %H:%M} UTC")
    return Snapshot(stored.uri, stored.rows, stored.digest, as_of, start, end)
