"""Which rows of a source lie in a window of its times."""

from __future__ import annotations

from datetime import datetime

import pandas as pd

from evergreen.data import to_utc
from evergreen.data.times import Repeated
from evergreen.errors import DataError, did_you_mean


class Window:
    """The rows of one source whose time lies in ``[start, end)``.

    Args:
        source: The source, for the message of an error.
        time: The column of times.
        start: The first moment, with a zone; None for the beginning.
        end: The first moment after the window, with a zone; None for no end.
        timezone: The IANA name of the zone of times that carry none.
        repeated: Which hour is meant where the clock strikes it twice.
    """

    def __init__(
        self,
        source: str,
        time: str,
        start: datetime | None,
        end: datetime | None,
        timezone: str = "UTC",
        repeated: Repeated = "first",
    ) -> None:
        self.source, self.time, self.start, self.end = source, time, start, end
        self.timezone, self.repeated = timezone, repeated
        self._example: pd.Series | None = None

    def sift(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Those of a piece of the source that lie in the window or have no time, as they stand.

        Raises:
            DataError: a time cannot be read, or the source mixes times with and without a zone.
        """
        if self.time not in rows:  # a folder's name may give it, or nothing: `cut` will see
            return rows
        times = rows[self.time]
        if pd.api.types.is_numeric_dtype(times.dtype) and times.notna().any():
            return rows.head(1)  # numbers are no times: one is enough to say so, if later pieces do not turn it to text
        # An earlier time goes along, so that pieces that differ in having a zone are found out.
        known = times if self._example is None else pd.concat([self._example, times.astype("str")])
        moments = self._moments(known).iloc[len(known) - len(times) :]
        if self._example is None and times.notna().any():
            self._example = times.dropna().head(1)
        return rows[(self._inside(moments) | moments.isna()).to_numpy()]

    def cut(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows in the window with a fresh index; their times become ``datetime64[us, UTC]``.

        Raises:
            DataError: the column is not there, or a time is missing or cannot be read.
        """
        if self.time not in rows:
            raise DataError(f"{self.source}: no column {self.time}{did_you_mean(self.time, map(str, rows.columns))}")
        moments = self._moments(rows[self.time])
        if moments.isna().any():
            where = f"{self.source}: {self.time}"
            raise DataError(f"{where}: {int(moments.isna().sum()):,} rows have no time; fill it in or drop them")
        inside = self._inside(moments)
        rows = rows.assign(**{self.time: moments})
        return (rows if inside.all() else rows[inside]).reset_index(drop=True)  # all of them would be a copy

    def _moments(self, times: pd.Series) -> pd.Series:
        return to_utc(times, self.timezone, f"{self.source}: {self.time}", repeated=self.repeated)

    def _inside(self, moments: pd.Series) -> pd.Series:
        inside = pd.Series(True, index=moments.index)
        if self.start is not None:
            inside &= moments >= pd.Timestamp(self.start)
        if self.end is not None:
            inside &= moments < pd.Timestamp(self.end)
        return inside
