"""Parquet and Feather files of one source as one frame; Parquet's row groups outside the window are skipped."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.ipc as ipc
import pyarrow.parquet as pq

from evergreen.errors import DataError, did_you_mean
from evergreen.io.filesystems import FAILURES, is_near, what_broke
from evergreen.io.sources.listing import File

#: Local times differ from UTC by less; the exact window is cut after they have become moments.
_SLACK = timedelta(days=1)
_TICKS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
#: What is said of a column that holds nothing which a model can look at.
LEFT_OUT = "%s: column %s holds lists or bytes and is left out; make columns of it where it matters"

logger = logging.getLogger(__name__)


def read_parquet(
    fs: Any,
    files: Sequence[File],
    schema: pa.Schema,
    columns: Sequence[str] | None,
    hive: Sequence[str],
    window: pc.Expression | None,
) -> pd.DataFrame:
    """Read files of one source; a column that only some of them have is null in the others.

    Args:
        fs: Their fsspec file system.
        files: At least one.
        schema: The one that fits them, from :func:`unified_schema`.
        columns: The columns to read; all by default.
        hive: Columns that the folders' names give.
        window: Which rows to read, from :func:`window_filter`.

    Raises:
        DataError: a file is damaged, or a column is missing or nested.
    """
    folders = [field for field in hive_fields(files) if field.name in hive and field.name not in schema.names]
    for field in folders:
        schema = schema.append(field)
    flat = dict(_flat(schema))
    names = _useful(flat, files[0].path) if columns is None else list(columns)
    for name in names:
        if name not in flat:
            raise DataError(f"{files[0].path}: no column {name}{did_you_mean(name, flat)}")
        if is_opaque(flat[name][1]):
            raise DataError(f"{files[0].path}: column {name} holds {flat[name][1]}; flatten it, or leave it out")
    partitioning = ds.partitioning(pa.schema(folders), flavor="hive") if folders else None
    try:
        dataset = ds.dataset(
            [file.path for file in files], schema=schema, format=_format(fs, files[0].kind), filesystem=fs,
            partitioning=partitioning,
        )  # fmt: skip
        taken = list(dict.fromkeys(flat[name][0] for name in names))
        return plain(flattened(dataset.to_table(columns=taken, filter=window)).select(names))
    except (pa.ArrowException, *FAILURES) as error:
        raise _unreadable(files[0], error) from error


def _format(fs: Any, kind: str) -> ds.FileFormat:
    """How files are read: those at hand without a buffer for whole row groups, which holds a table twice."""
    if kind == "Feather":
        return ds.FeatherFileFormat()
    return ds.ParquetFileFormat(default_fragment_scan_options=ds.ParquetFragmentScanOptions(pre_buffer=not is_near(fs)))


def _flat(schema: pa.Schema, before: str = "", top: str = "") -> Iterator[tuple[str, tuple[str, pa.DataType]]]:
    """Columns, objects' keys as ``object.key``, each with the column that it stands in and its type."""
    for field in schema:
        name = before + field.name
        if pa.types.is_struct(field.type):
            yield from _flat(pa.schema(list(field.type)), f"{name}.", top or name)
        else:
            yield name, (top or name, field.type)


def is_opaque(kind: pa.DataType) -> bool:
    """Whether values of this type are nothing that a model can look at."""
    binary = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)
    return pa.types.is_nested(kind) or any(is_one(kind) for is_one in binary)


def _useful(flat: Mapping[str, tuple[str, pa.DataType]], path: str) -> list[str]:
    for name, (_, kind) in flat.items():
        if is_opaque(kind):
            logger.warning(LEFT_OUT, path, name)
    return [name for name, (_, kind) in flat.items() if not is_opaque(kind)]


def flattened(table: pa.Table) -> pa.Table:
    """Objects become columns ``object.key``."""
    while any(pa.types.is_struct(kind) for kind in table.schema.types):
        table = table.flatten()
    return table


def unified_schema(fs: Any, files: Sequence[File]) -> pa.Schema:
    """The schema that fits all files; integers beside floats become floats.

    Raises:
        DataError: a file is empty or no Parquet, has a column twice, or one of another type than the files before it.
    """
    unified: pa.Schema | None = None
    for file in files:
        schema = _schema(fs, file)
        for name in schema.names:
            if schema.names.count(name) > 1:
                raise DataError(f"{file.path}: column {name} stands twice; rename one of them")
        try:
            unified = schema if unified is None else pa.unify_schemas([unified, schema], promote_options="permissive")
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            raise DataError(f"{file.path}: {_clash(unified, schema)}; write all files with one type") from None
    return unified


