"""Raw rows from files, queries and functions: only the columns and the window that are asked for."""

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
from evergreen.functions import is_function
from evergreen.io.sources.database import read_query
from evergreen.io.sources.function import call
from evergreen.io.sources.lines import read_lines
from evergreen.io.sources.listing import File, find, in_days
from evergreen.io.sources.parquet import read_parquet
from evergreen.io.sources.text import read_text
from evergreen.io.sources.window import Window
from evergreen.spec import BOUND, Read, Source, Sql


def read(
    source: Source,
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
    as_of: datetime | None = None,
) -> pd.DataFrame:
    """Read the rows of a source whose event time lies in ``[start, end)``.

    Parquet files are asked for the window by their statistics; partition folders of other days are not opened; of CSV
    files, JSON lines and queries a piece at a time is held. Times without a zone are local in ``timezone``; a time in
    the missing hour of spring is the first moment after it. Folders ``name=value`` become columns, save ``partition``
    itself, which only repeats the event's day and is read when ``columns`` names it.

    Args:
        source: A file (CSV, JSON lines, Parquet or Feather; text packed or not), a folder of them, or a glob, where
            relative paths start at ``root`` and any fsspec URL is one; a function of the project, ``module:function``;
            or a query.
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
        as_of: The moment whose knowledge counts, for queries and functions; None for all that is known.

    Returns:
        The rows in the order of the files' names or of the query, with a fresh index.

    Raises:
        EmptyWindow: no row lies in the window, or the source has none at all.
        DataError: no file, a place that cannot be reached, a file that is empty or no table, a column that is missing,
            stands twice or mixes types, or a time that is missing or cannot be read; the message names file and column.
    """
    if time is None and (start is not None or end is not None):
        raise DataError(f"{source}: a window needs an event time; set data.time")
    made = [name for name in how.together if name == time or name in (columns or ())] if how else []
    telling = (*how.drop, *(part for name in made for part in how.together[name])) if how else ()
    wanted = None if columns is None else list(dict.fromkeys([*columns, *([time] if time else []), *telling]))
    wanted = wanted and [name for name in wanted if name not in made]
    window = None if time is None else Window(str(source), time, start, end, timezone, repeated)
    what = "rows"
    if isinstance(source, Sql) or is_function(source, root):
        if partition is not None:
            raise DataError(f"{source}: only files have partitions; leave data.partition out")
        rows = _made(source, root, wanted, window, (start, end, as_of), how)
    else:
        fs, chosen, hive, what = _chosen(source, root, columns, (start, end), partition, may_be_empty)
        rows = _read(fs, chosen, wanted, hive, window, how) if chosen else pd.DataFrame()
    rows = clean(rows, how)
    if columns is not None:  # columns that only tell which lines are none, or of which a time was made
        rows = rows.drop(columns=[name for name in telling if name not in (*columns, time)])
    if window is not None and (len(rows) or may_be_empty):
        rows = window.cut(rows)
    if rows.empty and not (may_be_empty and window is not None):
        raise EmptyWindow(f"{source}: {_nothing(what, time, start, end)}")
    return rows


def _made(
    source: Source,
    root: Path,
    columns: list[str] | None,
    window: Window | None,
    bounds: tuple[datetime | None, datetime | None, datetime | None],
    how: Read | None,
) -> pd.DataFrame:
    """What a query or a function gives; a table without rows has times that can be cut."""
    if isinstance(source, Sql):
        keep = partial(_sift, window, how) if window else None
        rows = read_query(source, root, columns, window.time if window else None, bounds, keep)
    else:
        rows = call(source, root, columns, dict(zip(BOUND, bounds, strict=True)))
    if rows.empty and window is not None and window.time in rows:
        rows = rows.astype({window.time: "datetime64[us, UTC]"})
    return rows


def _chosen(
    source: str,
    root: Path,
    columns: Sequence[str] | None,
    bounds: tuple[datetime | None, datetime | None],
    partition: str | None,
    may_be_empty: bool,
) -> tuple[Any, list[File], list[str], str]:
    """The file system, the files that may hold rows of the window, the folders' columns, and how many files there are.

    Where no file is left but a table without rows is wanted, all are chosen, for their types.
    """
    fs, files = find(source, root)
    many = f"rows in {len(files)} file{'s' * (len(files) > 1)}"
    hive = list(dict.fromkeys(name for file in files for name in file.hive))
    if partition is None:
        return fs, files, hive, many
    if partition not in hive:
        near = did_you_mean(partition, hive)
        raise DataError(f"{source}: no folders {partition}=...{near}; correct data.partition or leave it out")
    chosen = in_days(files, partition, *bounds)
    hive = [name for name in hive if name != partition or name in (columns or ())]
    return fs, chosen if chosen or not may_be_empty else files, hive, many


def _read(
    fs: Any,
    files: Sequence[File],
    columns: list[str] | None,
    hive: Sequence[str],
    window: Window | None,
    how: Read | None,
) -> pd.DataFrame:
    """What files hold, by their kind."""
    keep = partial(_sift, window, how) if window else None
    time = window.time if window else None
    if files[0].kind == "CSV":
        return read_text(fs, files, columns, hive, keep, how)
    if files[0].kind == "JSON lines":
        return read_lines(fs, files, columns, hive, time, keep)
    bounds = (None, None, None) if window is None else (window.time, window.start, window.end)
    return read_parquet(fs, files, columns, hive, bounds)


def _sift(window: Window, how: Read | None, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of the window as they stand, by their times as the spec reads them."""
    telling = [*how.together.get(window.time, [window.time])] if how else []
    if not telling or any(name not in rows for name in telling):
        return window.sift(rows)
    return rows.loc[window.sift(clean(rows[telling], how)[[window.time]]).index]


def _nothing(what: str, time: str | None, start: datetime | None, end: datetime | None) -> str:
    if start is None and end is None:
        return f"no {what}; write some first"
    first, last = (moment.isoformat() if moment else "ever" for moment in (start, end))
    return f"no rows with {time} from {first} to before {last}; choose another window, or bring newer data"
