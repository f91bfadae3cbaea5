"""Tables as Parquet, so that memory holds no more of them than is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from evergreen.errors import StoreError, did_you_mean
from evergreen.io.filesystems import is_near, open_place

#: Small enough that a reader of one day skips most of a year, large enough to compress well.
_ROW_GROUP = 131_072
#: Bytes from which a table is not kept between two reads: to read it again costs less than to hold it. And about those
#: of a value in memory.
_LARGE, _WIDTH = 256 * 2**20, 8
#: Values of a column that tell whether they repeat.
_LOOKED_AT = 1000


def taken(frame: pd.DataFrame, rows: NDArray[np.int64]) -> pd.DataFrame:
    """Some rows by their positions, ascending; without a copy where they follow each other."""
    if len(rows) and rows[-1] - rows[0] == len(rows) - 1:
        return frame.iloc[rows[0] : rows[-1] + 1]
    return frame.iloc[rows]


def read_frame(
    fs: Any, path: str, columns: Sequence[str] | None = None, rows: NDArray[np.int64] | None = None
) -> pd.DataFrame:
    """A file, some of its columns, or rows by their positions, ascending.

    Raises:
        StoreError: there is no such column.
    """
    with fs.open(path, "rb") as file:
        # Without a buffer for whole row groups, and each column let go as its values are taken over: a table is held
        # once, not twice.
        parquet = pq.ParquetFile(file, pre_buffer=not is_near(fs))
        names = parquet.schema_arrow.names
        for column in columns or ():
            if column not in names:
                raise StoreError(f"{path}: no column {column}{did_you_mean(column, names)}")
        wanted = None if columns is None else list(columns)
        table = parquet.read(columns=wanted) if rows is None else _some_rows(parquet, wanted, rows)
        found: pd.DataFrame = table.to_pandas(split_blocks=True, self_destruct=True)
        return found


def _some_rows(parquet: pq.ParquetFile, columns: list[str] | None, rows: NDArray[np.int64]) -> pa.Table:
    """Rows by their positions, of one row group after the other."""
    parts, start = [parquet.schema_arrow.empty_table().select(columns or parquet.schema_arrow.names)], 0
    for number in range(parquet.num_row_groups):
        end = start + parquet.metadata.row_group(number).num_rows
        own = rows[np.searchsorted(rows, start) : np.searchsorted(rows, end)] - start
        if len(own):
            group = parquet.read_row_group(number, columns)
            parts.append(group if len(own) == len(group) else group.take(own))
        start = end
    return pa.concat_tables(parts)


@lru_cache(maxsize=256)  # tables never change
def metadata(uri: str) -> pq.FileMetaData:
    """What a file says of itself: rows, columns, row groups."""
    fs, inner = open_place(uri)
    with fs.open(inner, "rb") as file:
        return pq.ParquetFile(file).metadata


def is_large(uri: str) -> bool:
    """Whether a table is too large to be kept between two reads."""
    found = metadata(uri)
    return bool(found.num_rows * found.num_columns * _WIDTH > _LARGE)


@lru_cache(maxsize=4096)
def span(uri: str, column: str) -> tuple[Any, Any] | None:
    """The least and the greatest value of a column by the file's statistics; None where they do not say."""
    found = metadata(uri)
    place = found.schema.names.index(column)
    parts = [found.row_group(group).column(place).statistics for group in range(found.num_row_groups)]
    if not parts or not all(part is not None and part.has_min_max for part in parts):
        return None
    return min(part.min for part in parts), max(part.max for part in parts)


def write_parquet(table: pa.Table, file: Any) -> None:
    """A dictionary only where values repeat: of a column of ever new ones it took six times as long as all the rest."""
    names = [name for name in table.column_names if _repeats(table.column(name))]
    pq.write_table(table, file, compression="zstd", row_group_size=_ROW_GROUP, use_dictionary=names)


def _repeats(values: pa.ChunkedArray) -> bool:
    """Whether at least half of some values spread over a column stand among them before."""
    if pa.types.is_nested(values.type) or pa.types.is_dictionary(values.type):
        return bool(pa.types.is_dictionary(values.type))
    some = values.take(np.linspace(0, max(len(values) - 1, 0), min(len(values), _LOOKED_AT)).astype("int64"))
    return bool(2 * len(some.unique()) <= len(some))