def window_filter(kind: pa.DataType, time: str, start: datetime | None, end: datetime | None) -> pc.Expression | None:
    """A filter for the window with a day's slack, where the time's type can be compared; null times pass it."""
    if not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        return None

    def bound(moment: datetime) -> pa.Scalar:
        moment = moment.astimezone(UTC).replace(microsecond=0)
        if pa.types.is_date(kind):
            return pa.scalar(moment.date(), pa.date32()).cast(kind)
        naive = pa.scalar(moment.replace(tzinfo=None), pa.timestamp(kind.unit))
        return naive.cast(pa.int64()).cast(kind)

    field, window = pc.field(time), None
    if start is not None:
        window = field >= bound(start - _SLACK)
    if end is not None:
        before = field <= bound(end + _SLACK)
        window = before if window is None else window & before
    return None if window is None else window | field.is_null()


def _schema(fs: Any, file: File) -> pa.Schema:
    try:
        if fs.size(file.path) == 0:
            raise DataError(f"{file.path}: the file is empty; write it again or remove it")
        with fs.open(file.path, "rb") as handle:
            schema = ipc.open_file(handle).schema if file.kind == "Feather" else pq.read_schema(handle)
    except (pa.ArrowException, *FAILURES) as error:
        raise _unreadable(file, error) from error
    return schema.remove_metadata()


def _unreadable(file: File, error: BaseException) -> DataError:
    broken = what_broke(error) or f"cannot be read as {file.kind} ({error}); write the file again"
    return DataError(f"{file.path}: {broken}")


def _clash(ours: pa.Schema, theirs: pa.Schema) -> str:
    for field in theirs:
        if field.name in ours.names and ours.field(field.name).type != field.type:
            try:
                pa.unify_schemas(
                    [pa.schema([ours.field(field.name)]), pa.schema([field])], promote_options="permissive"
                )
            except (pa.ArrowInvalid, pa.ArrowTypeError):
                return f"column {field.name} holds {field.type} here and {ours.field(field.name).type} in other files"
    return "its columns do not fit the other files"


def hive_fields(files: Sequence[File]) -> list[pa.Field]:
    """Columns of folders: whole numbers where every value is one as it stands (``7``, not ``07``), else text."""
    values: dict[str, list[str]] = {}
    for file in files:
        for name, value in file.hive.items():
            values.setdefault(name, []).extend([value] if value is not None else [])
    return [
        pa.field(name, pa.int64() if all(v.isdecimal() and str(int(v)) == v for v in found) else pa.string())
        for name, found in values.items()
    ]


def plain(table: pa.Table) -> pd.DataFrame:
    """The table with types that models understand.

    Decimals become floats, dates datetimes, times of day and durations seconds, dictionaries what they stand for, and
    booleans with nulls nullable.
    """
    column = None
    for index, field in enumerate(table.schema):
        column, kind = table.column(index), field.type
        if pa.types.is_dictionary(kind):
            column = column.cast(kind.value_type)
        elif pa.types.is_decimal(kind) or pa.types.is_float16(kind):
            column = column.cast(pa.float64())
        elif pa.types.is_date(kind):
            column = column.cast(pa.timestamp("us"))
        elif pa.types.is_time(kind) or pa.types.is_duration(kind):
            ticks = column.cast(pa.int32() if pa.types.is_time32(kind) else pa.int64()).cast(pa.float64())
            column = pc.divide(ticks, _TICKS[kind.unit])
        else:
            continue
        table = table.set_column(index, field.name, column)
    nullable = {
        field.name: "boolean"
        for field in table.schema
        if pa.types.is_boolean(field.type) and table.column(field.name).null_count
    }
    # A table of its own: the one that was given may still be looked at, this one may not. Each column goes as its
    # values are taken over, unless somebody else holds it.
    taken = pa.Table.from_arrays(table.columns, schema=table.schema)
    del table, column
    frame: pd.DataFrame = taken.to_pandas(split_blocks=True, self_destruct=True)
    return frame.astype(nullable) if nullable else frame
