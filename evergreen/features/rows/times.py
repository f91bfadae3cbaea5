"""Times of a row as numbers: the calendar of the event, the row's age, and how far other times lie from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from evergreen.arrays import Floats
from evergreen.features.rows.numbers import number_column
from evergreen.features.rows.pieces import Piece
from evergreen.features.rows.plan import Plan
from evergreen.features.signature import SignatureRows

#: Parts of the calendar that repeat within a week; the seasonal ones need a year of rows to be learned from.
_WEEKLY = ("minute_of_day", "weekday")
_SEASONAL = ("month", "day_of_year")
_YEAR = pd.Timedelta(days=365)
CYCLES = {"minute_of_day": 1440.0, "weekday": 7.0, "month": 12.0, "day_of_year": 365.25}
#: The name of a row's age among the inputs.
TREND = "trend"
#: Times beyond which the number of pairs grows past what their differences tell.
_MOST_PAIRED = 6


@dataclass(frozen=True)
class TimeColumn:
    """What a column is made of: the hours from ``start`` (None: from 1970) to ``end``, or a part of ``end`` alone.

    ``part`` is one of the calendar, or the row's age.
    """

    name: str
    source: str
    end: str
    start: str | None
    part: str = ""
    period: float = 0.0


class Times(Piece):
    """The event time and the other columns of times.

    The event gives the calendar, and the row's age where the plan says so: the days since the first row of training, up
    to the newest one, so that no model can follow a trend further than it was seen. Any other time gives the hours by
    which it lies before the event (without an event: since 1970), its calendar, and the hours between it and each of
    the others.

    Args:
        plan: What is to be made of them.
        names: The columns of times, the event time left out.
    """

    def __init__(self, plan: Plan, names: Sequence[str]) -> None:
        super().__init__(plan, names)
        self.parts: dict[str, list[str]] = {}
        self.age: tuple[float, float] = (0.0, 0.0)

    def learn(self, rows: SignatureRows, labels: Any = None) -> Iterator[Floats]:
        """Learn from rows; gives the values of each column, (n,)."""
        event = self.plan.time_column
        dated = [*([event] if event else []), *(self.names if self.plan.dates else ())]
        self.parts = {name: _parts(rows[name]) for name in dated}
        if event and len(rows):
            days = _days(rows[event])
            self.age = float(np.nanmin(days)), float(np.nanmax(days))
        for column, values in zip(self.described(), self.values(rows), strict=True):
            self.columns.append(number_column(column.name, column.source, values, self.plan, column.period))
            yield values

    def values(self, rows: SignatureRows) -> Iterator[Floats]:
        """The values of each column, (n,)."""
        end, local = "", pd.DatetimeIndex([])
        for column in self.described():
            if column.part == TREND:
                first, last = self.age
                yield np.clip(_days(rows[column.end]), first, last) - first
            elif column.part:
                if column.end != end:
                    end, local = column.end, pd.DatetimeIndex(rows[column.end]).tz_localize("UTC")
                    local = local.tz_convert(self.plan.timezone)
                yield part_of(local, column.part)
            else:
                yield _hours(rows[column.end] - (rows[column.start] if column.start else pd.Timestamp(0)))

    def described(self) -> Iterator[TimeColumn]:
        """What each column is made of, in their order."""
        event = self.plan.time_column
        for name in self.names:
            yield TimeColumn(f"{name}_hours", name, name, event)
        for name, parts in self.parts.items():
            for part in parts:
                own, source = (part, part) if name == event else (f"{name}_{part}", name)
                yield TimeColumn(own, source, name, None, part, CYCLES[part])
        if self.plan.dates and len(self.names) <= _MOST_PAIRED:
            for one, other in combinations(self.names, 2):
                name = f"{one}_to_{other}_hours"
                yield TimeColumn(name, name, other, one)
        if event and self.plan.trend == "always":
            yield TimeColumn(TREND, TREND, event, None, TREND)


def _parts(times: pd.Series) -> list[str]:
    """The parts of the calendar that can be learned from."""
    span = times.max() - times.min()
    # Where the rows cover less than a year, a date says how old a row is, not which season it belongs to.
    return [*_WEEKLY, *(_SEASONAL if span >= _YEAR else ())]


def part_of(local: Any, part: str) -> Any:
    """A part of the calendar of local times: numbers (n,), or one of a single time."""
    if part == "minute_of_day":
        return np.asarray(local.hour * 60 + local.minute, dtype=float)
    names = {"day_of_year": "dayofyear", "weekday": "dayofweek"}
    return np.asarray(getattr(local, names.get(part, part)), dtype=float)


def _hours(spans: pd.Series) -> Floats:
    hours: Floats = spans.dt.total_seconds().to_numpy(dtype=float) / 3600
    return hours


def _days(times: pd.Series) -> Floats:
    return _hours(times - pd.Timestamp(0)) / 24
