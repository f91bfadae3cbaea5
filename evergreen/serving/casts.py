"""One value as a model sees it: what ``features.signature`` makes of a column, without a column."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from evergreen.features.signature import YEARS, signature_frame
from evergreen.io.sources.values import Rows

#: Values that were cast in the general way are remembered, so many of each kind.
_REMEMBERED = 4096
_INT64 = 2**63
#: Times that the general way and ``pandas.Timestamp`` read alike.
ISO = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:[0-9]{2})?)?"
)
_NAN = float("nan")


def as_number(value: Any) -> float:
    """A value of a column of numbers as float64; NaN where it is none."""
    kind = type(value)
    if kind is float:
        return float(value)
    if value is None:
        return _NAN
    if kind is bool or (kind is int and -_INT64 <= value < _INT64):
        return float(value)
    if isinstance(value, pd.Timestamp):
        return _NAN
    return float(_cast("number", kind.__name__, value))


def as_text(value: Any) -> str | None:
    """A value of a column of text; None where it is missing."""
    kind = type(value)
    if kind is str or value is None:
        return value  # type: ignore[no-any-return]
    if kind is bool or (kind is int and -_INT64 <= value < _INT64):
        return str(value)
    text = _cast("text", kind.__name__, value)
    return None if pd.isna(text) else str(text)


def as_time(value: Any) -> int | None:
    """A value of a column of times as nanoseconds since 1970 in UTC; None where it is none."""
    if value is None:
        return None
    if isinstance(value, pd.Timestamp):
        moment = value if value.tz is None else value.tz_convert("UTC")
        return int(moment.as_unit("ns").value) if YEARS[0] <= moment.year <= YEARS[1] else None
    if type(value) is str and ISO.fullmatch(value) and YEARS[0] < int(value[:4]) < YEARS[1]:
        try:
            return as_time(pd.Timestamp(value))
        except ValueError:  # the thirtieth of February
            return None
    moment = _cast("time", type(value).__name__, value)
    return None if pd.isna(moment) else int(moment.value)


#: By the kind of a column.
CASTS: dict[str, Callable[[Any], Any]] = {"number": as_number, "text": as_text, "time": as_time}


def column_of(name: str, value: Any) -> pd.DataFrame:
    """A table of one value, typed as where it comes from a line of JSON.

    Raises:
        DataError: the value is nested.
    """
    if isinstance(value, pd.Timestamp):
        return pd.DataFrame({name: [value]})
    rows = Rows("request")
    rows.add({name: [value]})
    return rows.frame()


@lru_cache(_REMEMBERED)
def _cast(kind: str, _type: str, value: Any) -> Any:
    """The general way; ``_type`` tells 1, 1.0 and True apart, which are equal."""
    frame = signature_frame(column_of("value", value), ["value"], {"value": kind})
    cast = frame["value"].iloc[0]
    return cast.item() if isinstance(cast, np.generic) else cast
