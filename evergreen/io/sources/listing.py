"""Which files a source consists of, and what their folders' names say."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

from evergreen.errors import DataError, did_you_mean
from evergreen.io.places import FAILURES, open_place, what_broke

Kind = Literal["CSV", "JSON lines", "Parquet", "Feather"]

_PACKED = ("", ".gz", ".bz2", ".xz", ".zip")
_ENDINGS: dict[Kind, tuple[str, ...]] = {
    "Parquet": (".parquet", ".pq"),
    "Feather": (".feather", ".arrow"),
    "CSV": tuple(f"{name}{packed}" for name in (".csv", ".tsv") for packed in _PACKED),
    "JSON lines": tuple(f"{name}{packed}" for name in (".jsonl", ".ndjson") for packed in _PACKED),
}
_ALL = tuple(ending for endings in _ENDINGS.values() for ending in endings)
_NULL = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class File:
    """One file of a source, with the values that its ``name=value`` folders give to columns."""

    path: str
    hive: dict[str, str | None]

    @property
    def kind(self) -> Kind:
        """How it is read, by its ending."""
        return next(kind for kind, endings in _ENDINGS.items() if self.path.lower().endswith(endings))


def find(source: str, root: Path) -> tuple[Any, list[File]]:
    """The file system of a source and its data files by name; hidden files and those that begin with ``_`` are none.

    Raises:
        DataError: there are no such files, the place cannot be reached, or kinds of file stand side by side.
    """
    url = source if "://" in source else str(root / source)
    try:
        fs, path = open_place(url)
    except (ImportError, ValueError) as error:
        raise DataError(f"{source}: no such kind of place ({error}); write a path or an fsspec URL") from None
    try:
        return fs, _files(source, fs, path)
    except FAILURES as error:
        raise DataError(f"{source}: {what_broke(error) or f'cannot be listed ({error}); look at the place'}") from None


def _files(source: str, fs: Any, path: str) -> list[File]:
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
            f"{source}: no CSV, JSON lines, Parquet or Feather file among {len(found)}; endings: {', '.join(_ALL)}"
        )
    kinds = sorted({file.kind for file in files})
    if len(kinds) > 1:
        raise DataError(
            f"{source}: {' and '.join(kinds)} files stand side by side; name one kind, e.g. {source}/*.parquet"
        )
    return files


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
    return not hidden and path.lower().endswith(_ALL)


def _hive(path: str, base: str) -> dict[str, str | None]:
    folders = posixpath.dirname(path[len(base) :] if path.startswith(base) else path).split("/")
    pairs = (folder.split("=", 1) for folder in folders if "=" in folder)
    return {name: None if value == _NULL else unquote(value) for name, value in pairs}


def _near(fs: Any, path: str) -> str:
    folder = posixpath.dirname(path)
    names = [posixpath.basename(name.rstrip("/")) for name in fs.ls(folder, detail=False)] if fs.isdir(folder) else []
    return did_you_mean(posixpath.basename(path), names)
