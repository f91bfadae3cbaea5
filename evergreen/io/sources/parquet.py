"""Parquet and Feather files of one source as one frame; Parquet's row groups outside the window are skipped."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.ipc as ipc
import pyarrow.parquet as pq

from evergreen.errors import DataError, did_you_mean
from evergreen.io.filesystems import FAILURES, is_near, what_broke
from evergreen.io.sources.arrow_types import LEFT_OUT, is_opaque, plain, simple_table, simple_type
from evergreen.io.sources.listing import File, find
from evergreen.io.sources.names import renamed, told_apart

#: Local times differ from UTC by less; the exact window is cut after they have become moments.
_SLACK = timedelta(days=1)

logger = logging.getLogger(__name__)


def read_parquet(
    fs: Any,
    files: Sequence[File],
    columns: Sequence[str] | None,
    hive: Sequence[str],
    window: tuple[str | None, datetime | None, datetime | None] = (None, None, None),
) -> pd.DataFrame:
    """Read files of one source; a column that only some of them have is null in the others.

    Args:
        fs: Their fsspec file system.
        files: At least one.
        columns: The columns to read; all by default.
        hive: Columns that the folders' names give.
        window: The event time, and the first moments of and after the window, with a zone; None for no bound. Rows
            within a day of it are read, too.

    Raises:
        DataError: a file is empty, damaged or no table, or a column is missing, nested, or of another type than in the
            files before.
    """
    schemas = [_schema(fs, file) for file in files]
    unified = _unified(files, schemas)
    folders = [field for field in hive_fields(files) if field.name in hive and field.name not in unified.names]
    kinds = {field.name: field.type for field in [*unified, *folders]}
    names = _useful(kinds, files[0].path) if columns is None else list(columns)
    for name in names:
        if name not in kinds:
            raise DataError(f"{files[0].path}: no column {name}{did_you_mean(name, kinds)}")
        if is_opaque(kinds[name]):
            raise DataError(f"{files[0].path}: column {name} holds {kinds[name]}; flatten it, or leave it out")
    pieces = [pa.schema([(name, kinds[name]) for name in names]).empty_table()]
    try:
        # Files of one schema are read together, and the values made simple before they meet those of another.
        for schema, run in groupby(range(len(files)), schemas.__getitem__):
            some = [files[number] for number in run]
            pieces.append(_piece(fs, some, pa.schema([*schema, *folders]), folders, names, window))
        return plain(pa.concat_tables(_emptied(pieces), promote_options="permissive"))
    except (pa.ArrowException, *FAILURES) as error:
        raise _unreadable(files[0], error) from error


def _emptied(pieces: list[pa.Table]) -> Iterator[pa.Table]:
    """The pieces, of which the list then holds none: nobody else keeps a table that is being taken over."""
    while pieces:
        yield pieces.pop(0)


def _piece(
    fs: Any,
    files: Sequence[File],
    schema: pa.Schema,
    folders: Sequence[pa.Field],
    names: Sequence[str],
    window: tuple[str | None, datetime | None, datetime | None],
) -> pa.Table:
    """The simple columns of files of one schema, as far as they have them."""
    flat = {name: top for name, (top, _) in _flat(schema)}
    own = [name for name in names if name in flat]
    if len(set(schema.names)) < len(schema.names):  # no data set reads files in which a name stands twice
        tables = [_in_folders(_whole(fs, file), file, folders) for file in files]
        return simple_table(flattened(pa.concat_tables(tables)).select(own))
    time, start, end = window
    chosen = window_filter(schema.field(time).type, time, start, end) if time and time in schema.names else None
    dataset = ds.dataset(
        [file.path for file in files], schema=schema, format=_format(fs, files[0].kind), filesystem=fs,
        partitioning=ds.partitioning(pa.schema(folders), flavor="hive") if folders else None,
    )  # fmt: skip
    taken = list(dict.fromkeys(flat[name] for name in own))
    return simple_table(flattened(dataset.to_table(columns=taken, filter=chosen)).select(own))


def _whole(fs: Any, file: File) -> pa.Table:
    """A file, of which columns of one name are told apart."""
    with fs.open(file.path, "rb") as handle:
        table = ipc.open_file(handle).read_all() if file.kind == "Feather" else pq.ParquetFile(handle).read()
    return table.rename_columns(told_apart(table.column_names)).replace_schema_metadata(None)


def _in_folders(table: pa.Table, file: File, folders: Sequence[pa.Field]) -> pa.Table:
    """A table with the columns that its folders' names give."""
    for field in folders:
        value = pa.scalar(file.hive.get(field.name)).cast(field.type)
        table = table.append_column(field, pa.array([value.as_py()] * len(table), field.type))
    return table


def _format(fs: Any, kind: str) -> ds.FileFormat:
    """How files are read: those at hand without a buffer for whole row groups, which holds a table twice."""
    if kind == "Feather":
        return ds.FeatherFileFormat()
    return ds.ParquetFileFormat(default_fragment_scan_options=ds.ParquetFragmentScanOptions(pre_buffer=not is_near(fs)))


def _flat(schema: pa.Schema, before: str = "", top: str = "") -> Iterator[tuple[str, tuple[str, pa.DataType]]]:
    """Columns, objects' keys as ``object.key``, each with the column that it stands in and its simple type."""
    for own, field in zip(told_apart(schema.names), schema, strict=True):
        name = before + own
        if pa.types.is_struct(field.type):
            yield from _flat(pa.schema(list(field.type)), f"{name}.", top or name)
        else:
            yield name, (top or name, simple_type(field.type))


def _useful(kinds: Mapping[str, pa.DataType], path: str) -> list[str]:
    for name, kind in kinds.items():
        if is_opaque(kind):
            logger.warning(LEFT_OUT, path, name)
    return [name for name, kind in kinds.items() if not is_opaque(kind)]


def flattened(table: pa.Table) -> pa.Table:
    """Objects become columns ``object.key``."""
    while any(pa.types.is_struct(kind) for kind in table.schema.types):
        table = table.flatten()
    return table


def _unified(files: Sequence[File], schemas: Sequence[pa.Schema]) -> pa.Schema:
    """The simple schema that fits all files; integers beside floats become floats.

    Raises:
        DataError: a file has a column of another type than the files before it.
    """
    unified: pa.Schema | None = None
    for file, own in zip(files, schemas, strict=True):
        if names := renamed(own.names):
            logger.info("%s: %s", file.path, "; ".join(names))
        schema = pa.schema([(name, kind) for name, (_, kind) in _flat(own)])
        try:
            unified = schema if unified is None else pa.unify_schemas([unified, schema], promote_options="permissive")
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            raise DataError(f"{file.path}: {_clash(unified, schema)}; write all files with one type") from None
    return unified


def names_of(source: str, root: Path) -> list[str]:
    """The names of the columns in the first file of a source of typed files, as they stand there; none of JSON."""
    fs, files = find(source, root)
    return list(_schema(fs, files[0]).names) if files[0].kind in ("Parquet", "Feather") else []


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
