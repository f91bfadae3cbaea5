"""Windows of event time on a fixed grid: the same moment lies in the same window, whoever asks and whenever."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Bounds = tuple[datetime, datetime]

_DAY = timedelta(days=1)
#: A Monday: windows of whole weeks begin on Mondays.
_FIRST_DAY = datetime(1970, 1, 5)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def windows_between(start: datetime, end: datetime, length: timedelta, timezone: str = "UTC") -> list[Bounds]:
    """The whole windows inside ``[start, end)``, oldest first, as moments in UTC.

    Windows of whole days begin at local midnight, whatever the clocks do in between; other lengths are counted from
    1970 in UTC.
    """
    number = _number_of(start, length, timezone)
    found: list[Bounds] = []
    while True:
        first, last = _edge(number, length, timezone), _edge(number + 1, length, timezone)
        if last > end:
            return found
        if first >= start:
            found.append((first, last))
        number += 1


def window_of(moment: datetime, length: timedelta, timezone: str = "UTC") -> Bounds:
    """The window in which a moment lies."""
    number = _number_of(moment, length, timezone)
    return _edge(number, length, timezone), _edge(number + 1, length, timezone)


def window_codes(times: pd.Series, bounds: Sequence[Bounds]) -> NDArray[np.int64]:
    """For each time the index of its window: int64 of shape (n,), -1 outside all. Windows are in order and disjoint."""
    if not bounds:
        return np.full(len(times), -1, dtype=np.int64)
    moments = times.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy(dtype="datetime64[us]")
    starts = np.array([start.astimezone(UTC).replace(tzinfo=None) for start, _ in bounds], "datetime64[us]")
    ends = np.array([end.astimezone(UTC).replace(tzinfo=None) for _, end in bounds], "datetime64[us]")
    codes = np.searchsorted(starts, moments, side="right") - 1
    inside = (codes >= 0) & (moments < ends[np.maximum(codes, 0)])
    return np.where(inside, codes, -1).astype(np.int64)


def past_windows(times: pd.Series, length: timedelta, timezone: str = "UTC") -> tuple[list[Bounds], NDArray[np.int64]]:
    """The windows that hold the times of a table, and for each time the index of its window.

    The first and the last may be covered in part; they are windows like the others.
    """
    first, last = times.min().to_pydatetime(), times.max().to_pydatetime()
    start, _ = window_of(first, length, timezone)
    bounds = windows_between(start, window_of(last, length, timezone)[1], length, timezone)
    return bounds, window_codes(times, bounds)


def _number_of(moment: datetime, length: timedelta, timezone: str) -> int:
    if length % _DAY == timedelta(0):
        return (moment.astimezone(ZoneInfo(timezone)).replace(tzinfo=None) - _FIRST_DAY) // length
    return (moment - _EPOCH) // length


def _edge(number: int, length: timedelta, timezone: str) -> datetime:
    if length % _DAY == timedelta(0):
        return (_FIRST_DAY + number * length).replace(tzinfo=ZoneInfo(timezone)).astimezone(UTC)
    return _EPOCH + number * length
