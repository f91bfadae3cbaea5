"""Arrow's many types as the few that models understand, with every digit and letter that they hold."""

from __future__ import annotations

import uuid
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from evergreen.whole_numbers import EXACT_FLOAT

_TICKS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
#: What is said of a column that holds nothing which a model can look at.
LEFT_OUT = "%s: column %s holds lists or bytes and is left out; make columns of it where it matters"

#: pandas' types with nulls, where its usual ones would change values.
_NULLABLE: dict[pa.DataType, Any] = {
    pa.bool_(): pd.BooleanDtype(), pa.int64(): pd.Int64Dtype(), pa.uint64(): pd.UInt64Dtype(),
}  # fmt: skip


def simple_type(kind: pa.DataType) -> pa.DataType:
    """The type of a column's values, however they are packed: what :func:`simple` gives."""
    if isinstance(kind, pa.UuidType):
        return pa.string()
    if isinstance(kind, pa.Bool8Type):
        return pa.bool_()
    if isinstance(kind, pa.BaseExtensionType):
        return simple_type(kind.storage_type)
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return simple_type(kind.value_type)
    if pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_date(kind):
        return pa.timestamp("us")
    if pa.types.is_float16(kind) or pa.types.is_time(kind) or pa.types.is_duration(kind) or _has_fractions(kind):
        return pa.float64()
    return kind


def is_opaque(kind: pa.DataType) -> bool:
    """Whether values of this type are nothing that a model can look at."""
    kind = simple_type(kind)
    packed = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary, pa.types.is_binary_view)
    return pa.types.is_nested(kind) or pa.types.is_interval(kind) or any(is_one(kind) for is_one in packed)


def simple(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column with the type that :func:`simple_type` names; decimals become the double nearest to what is written."""
    kind = column.type
    wanted = simple_type(kind)
    if isinstance(kind, pa.UuidType):
        texts = [None if value is None else str(uuid.UUID(bytes=value)) for value in _storage(column).to_pylist()]
        return pa.chunked_array([pa.array(texts, pa.string())])
    if isinstance(kind, pa.BaseExtensionType):
        return simple(_storage(column)).cast(wanted)
    if pa.types.is_run_end_encoded(kind):
        return simple(pa.chunked_array([pc.run_end_decode(chunk) for chunk in column.chunks], kind.value_type))
    if pa.types.is_dictionary(kind):
        return simple(column.cast(kind.value_type))
    if pa.types.is_decimal(kind) and wanted != kind:
        return column.cast(pa.string()).cast(wanted)  # Arrow's own way may miss the nearest double
    if pa.types.is_time(kind) or pa.types.is_duration(kind):
        ticks = column.cast(pa.int32() if pa.types.is_time32(kind) else pa.int64()).cast(pa.float64())
        return pc.divide(ticks, _TICKS[kind.unit])
    return column if wanted == kind else column.cast(wanted)


def simple_table(table: pa.Table) -> pa.Table:
    """A table of which every column is simple."""
    for index, field in enumerate(table.schema):
        if simple_type(field.type) != field.type:
            table = table.set_column(index, field.name, simple(table.column(index)))
    return table


def plain(table: pa.Table) -> pd.DataFrame:
    """The table with types that models understand.

    Decimals become floats, or whole numbers where they have no fractions, dates datetimes, times of day and durations
    seconds, dictionaries what they stand for. Whole numbers and booleans with nulls are nullable where floats would
    lose digits; whole numbers that no type of 64 bits holds are text.
    """
    table = simple_table(table)
    for index, field in enumerate(table.schema):
        if pa.types.is_decimal(field.type):
            table = table.set_column(index, field.name, _whole(table.column(index)))
    apart = [index for index in range(table.num_columns) if _needs_nulls(table.column(index))]
    beside = {index: _NULLABLE[table.schema.types[index]].__from_arrow__(table.column(index)) for index in apart}
    kept = [index for index in range(table.num_columns) if index not in beside]
    names = table.column_names
    # A table of its own: the one that was given may still be looked at, this one may not. Each column goes as its
    # values are taken over, unless somebody else holds it.
    taken = pa.Table.from_arrays([table.column(at) for at in kept], names=[names[at] for at in kept])
    rows = pd.RangeIndex(table.num_rows)
    del table
    frame: pd.DataFrame = taken.to_pandas(split_blocks=True, self_destruct=True) if kept else pd.DataFrame(index=rows)
    for index, values in beside.items():
        frame.insert(index, names[index], values)
    return frame


def _has_fractions(kind: pa.DataType) -> bool:
    return bool(pa.types.is_decimal(kind) and kind.scale != 0)


def _whole(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Decimals without fractions as whole numbers, or as text where they have more digits than those can."""
    for kind in (pa.int64(), pa.uint64()):
        try:
            return column.cast(kind)
        except pa.ArrowInvalid:
            continue
    return column.cast(pa.string())


def _needs_nulls(column: pa.ChunkedArray) -> bool:
    """Whether a column with nulls is one of truth values, or of whole numbers that floats would round."""
    if not column.null_count or column.type not in _NULLABLE:
        return False
    if pa.types.is_boolean(column.type):
        return True
    least, most = pc.min_max(column).as_py().values()
    return most is not None and bool(max(-least, most) >= EXACT_FLOAT)


def _storage(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(column.type.storage_type)
