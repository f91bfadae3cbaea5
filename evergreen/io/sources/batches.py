"""A file of any size, some thousand rows at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.parquet as pq

from evergreen.data import clean
from evergreen.errors import DataError
from evergreen.handoffs import Lost
from evergreen.io.filesystems import FAILURES, what_broke
from evergreen.io.sources.arrow_types import is_opaque, plain
from evergreen.io.sources.lines import pieces as objects_of
from evergreen.io.sources.listing import File, find
from evergreen.io.sources.names import told_apart
from evergreen.io.sources.parquet import flattened, hive_fields
from evergreen.io.sources.text import pieces_of
from evergreen.io.sources.values import Rows
from evergreen.spec import Read

_ROWS = 65_536


def batches(
    source: str,
    root: Path,
    texts: Collection[str] = (),
    how: Read | None = None,
    lost: dict[str, Lost] | None = None,
) -> Iterator[pd.DataFrame]:
    """The rows of a file, a folder or a glob in their order, in frames of a size that does not grow with the file.

    Each batch finds its own types: what must not be read as a number although it looks like one stands in ``texts``.
    A file without rows gives nothing.

    Args:
        source: CSV, JSON lines, Parquet or Feather; relative to ``root``, or any fsspec URL.
        root: Where relative paths begin.
        texts: Columns of a CSV that stay text.
        how: How to read values that the files write in a way of their own.
        lost: Is given, with each batch, what of it could not be read so.

    Raises:
        DataError: there is no such file, or it is no table.
    """
    fs, files = find(source, root)
    fields = {field.name: field.type for field in hive_fields(files)}

    def given(file: File) -> dict[str, int | str | None]:
        """What the folders' names say, typed as where the source is read whole."""
        typed = files[0].kind in ("Parquet", "Feather")
        return {
            name: int(value) if typed and value is not None and pa.types.is_integer(fields[name]) else value
            for name, value in file.hive.items()
        }

    for file in files:
        for rows in _batches(fs, file, texts, how):
            if len(rows):
                folders = {name: value for name, value in given(file).items() if name not in rows}
                yield clean(rows.assign(**folders), how, lost).reset_index(drop=True)


def _batches(fs: Any, file: File, texts: Collection[str], how: Read | None) -> Iterator[pd.DataFrame]:
    if file.kind == "CSV":
        yield from pieces_of(fs, file, texts, how)
    elif file.kind == "JSON lines":
        for objects in objects_of(fs, file):
            rows = Rows(file.path)
            names = dict.fromkeys(name for one in objects for name in one)
            rows.add({name: [one.get(name) for one in objects] for name in names})
            yield rows.frame()
    else:
        yield from _tables(fs, file)


def _tables(fs: Any, file: File) -> Iterator[pd.DataFrame]:
    try:
        with fs.open(file.path, "rb") as handle:
            if file.kind == "Feather":
                opened = ipc.open_file(handle)
                for number in range(opened.num_record_batches):
                    yield _rows(opened.get_batch(number))
            else:
                for batch in pq.ParquetFile(handle).iter_batches(_ROWS):
                    yield _rows(batch)
    except (pa.ArrowException, *FAILURES) as error:
        broken = what_broke(error) or f"cannot be read as {file.kind} ({error}); write the file again"
        raise DataError(f"{file.path}: {broken}") from error


def _rows(batch: pa.RecordBatch) -> pd.DataFrame:
    table = pa.Table.from_batches([batch]).rename_columns(told_apart(batch.schema.names))
    flat = flattened(table.replace_schema_metadata(None))  # an index or a type of pandas is none of the file's
    return plain(flat.select([field.name for field in flat.schema if not is_opaque(field.type)]))
