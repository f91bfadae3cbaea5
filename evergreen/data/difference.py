"""What a source holds of an old window that it did not hold when the window was read before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from evergreen.handoffs import KEY, TIME
from evergreen.whole_numbers import as_text


@dataclass(frozen=True)
class Difference:
    """Rows of a window that two snapshots share: how many came late, how many are gone, and when they happened.

    ``first`` and ``last`` are the event times of the earliest and the latest of them; None where there are none.
    """

    late: int
    gone: int
    first: datetime | None = None
    last: datetime | None = None

    def __str__(self) -> str:
        parts = [f"{self.late:,} rows came late"] if self.late else []
        parts += [f"{self.gone:,} rows are gone"] if self.gone else []
        if not parts or self.first is None or self.last is None:
            return "the same rows"
        return f"{' and '.join(parts)}, of {self.first:%Y-%m-%d %H:%M} to {self.last:%Y-%m-%d %H:%M} UTC"


def difference(before: pd.DataFrame, after: pd.DataFrame, start: datetime | None, end: datetime | None) -> Difference:
    """Compare two snapshots by their keys.

    Args:
        before: The earlier one, with ``__key`` and ``__time``.
        after: The later one.
        start: The first event time that both windows hold; None for the beginning.
        end: The first event time after what both hold; None for no end.
    """
    ours, theirs = (_between(rows, start, end) for rows in (after, before))
    late = ours[~as_text(ours[KEY]).isin(as_text(theirs[KEY])).to_numpy()]
    gone = theirs[~as_text(theirs[KEY]).isin(as_text(ours[KEY])).to_numpy()]
    times = pd.concat([late[TIME], gone[TIME]])
    if times.empty:
        return Difference(0, 0)
    return Difference(len(late), len(gone), times.min().to_pydatetime(), times.max().to_pydatetime())


def _between(rows: pd.DataFrame, start: datetime | None, end: datetime | None) -> pd.DataFrame:
    inside = pd.Series(True, index=rows.index)
    if start is not None:
        inside &= rows[TIME] >= pd.Timestamp(start)
    if end is not None:
        inside &= rows[TIME] < pd.Timestamp(end)
    return rows[inside]
