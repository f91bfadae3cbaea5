"""Figures of a row that only a suite looks at: its hour, how many rows its day has, how old it is."""

from __future__ import annotations

from datetime import datetime

import pandas as pd

from evergreen.handoffs import DAY, TIME

#: Local hour of the event, rows of its local day, and days from the event to the end of what was read.
HOUR, DAY_ROWS, AGE = "__hour", "__day_rows", "__age_days"
MEASURES = (HOUR, DAY_ROWS, AGE)


def with_measures(rows: pd.DataFrame, timezone: str, until: datetime) -> pd.DataFrame:
    """Add what rules about volume, freshness and clocks look at; tables without an event time stay as they are.

    Args:
        rows: An assembled table; not changed.
        timezone: The zone of the hour.
        until: The end of what was read, with a zone.
    """
    if TIME not in rows:
        return rows
    local = rows[TIME].dt.tz_convert(timezone)
    age = (pd.Timestamp(until) - rows[TIME]).dt.total_seconds() / 86400
    each = rows.groupby(DAY)[DAY].transform("size")
    return rows.assign(**{HOUR: local.dt.hour.astype("int64"), DAY_ROWS: each.astype("int64"), AGE: age})
