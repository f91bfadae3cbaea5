"""Raw rows from files: only the columns and the window that are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from evergreen.data import to_utc
from evergreen.errors import DataError, EmptyWindow, did_you_mean
from evergreen.io.sources.listing import File, find, in_days
from evergreen.io.sources.parquet import read_parquet, unified_schema, window_filter
from evergreen.io.sources.text import read_text


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
) -> pd.DataFrame:
    """Read the rows of a source whose event time lies in ``[start, end)``.

    Parquet files are asked for the window by their statistics; partition folders of other days are not opened. Times
    without a zone are local in ``timezone``: of an hour that the clock strikes twice the first is meant, and a time in
    the missing hour of spring is the first moment after it. Folders ``name=value`` become columns, save
    ``partition`` itself, which only repeats the event's day and is read when ``columns`` names it.

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

    Returns:
        The rows in the order of the files' names, with a fresh index.

    Raises:
        EmptyWindow: no row lies in the window, or the source has none.
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
    rows = _read(fs, chosen, wanted, hive, time, start, end) if chosen else pd.DataFrame()
    if time is not None and len(rows):
        rows = _in_window(rows, time, start, end, timezone, source)
    if rows.empty:
        raise EmptyWindow(f"{source}: {_nothing(len(files), time, start, end)}")
    return rows


def _read(
    fs: Any,
    files: Sequence[File],
    columns: list[str] | None,
    hive: Sequence[str],
    time: str | None,
    start: datetime | None,
    end: datetime | None,
) -> pd.DataFrame:
    if not files[0].is_parquet:
        return read_text(fs, files, columns, hive)
    schema = unified_schema(fs, files)
    window = (
        window_filter(schema.field(time).type, time, start, end) if time is not None and time in schema.names else None
    )
    return read_parquet(fs, files, schema, columns, hive, window)


def _in_window(
    rows: pd.DataFrame, time: str, start: datetime | None, end: datetime | None, timezone: str, source: str
) -> pd.DataFrame:
    if time not in rows:
        raise DataError(f"{source}: no column {time}{did_you_mean(time, map(str, rows.columns))}")
    moments = to_utc(rows[time], timezone, f"{source}: {time}")
    if moments.isna().any():
        raise DataError(f"{source}: {time}: {int(moments.isna().sum()):,} rows have no time; fill it in or drop them")
    inside = pd.Series(True, index=rows.index)
    if start is not None:
        inside &= moments >= pd.Timestamp(start)
    if end is not None:
        inside &= moments < pd.Timestamp(end)
    return rows.assign(**{time: moments})[inside].reset_index(drop=True)


def _nothing(files: int, time: str | None, start: datetime | None, end: datetime | None) -> str:
    if start is None and end is None:
        return f"no rows in {files} file{'s' if files > 1 else ''}; write some first"
    first, last = (moment.isoformat() if moment else "ever" for moment in (start, end))
    return f"no rows with {time} from {first} to before {last}; choose another window, or bring newer data"
