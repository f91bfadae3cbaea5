"""Which files a source consists of, and what their folders' names say."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import fsspec

from evergreen.errors import DataError, did_you_mean

_PARQUET = (".parquet", ".pq")
_TEXT = tuple(f"{name}{packed}" for name in (".csv", ".tsv") for packed in ("", ".gz", ".bz2", ".xz", ".zip"))
_NULL = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class File:
    """One file of a source, with the values that its ``name=value`` folders give to columns."""

    path: str
    hive: dict[str, str | None]

    @property
    def is_parquet(self) -> bool:
        """Whether it is read as Parquet; otherwise as CSV."""
        return self.path.lower().endswith(_PARQUET)


def find(source: str, root: Path) -> tuple[Any, list[File]]:
    """The file system of a source and its data files by name; hidden files and those that begin with ``_`` are none.

    Raises:
        DataError: there are no such files, or CSV and Parquet stand side by side.
    """
    url = source if "://" in source else str(root / source)
    try:
        fs, path = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise DataError(f"{source}: no such kind of place ({error}); write a path or an fsspec URL") from error
    if any(sign in path for sign in "*?["):
        base, found = posixpath.dirname(path[: min(path.find(sign) for sign in "*?[" if sign in path)]), fs.glob(path)
    elif fs.isdir(path):
        base, found = path, fs.find(path)
    else:
        base, found = posixpath.dirname(path), [path] if fs.exists(path) else []
    if not found:
        raise DataError(f"{source}: no such file or folder in {base or '.'}{_near(fs, path)}")
    files = [File(name, _hive(name, base)) for name in sorted(found) if _is_data(name, base)]
    if not files:
        raise DataError(
            f"{source}: no CSV or Parquet file among {len(found)}; endings: {', '.join((*_PARQUET, *_TEXT))}"
        )
    if len({file.is_parquet for file in files}) > 1:
        raise DataError(f"{source}: CSV and Parquet files stand side by side; name one kind, e.g. {source}/*.parquet")
    return fs, files


def in_days(files: Sequence[File], partition: str, start: datetime | None, end: datetime | None) -> list[File]:
    """The files whose partition day may hold moments of the window, with one day's slack for time zones.

    Raises:
        DataError: a folder's value is no day.
    """
    slack = timedelta(days=1)
    first = start.date() - slack if start else date.min
    last = end.date() + slack if end else date.max
    chosen = []
    for file in files:
        value = file.hive.get(partition)
        try:
            if value is None or first <= date.fromisoformat(value) <= last:
                chosen.append(file)
        except ValueError:
            raise DataError(
                f"{file.path}: folder {partition}={value} names no day like 2013-01-31; leave data.partition out"
            ) from None
    return chosen


def _is_data(path: str, base: str) -> bool:
    inside = path[len(base) :] if path.startswith(base) else path
    hidden = any(part.startswith((".", "_")) for part in inside.split("/"))
    return not hidden and path.lower().endswith((*_PARQUET, *_TEXT))


def _hive(path: str, base: str) -> dict[str, str | None]:
    folders = posixpath.dirname(path[len(base) :] if path.startswith(base) else path).split("/")
    pairs = (folder.split("=", 1) for folder in folders if "=" in folder)
    return {name: None if value == _NULL else unquote(value) for name, value in pairs}


def _near(fs: Any, path: str) -> str:
    folder = posixpath.dirname(path)
    names = [posixpath.basename(name.rstrip("/")) for name in fs.ls(folder, detail=False)] if fs.isdir(folder) else []
    return did_you_mean(posixpath.basename(path), names)
