"""What a client sends as rows of the assembled table: read, cleaned and timed as the model's file says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from evergreen.data import clean
from evergreen.data.times import to_utc
from evergreen.errors import DataError, EvergreenError, did_you_mean
from evergreen.features.expressions import add_expressions, columns_behind
from evergreen.features.rows import RowFeatures
from evergreen.handoffs import TIME
from evergreen.serving.casts import CASTS, ISO, as_number, column_of
from evergreen.spec import ModelSpec, Read

#: Cleaned values that are remembered, of all columns together.
_REMEMBERED = 16_384
_PLAIN = (str, bool, int, float, type(None))


@dataclass(frozen=True)
class FieldError:
    """What is wrong with a field of a row, counted from 0; its value is never repeated."""

    row: int
    field: str
    error: str


class BadRows(DataError):
    """Rows that cannot be predicted, with what is wrong field by field."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__("; ".join(f"row {one.row}: {one.field}: {one.error}" for one in errors))
        self.errors = errors


class RequestRows:
    """Turns mappings of raw values into rows of the assembled table, for one model.

    Args:
        spec: The model's file.
        rows: The version's fitted transformer.

    Attributes:
        columns: The raw columns that a row must bring, sorted.
        texts: Columns of text; in a CSV they may look like numbers.
        kinds: ``number``, ``text`` or ``time`` by raw column, where the model knows it.
    """

    def __init__(self, spec: ModelSpec, rows: RowFeatures) -> None:
        self._time, self._zone, self._exposure = spec.data.time, spec.data.timezone, spec.training.exposure
        expressions = spec.features.expressions
        wanted = columns_behind(rows.inputs, expressions) - {TIME}
        self.columns = tuple(sorted(wanted | {name for name in (self._time, self._exposure) if name}))
        self.kinds = {name: kind for name, kind in rows.kinds_.items() if name in self.columns}
        used = {*rows.sources_, *(name for names, *_ in rows.plan.transform for name in names)} - {self._time}
        self._casts = {name: kind for name, kind in self.kinds.items() if name in used and kind != "text"}
        told = {name for name, kind in self.kinds.items() if kind == "text"} - {*spec.features.categorical}
        self.texts = told | ({spec.data.key} if spec.data.key else set())
        behind = columns_behind(rows.inputs, expressions, every=True)
        self._expressions = {name: text for name, text in expressions.items() if name in behind}
        self._clean = _cleaner(spec.data.read)

    def row(self, values: Mapping[str, Any], number: int = 0) -> dict[str, Any]:
        """A row as the assembled table holds it.

        Args:
            values: As they were sent; what the model does not look at is passed over.
            number: Of the row, for errors.

        Raises:
            BadRows: a column is missing, nested, or cannot be read.
        """
        flat = dict(_flat(values)) if any(type(value) is dict for value in values.values()) else values
        errors: list[FieldError] = []
        row: dict[str, Any] = {}
        for name in self.columns:
            try:
                row[name] = self._value(name, flat)
            except DataError as error:
                errors.append(FieldError(number, name, str(error)))
        if errors:
            raise BadRows(errors)
        if self._time:
            row[TIME] = row[self._time]
        return self._with_expressions(row, number) if self._expressions else row

    def _value(self, name: str, flat: Mapping[str, Any]) -> Any:
        if name not in flat:
            raise DataError(f"is missing, and the model needs it{did_you_mean(name, map(str, flat))}")
        value = flat[name]
        if type(value) not in _PLAIN:
            raise DataError("must be a number, a text, true, false or null")
        try:
            value = self._clean(name, type(value).__name__, value)
        except DataError:
            raise DataError("cannot be read in the form that the model's file names (data.read)") from None
        if name == self._time:
            return _moment(value, self._zone)
        if name == self._exposure and not (np.isfinite(as_number(value)) and as_number(value) > 0):
            raise DataError("must be a number above 0: predictions are in proportion to it")
        kind = self._casts.get(name)
        if kind and pd.isna(CASTS[kind](value)) and column_of(name, value)[name].notna().iloc[0]:
            raise DataError(f"is no {kind}; write it as in training, or null where it is not known")
        return value

    def _with_expressions(self, row: dict[str, Any], number: int) -> dict[str, Any]:
        frame = pd.concat([column_of(name, value) for name, value in row.items()], axis=1)
        try:
            made = add_expressions(frame, self._expressions)
        except EvergreenError:
            names = ", ".join(self._expressions)
            raise BadRows([FieldError(number, names, "cannot be computed from these values")]) from None
        return row | {name: _plain(made[name].iloc[0]) for name in self._expressions}


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Objects become fields ``object.key``, as in lines of JSON."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield before + name, value


def _cleaner(how: Read | None) -> Any:
    """``clean`` for one value: name, type's name (1 and True are equal), value."""
    if how is None:
        return lambda name, kind, value: value
    own = how.model_copy(update={"together": {}, "drop": {}})

    @lru_cache(_REMEMBERED)
    def cleaned(name: str, kind: str, value: Any) -> Any:
        return _plain(clean(column_of(name, value), own)[name].iloc[0])

    return cleaned


def _moment(value: Any, zone: str) -> pd.Timestamp:
    """An event time in UTC.

    Raises:
        DataError: it is missing or no time.
    """
    if type(value) is str and ISO.fullmatch(value):
        try:
            moment = pd.Timestamp(value)
            if moment.tz is None:
                moment = moment.tz_localize(zone, ambiguous=True, nonexistent="shift_forward")
            return moment.tz_convert("UTC").as_unit("us")
        except (ValueError, OverflowError):
            pass  # the general way says what it makes of it
    frame = column_of("value", value)
    try:
        moments = to_utc(frame["value"], zone, "event time")
    except DataError:
        raise DataError("is no time; write it as ISO 8601, e.g. 2013-03-10T14:30:00-05:00") from None
    if pd.isna(moments.iloc[0]):
        raise DataError("is null, and each row needs its event time")
    return pd.Timestamp(moments.iloc[0])


def _plain(value: Any) -> Any:
    """A cell of a table as a plain value."""
    if isinstance(value, str | pd.Timestamp) and not pd.isna(value):
        return value
    if pd.isna(value):
        return None
    return value.item() if isinstance(value, np.generic) else value
