"""Tables that never change, named by the digest of what they hold, over any fsspec file system."""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evergreen.errors import StoreError, did_you_mean
from evergreen.io.places import FAILURES, open_place, what_broke

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
        table = _arrow(frame, f"{self.uri}/{kind}")
        name = _digest(frame, table)
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

        Raises:
            StoreError: there is no such table or column, or its file is damaged.
        """
        try:
            fs, inner = open_place(uri)
            with fs.open(inner, "rb") as file:
                parquet = pq.ParquetFile(file)
                names = parquet.schema_arrow.names
                for column in columns or ():
                    if column not in names:
                        raise StoreError(f"{uri}: no column {column}{did_you_mean(column, names)}")
                table = parquet.read(columns=None if columns is None else list(columns))
        except FileNotFoundError:
            raise StoreError(f"{uri}: no such table; run again what wrote it") from None
        except (pa.ArrowException, *FAILURES) as error:
            raise StoreError(f"{uri}: {_unread(error)}") from error
        frame: pd.DataFrame = table.to_pandas()
        return frame if columns is None else frame[list(columns)]

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


def digest(frame: pd.DataFrame) -> str:
    """32 hexadecimal digits of SHA-256 over column names, types and every value, in order; the index has no say.

    NaN and null are the same, and so are two frames that differ only in how pandas chunks or shares their memory.

    Raises:
        StoreError: a column mixes types.
    """
    return _digest(frame, _arrow(frame, "digest"))


def _arrow(frame: pd.DataFrame, where: str) -> pa.Table:
    names = [str(name) for name in frame.columns]
    if len(set(names)) < len(names):
        raise StoreError(f"{where}: column {max(names, key=names.count)} stands twice; rename one of them")
    try:
        return pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowException, TypeError) as error:
        reason = " ".join(str(part) for part in error.args)
        raise StoreError(f"{where}: a column mixes types and cannot be stored ({reason}); give it one type") from error


def _digest(frame: pd.DataFrame, table: pa.Table) -> str:
    def one(column: str) -> bytes:
        values = table.column(column)
        state = hashlib.sha256(f"{column}\0{frame[column].dtype}\0{len(values)}\0".encode())
        for part in _parts(values):
            state.update(len(part).to_bytes(8, "little"))
            state.update(part)
        return state.digest()

    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as threads:  # hashing lets go of the GIL
        columns = list(threads.map(one, table.column_names))
    return hashlib.sha256(len(frame).to_bytes(8, "little") + b"".join(columns)).hexdigest()[:32]


def _parts(values: pa.ChunkedArray) -> Iterator[Any]:
    """The bytes of a column, the same for equal values whatever lies under nulls or beyond a slice."""
    yield np.packbits(pc.is_null(values).to_numpy().astype(bool, copy=False)).data if values.null_count else b""
    kind = values.type
    if pa.types.is_dictionary(kind):
        array = values.combine_chunks() if values.num_chunks != 1 else values.chunk(0)
        yield str(kind.ordered).encode()
        yield from _parts(pa.chunked_array([array.dictionary]))
        yield from _parts(pa.chunked_array([array.indices.cast(pa.int64())]))
    elif pa.types.is_null(kind):
        yield b""
    elif pa.types.is_boolean(kind):
        yield np.packbits(pc.fill_null(values, False).to_numpy()).data
    elif pa.types.is_primitive(kind):
        yield np.ascontiguousarray(_filled(values)).data
    else:
        yield from _texts(values)


def _filled(values: pa.ChunkedArray) -> np.ndarray:
    kind = values.type
    if not pa.types.is_floating(kind):
        values = values.cast(pa.int64(), safe=False) if not pa.types.is_integer(kind) else values
        return np.asarray(pc.fill_null(values, 0).to_numpy())
    numbers: np.ndarray = pc.fill_null(values, 0).to_numpy()
    positive: np.ndarray = numbers + numbers.dtype.type(0)  # -0.0 becomes 0.0
    return positive


def _texts(values: pa.ChunkedArray) -> Iterator[Any]:
    kind = values.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        filled = pc.fill_null(values.cast(pa.large_string()), "")
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        filled = pc.fill_null(values.cast(pa.large_binary()), b"")
    else:  # nested or decimal values: rare, so the slow and certain way
        yield repr(values.to_pylist()).encode()
        return
    yield pc.binary_length(filled).to_numpy().astype("int64").data
    array = filled.combine_chunks()
    array = pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array
    _, offsets, data = array.buffers()
    if len(array) and data is not None:
        edges = np.frombuffer(offsets, dtype="int64")
        yield memoryview(data)[edges[array.offset] : edges[array.offset + len(array)]]


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
