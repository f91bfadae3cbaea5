"""The three types that a model ever sees, so that training and scoring cannot differ: float64, text and time."""

from __future__ import annotations

import numbers
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from evergreen.errors import DataError, did_you_mean

#: The years that nanoseconds since 1970 reach as a whole.
YEARS = (1678, 2261)


def column_kinds(frame: pd.DataFrame, columns: Sequence[str], categorical: Sequence[str] = ()) -> dict[str, str]:
    """``number``, ``text`` or ``time`` for each column.

    Args:
        frame: Rows of any types.
        columns: The columns to look at.
        categorical: Those that are text whatever they hold.

    Raises:
        DataError: a column is missing.
    """
    check_columns(columns, frame.columns)
    return {name: "text" if name in categorical else _kind(frame[name]) for name in columns}


def signature_frame(frame: pd.DataFrame, inputs: Sequence[str], kinds: Mapping[str, str] | None = None) -> pd.DataFrame:
    """The inputs as float64, str and datetime64[ns] (UTC, without a zone), whatever types they arrive in.

    Integers, booleans, nullable and decimal numbers become float64 (null: NaN), spans of time seconds; categories and
    everything else text. A whole number in a text column is written without a point, so that a column of codes reads
    the same whether it came as 7, 7.0 or "7".

    Args:
        frame: Rows with at least the inputs.
        inputs: The columns to keep, in this order.
        kinds: What each column was in training (``number``, ``text``, ``time``); found from the rows when left out.

    Raises:
        DataError: an input is missing.
    """
    check_columns(inputs, frame.columns)
    kinds = kinds or column_kinds(frame, inputs)
    return pd.DataFrame({name: _CASTS[kinds[name]](frame[name]) for name in inputs}, index=frame.index)


class SignatureRows:
    """The columns of ``signature_frame``, each made when it is asked for: never all of a large table at once.

    Numbers are made anew each time, which costs less than to hold them; texts and times are kept.

    Args:
        frame: Rows with at least the columns.
        kinds: What each column was in training.

    Raises:
        DataError: a column is missing.
    """

    def __init__(self, frame: pd.DataFrame, kinds: Mapping[str, str]) -> None:
        check_columns(kinds, frame.columns)
        self._frame, self._kinds = frame, kinds
        self._kept: dict[str, pd.Series] = {}

    def __len__(self) -> int:
        """The number of rows."""
        return len(self._frame)

    def __getitem__(self, name: str) -> pd.Series:
        """One column."""
        if name in self._kept:
            return self._kept[name]
        values = _CASTS[self._kinds[name]](self._frame[name])
        if self._kinds[name] != "number":
            self._kept[name] = values
        return values

    def frame(self, names: Sequence[str]) -> pd.DataFrame:
        """Some of the columns."""
        return pd.DataFrame({name: self[name] for name in names}, index=self._frame.index)


def check_columns(columns: Iterable[str], there: Collection[Any]) -> None:
    """Refuse rows that lack a column.

    Args:
        columns: Those that the model needs.
        there: Names of those that the rows have.

    Raises:
        DataError: the message names the column, and the nearest one that is there.
    """
    for name in columns:
        if name not in there:
            near = did_you_mean(name, map(str, there))
            raise DataError(f"{name}: the rows have no such column, but the model needs it{near}")


def _kind(values: pd.Series) -> str:
    kind = values.dtype
    if pd.api.types.is_datetime64_any_dtype(kind):
        return "time"
    if pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_timedelta64_dtype(kind):
        return "number"
    if not pd.api.types.is_object_dtype(kind):
        return "text"
    # Booleans with nulls, decimals and dates travel as objects; a column of nulls only could be anything.
    known = values.dropna()
    if known.map(lambda value: isinstance(value, numbers.Real | Decimal | np.bool_)).all():
        return "number"
    return "time" if known.map(lambda value: hasattr(value, "isoformat")).all() else "text"


def _number(values: pd.Series) -> pd.Series:
    if pd.api.types.is_timedelta64_dtype(values.dtype):
        return pd.Series(values.dt.total_seconds(), dtype=np.float64)
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return pd.Series(np.nan, index=values.index)
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype)
    if not pd.api.types.is_numeric_dtype(values.dtype):
        values = pd.to_numeric(values, errors="coerce")
    return pd.Series(values.to_numpy(dtype=np.float64, na_value=np.nan), index=values.index)


def _text(values: pd.Series) -> pd.Series:
    if values.dtype == "str":
        return values
    codes, levels = pd.factorize(values)
    texts = pd.array([*(_as_text(level) for level in levels), None], dtype="str")
    return pd.Series(texts.take(codes, allow_fill=False), index=values.index)


def _as_text(level: Any) -> str:
    if isinstance(level, numbers.Real) and not isinstance(level, bool | np.bool_) and float(level).is_integer():
        # Not by way of float: whole numbers beyond 2**53 would run into each other.
        return f"{int(level):d}" if isinstance(level, numbers.Integral) else f"{float(level):.0f}"
    return str(level)


def _time(values: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(values.dtype):  # nobody knows what it counts, and since when
        return pd.Series(pd.NaT, index=values.index, dtype="datetime64[ns]")
    if not pd.api.types.is_datetime64_any_dtype(values.dtype):
        clock = values.astype("str").str.strip().str.lower().isin(["now", "today"])  # no time that a row says
        values = pd.to_datetime(values.mask(clock), errors="coerce", utc=True)
    if values.dt.tz is not None:
        values = values.dt.tz_convert("UTC").dt.tz_localize(None)
    if values.dt.unit != "ns":  # what no count of nanoseconds reaches is a placeholder or an error
        values = values.where(values.dt.year.between(*YEARS))
    return values.astype("datetime64[ns]")


_CASTS = {"number": _number, "text": _text, "time": _time}
