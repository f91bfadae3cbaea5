"""Raw rows from files: only the columns and the window that are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from evergreen.data import clean
from evergreen.data.times import Repeated
from evergreen.errors import DataError, EmptyWindow, did_you_mean
from evergreen.io.sources.listing import File, find, in_days
from evergreen.io.sources.parquet import read_parquet, unified_schema, window_filter
from evergreen.io.sources.text import read_text
from evergreen.io.sources.window import Window
from evergreen.spec import Read


def read(
    source: str,
    root: Path,
    *,
    columns: Sequence[str] | None = None,
    time: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    timezone: str = "UTC",
    partition: str | None = None,
    repeated: Repeated = "first",
    may_be_empty: bool = False,
    how: Read | None = None,
) -> pd.DataFrame:
    """Read the rows of a source whose event time lies in ``[start, end)``.

    Parquet files are asked for the window by their statistics; partition folders of other days are not opened; of CSV
    files a piece at a time is held. Times without a zone are local in ``timezone``; a time in the missing hour of
    spring is the first moment after it. Folders ``name=value`` become columns, save ``partition`` itself, which only
    repeats the event's day and is read when ``columns`` names it.

    Args:
        source: A CSV or Parquet file (CSV packed or not), a folder of them, or a glob; relative paths start at
            ``root``, any fsspec URL is one.
        root: The project's folder.
        columns: The columns to read, beside ``time``; all by default.
        time: The event time; returned as ``datetime64[us, UTC]``.
        start: The first moment of the window, with a zone; None for the beginning.
        end: The first moment after the window, with a zone; None for no end.
        timezone: The IANA name of the zone of times that carry none.
        partition: A partition column with the event's calendar day, like ``2013-01-31``, true to within a day.
        repeated: Which hour is meant where the clock strikes it twice: the first for events, the second for times at
            which values became known, so that none is used before.
        may_be_empty: A window without rows gives a table without rows, of the source's types, instead of an error.
        how: How to read values that the files write in a way of their own.

    Returns:
        The rows in the order of the files' names, with a fresh index.

    Raises:
        EmptyWindow: no row lies in the window, or the source has none at all.
        DataError: no file, a file that is empty or no table, a column that is missing, stands twice or mixes types,
            or a time that is missing or cannot be read; the message names file and column.
    """
    if time is None and (start is not None or end is not None):
        raise DataError(f"{source}: a window needs an event time; set data.time")
    fs, files = find(source, root)
    hive = list(dict.fromkeys(name for file in files for name in file.hive))
    chosen = files
    if partition is not None:
        if partition not in hive:
            near = did_you_mean(partition, hive)
            raise DataError(f"{source}: no folders {partition}=...{near}; correct data.partition or leave it out")
        chosen = in_days(files, partition, start, end)
        hive = [name for name in hive if name != partition or name in (columns or ())]
    wanted = None if columns is None else list(dict.fromkeys([*columns, *([time] if time else [])]))
    window = None if time is None else Window(source, time, start, end, timezone, repeated)
    if may_be_empty and not chosen:
        chosen = files  # for their types
    rows = clean(_read(fs, chosen, wanted, hive, window, how), how) if chosen else pd.DataFrame()
    if window is not None and (len(rows) or may_be_empty):
        rows = window.cut(rows)
    if rows.empty and not (may_be_empty and window is not None):
        raise EmptyWindow(f"{source}: {_nothing(len(files), time, start, end)}")
    return rows


def _read(
    fs: Any,
    files: Sequence[File],
    columns: list[str] | None,
    hive: Sequence[str],
    window: Window | None,
    how: Read | None,
) -> pd.DataFrame:
    if not files[0].is_parquet:
        return read_text(fs, files, columns, hive, partial(_sift, window, how) if window else None, how)
    schema = unified_schema(fs, files)
    rows = None
    if window is not None and window.time in schema.names:
        rows = window_filter(schema.field(window.time).type, window.time, window.start, window.end)
    return read_parquet(fs, files, schema, columns, hive, rows)


def _sift(window: Window, how: Read | None, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of the window as they stand, by their times as the spec reads them."""
    if how is None or window.time not in rows:
        return window.sift(rows)
    return rows.loc[window.sift(clean(rows[[window.time]], how)).index]


def _nothing(files: int, time: str | None, start: datetime | None, end: datetime | None) -> str:
    if start is None and end is None:
        return f"no rows in {files} file{'s' if files > 1 else ''}; write some first"
    first, last = (moment.isoformat() if moment else "ever" for moment in (start, end))
    return f"no rows with {time} from {first} to before {last}; choose another window, or bring newer data"
