"""Rows that arrive as Python values, piece by piece: of a database's cursor, or of lines of JSON."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from evergreen.errors import DataError, did_you_mean
from evergreen.io.sources.parquet import LEFT_OUT, plain

logger = logging.getLogger(__name__)

#: Rows held as Python values at once.
PIECE = 16_384

Keep = Callable[[pd.DataFrame], pd.DataFrame]


class Rows:
    """The kept rows of a source, packed by Arrow as they arrive; types are those that fit all pieces, kept or not.

    Args:
        source: Its name in errors.
        columns: The columns to keep; all by default.
        time: The event time, by which ``keep`` chooses.
        keep: Takes a frame with the times alone, and gives the rows of it that are wanted; all by default.
    """

    def __init__(
        self, source: str, columns: Collection[str] | None = None, time: str | None = None, keep: Keep | None = None
    ) -> None:
        self._source, self._columns, self._time, self._keep = source, columns, time, keep
        self._pieces: list[pa.Table] = []
        self._left_out, self._seen = set[str](), set[str]()
        self._schema: pa.Schema | None = None

    def add(self, columns: Mapping[str, Sequence[Any]]) -> None:
        """Take a piece: the values of each column, of one length.

        Raises:
            DataError: a column mixes types, or holds lists or mappings.
        """
        flat = dict(self._flat(columns))
        piece = pa.table({name: _packed(values, name, self._source) for name, values in flat.items()})
        schema = piece.schema
        try:
            self._schema = pa.unify_schemas([self._schema or schema, schema], promote_options="permissive")
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            raise DataError(f"{self._source}: {_clash(self._schema or schema, schema)}; write it one way") from None
        if self._keep is not None and self._time in piece.column_names and piece.num_rows:
            times = plain(piece.select([self._time]))
            piece = piece.take(pa.array(self._keep(times).index.to_numpy()))
        self._pieces.append(piece)

    def _flat(self, columns: Mapping[str, Sequence[Any]], before: str = "") -> Iterator[tuple[str, Sequence[Any]]]:
        """Objects become columns ``object.key``; lists are left out, once said, unless they are asked for."""
        for plain_name, values in columns.items():
            name = before + plain_name
            self._seen.add(name)
            asked = self._columns is None or name in self._columns
            present = next((value for value in values if value is not None), None)
            if isinstance(present, dict) and all(value is None or isinstance(value, dict) for value in values):
                keys = dict.fromkeys(str(key) for value in values if value for key in value)
                inner = {key: [None if value is None else value.get(key) for value in values] for key in keys}
                yield from self._flat(inner, f"{name}.")
            elif isinstance(present, list | tuple | set | bytes) and self._columns is None:
                if name not in self._left_out:
                    self._left_out.add(name)
                    logger.warning(LEFT_OUT, self._source, name)
            elif asked:
                yield name, values

    def frame(self) -> pd.DataFrame:
        """All kept rows with a fresh index; a column that only some pieces have is null in the others.

        Raises:
            DataError: a column that was asked for is not there.
        """
        schema = self._schema or pa.schema([])
        for name in self._columns or ():
            if name not in schema.names:
                raise DataError(f"{self._source}: no column {name}{did_you_mean(name, self._seen)}")
        # What holds nothing but nulls has no type of its own.
        fields = [field.with_type(pa.float64()) if pa.types.is_null(field.type) else field for field in schema]
        pieces, self._pieces = self._pieces, []
        table = pa.concat_tables([pa.schema(fields).empty_table(), *pieces], promote_options="permissive")
        rows = plain(table)
        return rows if self._columns is None else rows[list(self._columns)]


def _packed(values: Sequence[Any], name: str, source: str) -> pa.Array:
    present = next((value for value in values if value is not None), None)
    if isinstance(present, uuid.UUID):
        values = [None if value is None else str(value) for value in values]
    elif isinstance(present, dict | list | tuple | set):
        raise DataError(f"{source}: column {name} is nested; flatten it, or leave it out")
    elif any(isinstance(value, Decimal) for value in values):
        values = [None if value is None else float(value) for value in values]
    try:
        array = pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        kinds = sorted({type(value).__name__ for value in values if value is not None})
        if set(kinds) <= {"bool", "int", "float"}:  # 1 and true side by side, or whole numbers beyond 64 bits
            return pa.array(np.array([np.nan if value is None else float(value) for value in values]), from_pandas=True)
        raise DataError(f"{source}: column {name} mixes {' and '.join(kinds)}; write it one way") from None
    if pa.types.is_nested(array.type):
        raise DataError(f"{source}: column {name} is nested; flatten it, or leave it out")
    return array


def _clash(ours: pa.Schema, theirs: pa.Schema) -> str:
    for field in theirs:
        if field.name in ours.names:
            pair = [pa.schema([ours.field(field.name)]), pa.schema([field])]
            try:
                pa.unify_schemas(pair, promote_options="permissive")
            except (pa.ArrowInvalid, pa.ArrowTypeError):
                return f"column {field.name} holds {field.type} after {ours.field(field.name).type}"
    return "its columns do not fit together"
