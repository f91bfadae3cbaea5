"""How far back a fit looks, as a recipe carries it: all rows, the newest, or all with weights that fall with age."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd

from evergreen.arrays import Floats
from evergreen.handoffs import TIME
from evergreen.spec import parse_duration

#: What a recipe carries where every row counts alike.
ALL = "all"
_LAST, _HALF = "last ", "half-life "


def last(period: timedelta) -> str:
    """Only rows of the newest ``period``."""
    return _LAST + _days(period)


def half_life(age: timedelta) -> str:
    """All rows; one so much older than the newest counts half, one of twice that age a quarter."""
    return _HALF + _days(age)


def kept(rows: pd.DataFrame, recency: str) -> pd.DataFrame:
    """The rows that a fit looks at."""
    if not recency.startswith(_LAST) or TIME not in rows:
        return rows
    return rows[_ages(rows) < parse_duration(recency.removeprefix(_LAST)) / timedelta(days=1)]


def weights(rows: pd.DataFrame, recency: str) -> Floats | None:
    """What each row counts, (n,); None where all count alike."""
    if not recency.startswith(_HALF) or TIME not in rows:
        return None
    falls: Floats = 0.5 ** (_ages(rows) / (parse_duration(recency.removeprefix(_HALF)) / timedelta(days=1)))
    return np.asarray(falls / falls.mean(), dtype=float)


def _ages(rows: pd.DataFrame) -> Floats:
    """Days between each row and the newest."""
    spans: pd.Series = rows[TIME].max() - rows[TIME]
    days: Floats = spans.dt.total_seconds().to_numpy(dtype=float) / 86_400
    return days


def _days(period: timedelta) -> str:
    return f"{period / timedelta(days=1):g}d"
