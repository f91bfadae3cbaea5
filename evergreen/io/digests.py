"""The digest of a table: the same for the same names, types and values, however they lie in memory."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from evergreen.errors import StoreError

#: Numbers whose bytes are made at once.
_AT_A_TIME = 1 << 20


def digest(frame: pd.DataFrame) -> str:
    """32 hexadecimal digits of SHA-256 over column names, types and every value, in order; the index has no say.

    NaN and null are the same, and so are two frames that differ only in how pandas chunks or shares their memory.

    Raises:
        StoreError: a column mixes types.
    """
    return digest_of(frame, arrow_table(frame, "digest"))


def arrow_table(frame: pd.DataFrame, where: str) -> pa.Table:
    """A frame as Arrow; ``where`` is named in errors.

    Raises:
        StoreError: a column stands twice, or mixes types.
    """
    names = [str(name) for name in frame.columns]
    if len(set(names)) < len(names):
        raise StoreError(f"{where}: column {max(names, key=names.count)} stands twice; rename one of them")
    try:
        return pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowException, TypeError) as error:
        reason = " ".join(str(part) for part in error.args)
        raise StoreError(f"{where}: a column mixes types and cannot be stored ({reason}); give it one type") from error


def digest_of(frame: pd.DataFrame, table: pa.Table) -> str:
    """The digest of a frame that is at hand as Arrow already."""

    def one(column: str) -> bytes:
        values = table.column(column)
        state = hashlib.sha256(f"{column}\0{frame[column].dtype}\0{len(values)}\0".encode())
        for size, pieces in _parts(values):
            state.update(size.to_bytes(8, "little"))
            for piece in pieces:
                state.update(piece)
        return state.digest()

    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as threads:  # hashing lets go of the GIL
        columns = list(threads.map(one, table.column_names))
    return hashlib.sha256(len(frame).to_bytes(8, "little") + b"".join(columns)).hexdigest()[:32]


def _parts(values: pa.ChunkedArray) -> Iterator[tuple[int, Iterable[Any]]]:
    """The bytes of a column, the same for equal values whatever lies under nulls or beyond a slice.

    Each part is its length in items, and pieces that follow each other: numbers are made a piece at a time.
    """
    yield _whole(np.packbits(pc.is_null(values).to_numpy().astype(bool, copy=False)).data if values.null_count else b"")
    kind = values.type
    if pa.types.is_dictionary(kind):
        array = values.combine_chunks() if values.num_chunks != 1 else values.chunk(0)
        yield _whole(str(kind.ordered).encode())
        yield from _parts(pa.chunked_array([array.dictionary]))
        yield from _parts(pa.chunked_array([array.indices.cast(pa.int64())]))
    elif pa.types.is_null(kind):
        yield _whole(b"")
    elif pa.types.is_boolean(kind):
        yield _whole(np.packbits(pc.fill_null(values, False).to_numpy()).data)
    elif pa.types.is_primitive(kind):
        starts = range(0, len(values), _AT_A_TIME)
        yield len(values), (np.ascontiguousarray(_filled(values.slice(at, _AT_A_TIME))) for at in starts)
    else:
        yield from map(_whole, _texts(values))


def _whole(part: Any) -> tuple[int, Iterable[Any]]:
    """A part in one piece."""
    return len(part), (part,)


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
