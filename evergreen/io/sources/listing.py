"""Which files a source consists of, and what their folders' names say."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

from evergreen.errors import DataError, did_you_mean
from evergreen.io.filesystems import FAILURES, open_place, what_broke

Kind = Literal["CSV", "JSON lines", "Parquet", "Feather"]

_PACKED = ("", ".gz", ".bz2", ".xz", ".zip", ".zst")
_ENDINGS: dict[Kind, tuple[str, ...]] = {
    "Parquet": (".parquet", ".pq"),
    "Feather": (".feather", ".arrow"),
    "CSV": tuple(f"{name}{packed}" for name in (".csv", ".tsv") for packed in _PACKED),
    "JSON lines": tuple(f"{name}{packed}" for name in (".jsonl", ".ndjson", ".json") for packed in _PACKED),
}
#: How files begin that are no tables, and what they are.
_FOREIGN = {
    b"PK\x03\x04": "a workbook (.xlsx) or an archive",
    b"\xd0\xcf\x11\xe0": "an old workbook (.xls)",
    b"%PDF": "a PDF",
    b"SQLite format 3": "a database (a query reads it: data.source: {sql: ..., url: sqlite:///FILE})",
    b"\x1f\x8b": "packed by gzip (end its name in .csv.gz)",
    b"\x89HDF": "an HDF5 file",
    b"\x80\x04": "a pickle, which is not read because it can run code",
    b"\x80\x05": "a pickle, which is not read because it can run code",
}  # fmt: skip
_NULL = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class File:
    """One file of a source, with the values that its ``name=value`` folders give to columns."""

    path: str
    hive: dict[str, str | None]
    kind: Kind = "CSV"


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
    if any(sign in path for sign in "*?[") and not fs.exists(path):  # else that is its name
        base, found = posixpath.dirname(path[: min(path.find(sign) for sign in "*?[" if sign in path)]), fs.glob(path)
    elif fs.isdir(path):
        base, found = path, fs.find(path)
    else:
        base, found = posixpath.dirname(path), [path] if fs.exists(path) else []
    if not found:
        raise DataError(f"{source}: no such file or folder in {base or '.'}{_near(fs, path)}")
    seen = [name for name in sorted(found) if not _is_hidden(name, base)]
    files = [File(name, _hive(name, base), kind) for name in seen if (kind := _kind(name))]
    if not files and not fs.isdir(path):  # named by a person: what it holds tells what it is
        files = [File(name, _hive(name, base), _kind_inside(fs, name)) for name in seen]
    if not files:
        raise DataError(
            f"{source}: no CSV, JSON, Parquet or Feather file among {len(found)}; name one, or end their names in "
            ".csv, .tsv, .jsonl, .json, .parquet or .feather (text packed as .gz, .bz2, .xz, .zip or .zst, too)"
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


def _is_hidden(path: str, base: str) -> bool:
    inside = path[len(base) :] if path.startswith(base) else path
    return any(part.startswith((".", "_")) for part in inside.split("/"))


def _kind(path: str) -> Kind | None:
    """How a file is read, by its ending."""
    return next((kind for kind, endings in _ENDINGS.items() if path.lower().endswith(endings)), None)


def _kind_inside(fs: Any, path: str) -> Kind:
    """How a file whose ending says nothing is read, by how it begins.

    Raises:
        DataError: it is a workbook, a document or an archive.
    """
    with fs.open(path, "rb") as handle:
        head = handle.read(512)
    if head.startswith(b"PAR1"):
        return "Parquet"
    if head.startswith(b"ARROW1"):
        return "Feather"
    if any(head.startswith(sign) for sign in _FOREIGN) and not path.lower().endswith(_PACKED[1:]):
        sort = next(sort for sign, sort in _FOREIGN.items() if head.startswith(sign))
        raise DataError(f"{path}: is {sort}; save the table in it as CSV (UTF-8) or Parquet")
    inner = posixpath.splitext(path)[0] if path.lower().endswith(_PACKED[1:]) else ""
    told = _kind(inner)
    return told or ("JSON lines" if re.match(rb'\s*(?:\xef\xbb\xbf)?(?:\{\s*"|\[\s*\{)', head) else "CSV")


def _hive(path: str, base: str) -> dict[str, str | None]:
    folders = posixpath.dirname(path[len(base) :] if path.startswith(base) else path).split("/")
    pairs = (folder.split("=", 1) for folder in folders if "=" in folder)
    return {name: None if value == _NULL else unquote(value) for name, value in pairs}


def _near(fs: Any, path: str) -> str:
    folder = posixpath.dirname(path)
    names = [posixpath.basename(name.rstrip("/")) for name in fs.ls(folder, detail=False)] if fs.isdir(folder) else []
    return did_you_mean(posixpath.basename(path), names)
