"""Tables that never change, named by the digest of what they hold, over any fsspec file system."""

from __future__ import annotations

import logging
import os
import tempfile
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from evergreen.errors import StoreError
from evergreen.io.allocator import give_back
from evergreen.io.digests import arrow_table, digest_of
from evergreen.io.filesystems import FAILURES, NO_PLACE, is_near, open_place, what_broke
from evergreen.io.recent import Recent
from evergreen.io.tables import is_large, metadata, read_frame, span, taken, write_parquet

log = logging.getLogger(__name__)

_DAY_SECONDS = 86_400


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
        except (pa.ArrowException, *NO_PLACE, *FAILURES) as error:
            raise StoreError(f"{path}: {_unwritten(path, error)}") from error
        return StoredTable(path, len(frame), name)

    def probe(self) -> None:
        """Write a small file beside the tables, and remove it.

        Raises:
            StoreError: the place cannot be written; the message says what to do.
        """
        path = f"{self.uri}/probe-{uuid.uuid4().hex}"
        try:
            fs, inner = open_place(path)
            fs.makedirs(inner.rsplit("/", 1)[0], exist_ok=True)
            fs.pipe_file(inner, b"written")
            fs.rm_file(inner)
        except (*NO_PLACE, *FAILURES) as error:
            raise StoreError(f"{self.uri}: {_unwritten(path, error)}") from error

    def read(
        self, uri: str, columns: Sequence[str] | None = None, rows: NDArray[np.int64] | None = None
    ) -> pd.DataFrame:
        """Read a table, or a part of it, with the types it was written with and a fresh index.

        A whole table stays in memory until another is read, unless it is large: of that one only what is asked for is
        ever there. What the caller does to its frame does not touch what is kept.

        Args:
            uri: As ``write`` gave it.
            columns: Some of its columns, in this order.
            rows: Positions of some of its rows, ascending.

        Raises:
            StoreError: there is no such table or column, or its file is damaged.
        """
        try:
            fs, inner = open_place(uri)
            large = is_large(uri)
            if large:
                give_back()
            if columns is not None or large:
                found = read_frame(fs, inner, columns, rows)
                pa.default_memory_pool().release_unused()  # the pieces that the columns were put together from
                return found if columns is None else found[list(columns)]
            whole = _whole.get(f"{uri} {fs.ukey(inner)}", lambda: read_frame(fs, inner))
            return whole.copy(deep=False) if rows is None else taken(whole, rows).reset_index(drop=True)
        except FileNotFoundError:
            raise StoreError(f"{uri}: no such table; run again what wrote it") from None
        except (pa.ArrowException, *FAILURES) as error:
            raise StoreError(f"{uri}: {_unread(error)}") from error

    def columns(self, uri: str) -> list[str]:
        """The names of a table's columns.

        Raises:
            StoreError: there is no such table, or its file is damaged.
        """
        try:
            return list(metadata(uri).schema.names)
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
            return span(uri, column)
        except FileNotFoundError:
            raise StoreError(f"{uri}: no such table; run again what wrote it") from None
        except (pa.ArrowException, *FAILURES) as error:
            raise StoreError(f"{uri}: {_unread(error)}") from error


_whole: Recent[pd.DataFrame] = Recent()


def _write(fs: Any, path: str, table: pa.Table) -> None:
    if not is_near(fs):
        _upload(fs, path, table)
        return
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    _sweep(target.parent)
    aside = target.with_name(f"{target.stem}.{uuid.uuid4().hex}.part")
    try:
        with aside.open("wb") as file:
            write_parquet(table, file)
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
        write_parquet(table, whole)
        fs.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
        fs.put_file(str(whole), path)


def _is_near(path: str) -> bool:
    return "://" not in path or path.startswith("file://")


def _unread(error: BaseException) -> str:
    return what_broke(error) or f"cannot be read ({error}); remove the file and run again what wrote it"


def _unwritten(path: str, error: BaseException) -> str:
    if _is_near(path):
        reason = getattr(error, "strerror", None) or str(error)
        return f"cannot be written ({reason}); free space or set EVERGREEN_STORE"
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
