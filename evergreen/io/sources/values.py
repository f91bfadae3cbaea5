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
from evergreen.io.sources.arrow_types import LEFT_OUT, plain

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
        self._schema = pa.schema([])
        self._long = set[str]()  # columns with whole numbers beyond 63 bits

    def add(self, columns: Mapping[str, Sequence[Any]]) -> None:
        """Take a piece: the values of each column, of one length.

        Raises:
            DataError: a column mixes types, or holds lists or mappings.
        """
        flat = dict(self._flat(columns))
        piece = pa.table({name: packed(values, f"{self._source}: column {name}") for name, values in flat.items()})
        self._long |= {name for name, values in flat.items() if _is_long(piece[name], values)}
        piece, before = _written_out(piece, self._long), _written_out(self._schema.empty_table(), self._long)
        try:
            self._schema = pa.unify_schemas([before.schema, piece.schema], promote_options="permissive")
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            raise DataError(f"{self._source}: {_clash(before.schema, piece.schema)}; write it one way") from None
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
        for name in self._columns or ():
            if name not in self._schema.names:
                raise DataError(f"{self._source}: no column {name}{did_you_mean(name, self._seen)}")
        # What holds nothing but nulls has no type of its own.
        fields = [field.with_type(pa.float64()) if pa.types.is_null(field.type) else field for field in self._schema]
        pieces, self._pieces = [_written_out(piece, self._long) for piece in self._pieces], []
        table = pa.concat_tables([pa.schema(fields).empty_table(), *pieces], promote_options="permissive")
        for name in self._long & {*table.column_names}:
            table = table.set_column(table.column_names.index(name), name, _of_64_bits(table[name]))
        rows = plain(table)
        return rows if self._columns is None else rows[list(self._columns)]


def packed(values: Sequence[Any], where: str) -> pa.Array:
    """Python's values as an array with every digit: whole numbers beyond 64 bits become text.

    Raises:
        DataError: they are of several types, or nested.
    """
    present = next((value for value in values if value is not None), None)
    if isinstance(present, uuid.UUID):
        values = [None if value is None else str(value) for value in values]
    elif isinstance(present, dict | list | tuple | set):
        raise DataError(f"{where} is nested; flatten it, or leave it out")
    elif any(isinstance(value, Decimal) for value in values):
        values = _undecimal(values)
    try:
        array = pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        kinds = {type(value) for value in values if value is not None}
        if kinds == {int}:
            return pa.array([None if value is None else str(value) for value in values], pa.string())
        if kinds <= {bool, int, float}:  # 1 and true side by side
            return pa.array(np.array([np.nan if value is None else float(value) for value in values]), from_pandas=True)
        names = " and ".join(sorted(kind.__name__ for kind in kinds))
        raise DataError(f"{where} mixes {names}; write it one way") from None
    if pa.types.is_nested(array.type):
        raise DataError(f"{where} is nested; flatten it, or leave it out")
    return array


def _undecimal(values: Sequence[Any]) -> list[Any]:
    """Decimals as whole numbers, where none has a fraction, or as the doubles nearest to them."""
    whole = all(
        value is None or isinstance(value, int) or (isinstance(value, Decimal) and value.as_tuple().exponent == 0)
        for value in values
    )
    kind = int if whole else float
    return [None if value is None else kind(value) for value in values]


def _is_long(column: pa.ChunkedArray, values: Sequence[Any]) -> bool:
    """Whether whole numbers did not fit 63 bits, and became text."""
    first = next((value for value in values if value is not None), None)
    return isinstance(first, int | Decimal) and pa.types.is_string(column.type)


def _written_out(table: pa.Table, names: Collection[str]) -> pa.Table:
    """The table with whole numbers of these columns as text."""
    for index, field in enumerate(table.schema):
        if field.name in names and (pa.types.is_integer(field.type) or pa.types.is_null(field.type)):
            table = table.set_column(index, field.name, table.column(index).cast(pa.string()))
    return table


def _of_64_bits(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Digits as whole numbers, where 64 bits hold all of them."""
    try:
        return texts.cast(pa.uint64())
    except pa.ArrowInvalid:
        return texts


def _clash(ours: pa.Schema, theirs: pa.Schema) -> str:
    for field in theirs:
        if field.name in ours.names:
            pair = [pa.schema([ours.field(field.name)]), pa.schema([field])]
            try:
                pa.unify_schemas(pair, promote_options="permissive")
            except (pa.ArrowInvalid, pa.ArrowTypeError):
                return f"column {field.name} holds {field.type} after {ours.field(field.name).type}"
    return "its columns do not fit together"
