"""Tables that never change, named by the digest of what they hold, over any fsspec file system."""

from __future__ import annotations

import logging
import os
import tempfile
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from evergreen.errors import StoreError, did_you_mean
from evergreen.io.digests import arrow_table, digest_of
from evergreen.io.places import FAILURES, open_place, what_broke
from evergreen.io.recent import Recent

log = logging.getLogger(__name__)

_DAY_SECONDS = 86_400
#: Small enough that a reader of one day skips most of a year, large enough to compress well.
_ROW_GROUP = 131_072


@dataclass(frozen=True)
class StoredTable:
    """Where a table is, how many rows it has, and the digest of its names, types and values."""

    uri: str
    rows: int
    digest: str


class Store:
    """Tables under one prefix, ``kind/digest.parquet``: written once, never changed.

    Args:
        uri: A folder, or a prefix like ``s3://bucket/store``; made when first written to.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri.rstrip("/")

    def write(self, frame: pd.DataFrame, kind: str) -> StoredTable:
        """Store a table unless an equal one is there already.

        The file is written aside under a name of its own, flushed and renamed: a reader sees all of it or nothing, and
        two writers of one table settle on the same file. The index is not stored.

        Args:
            frame: Columns with text names; types that Parquet and pandas both know.
            kind: What it is, e.g. ``snapshots``; the folder.

        Raises:
            StoreError: a column cannot be stored, or the place cannot be written; nothing is left behind.
        """
        table = arrow_table(frame, f"{self.uri}/{kind}")
        name = digest_of(frame, table)
        path = f"{self.uri}/{kind}/{name}.parquet"
        try:
            fs, inner = open_place(path)
            if not fs.exists(inner):
                _write(fs, inner, table)
        except (pa.ArrowException, *FAILURES) as error:
            reason = getattr(error, "strerror", None) or str(error)
            what = f"cannot be written ({reason}); free space or set EVERGREEN_WORKSPACE"
            raise StoreError(f"{path}: {what if _is_near(path) else _far(error)}") from error
        return StoredTable(path, len(frame), name)

    def read(self, uri: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Read a table, or some of its columns, with the types it was written with and a fresh index.

        A whole table stays in memory until another is read; what the caller does to its frame does not touch it.

        Raises:
            StoreError: there is no such table or column, or its file is damaged.
        """
        try:
            fs, inner = open_place(uri)
            if columns is not None:
                return _frame(fs, inner, list(columns))[list(columns)]
            whole = _whole.get(f"{uri} {fs.ukey(inner)}", lambda: _frame(fs, inner, None))
            return whole.copy(deep=False)
        except FileNotFoundError:
            raise StoreError(f"{uri}: no such table; run again what wrote it") from None
        except (pa.ArrowException, *FAILURES) as error:
            raise StoreError(f"{uri}: {_unread(error)}") from error

    def span(self, uri: str, column: str) -> tuple[Any, Any] | None:
        """The least and the greatest value of a column by the file's statistics; None where they do not say.

        Raises:
            StoreError: there is no such table, or its file is damaged.
        """
        try:
            return _span(uri, column)
        except FileNotFoundError:
            raise StoreError(f"{uri}: no such table; run again what wrote it") from None
        except (pa.ArrowException, *FAILURES) as error:
            raise StoreError(f"{uri}: {_unread(error)}") from error


_whole: Recent[pd.DataFrame] = Recent()


def _frame(fs: Any, path: str, columns: list[str] | None) -> pd.DataFrame:
    with fs.open(path, "rb") as file:
        parquet = pq.ParquetFile(file)
        names = parquet.schema_arrow.names
        for column in columns or ():
            if column not in names:
                raise StoreError(f"{path}: no column {column}{did_you_mean(column, names)}")
        found: pd.DataFrame = parquet.read(columns=columns).to_pandas()
        return found


@lru_cache(maxsize=4096)  # tables never change
def _span(uri: str, column: str) -> tuple[Any, Any] | None:
    fs, inner = open_place(uri)
    with fs.open(inner, "rb") as file:
        found = pq.ParquetFile(file).metadata
        place = found.schema.names.index(column)
        parts = [found.row_group(group).column(place).statistics for group in range(found.num_row_groups)]
    if not parts or not all(part is not None and part.has_min_max for part in parts):
        return None
    return min(part.min for part in parts), max(part.max for part in parts)


def _write(fs: Any, path: str, table: pa.Table) -> None:
    if "file" not in (fs.protocol if isinstance(fs.protocol, tuple | list) else (fs.protocol,)):
        _upload(fs, path, table)
        return
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    _sweep(target.parent)
    aside = target.with_name(f"{target.stem}.{uuid.uuid4().hex}.part")
    try:
        with aside.open("wb") as file:
            pq.write_table(table, file, compression="zstd", row_group_size=_ROW_GROUP)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(target)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the rename itself must survive a power cut
    finally:
        os.close(folder)


def _upload(fs: Any, path: str, table: pa.Table) -> None:
    """Write a table elsewhere in one go: an object store shows an object only once it is complete.

    Closing a file that was half written would complete it, so it is written here first.
    """
    with tempfile.TemporaryDirectory(prefix="evergreen-table-") as folder:
        whole = Path(folder) / "table.parquet"
        pq.write_table(table, whole, compression="zstd", row_group_size=_ROW_GROUP)
        fs.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
        fs.put_file(str(whole), path)


def _is_near(path: str) -> bool:
    return "://" not in path or path.startswith("file://")


def _unread(error: BaseException) -> str:
    return what_broke(error) or f"cannot be read ({error}); remove the file and run again what wrote it"


def _far(error: BaseException) -> str:
    return what_broke(error) or f"cannot be written ({error}); look at the place that EVERGREEN_STORE names"


def _sweep(folder: Path) -> None:
    """Remove what killed writers left behind; a day is longer than any write that still lives."""
    for leftover in folder.glob("*.part"):
        try:
            if time.time() - leftover.stat().st_mtime > _DAY_SECONDS:
                leftover.unlink()
                log.info("%s: removed, its writer died", leftover)
        except FileNotFoundError:  # another writer swept it first
            continue
