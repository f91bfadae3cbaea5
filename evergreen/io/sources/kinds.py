"""What a column of text turns out to hold, piece by piece, and the type that fits all pieces."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

NULL = "nulls"
TEXT = "text"
_FLAG, _NULLABLE_FLAG = "truth values", "truth values and nulls"
_COUNT, _WHOLE, _BIG, _NUMBER = "whole numbers", "negative numbers", "numbers beyond 2**63", "numbers"

_TYPES = {
    NULL: "float64", TEXT: "str", _FLAG: "bool", _NULLABLE_FLAG: "boolean",
    _COUNT: "int64", _WHOLE: "int64", _BIG: "uint64", _NUMBER: "float64",
}  # fmt: skip
#: Which kind holds two others; pairs that do not stand here are not held by any.
_BOTH = {
    frozenset((_FLAG, NULL)): _NULLABLE_FLAG, frozenset((_FLAG, _NULLABLE_FLAG)): _NULLABLE_FLAG,
    frozenset((_NULLABLE_FLAG, NULL)): _NULLABLE_FLAG,
    frozenset((_COUNT, NULL)): _NUMBER, frozenset((_WHOLE, NULL)): _NUMBER, frozenset((_NUMBER, NULL)): _NUMBER,
    frozenset((_COUNT, _WHOLE)): _WHOLE, frozenset((_COUNT, _BIG)): _BIG, frozenset((_COUNT, _NUMBER)): _NUMBER,
    frozenset((_WHOLE, _NUMBER)): _NUMBER, frozenset((_BIG, _NUMBER)): _NUMBER, frozenset((TEXT, NULL)): TEXT,
}  # fmt: skip


def kind_of(values: pd.Series) -> str:
    """What a column holds as pandas parsed it; nothing but nulls is a kind of its own."""
    present = values.dropna()
    if present.empty:
        return NULL
    if values.dtype == object and present.isin([True, False]).all():
        return _NULLABLE_FLAG
    if pd.api.types.is_bool_dtype(values.dtype):
        return _FLAG
    if not pd.api.types.is_numeric_dtype(values.dtype):
        return TEXT
    if pd.api.types.is_unsigned_integer_dtype(values.dtype):
        return _BIG
    if pd.api.types.is_integer_dtype(values.dtype):
        return _COUNT if present.min() >= 0 else _WHOLE
    return _NUMBER


def common_kind(kinds: Iterable[str]) -> str | None:
    """The kind that holds all of these; None where texts, numbers and truth values meet, NULL where there are none."""
    found = set(kinds)
    distinct = sorted(found - {NULL})
    common = distinct[0] if distinct else NULL
    # Nulls last: what holds nulls depends on what else there is.
    for kind in [*distinct[1:], *({NULL} & found)]:
        if kind != common:
            held = _BOTH.get(frozenset((common, kind)))
            if held is None:
                return None
            common = held
    return common


def of_kind(rows: pd.DataFrame, kinds: Mapping[str, str]) -> pd.DataFrame:
    """The rows with the type of each column's kind."""
    return rows.astype({name: _TYPES[kind] for name, kind in kinds.items()})


def joined(parts: Sequence[pd.DataFrame], kinds: Mapping[str, str]) -> pd.DataFrame:
    """Parts of a table one below the other, with the type of each column's kind and a fresh index.

    A column of the parts goes as the whole one is made, so that a table is never held twice: of ``parts`` nothing is
    left.
    """
    if not kinds:
        return pd.concat(parts, ignore_index=True)
    columns = {
        name: pd.concat([of_kind(part.pop(name).to_frame(), {name: kind}) for part in parts], ignore_index=True)[name]
        for name, kind in kinds.items()
    }
    return pd.DataFrame(columns, copy=False)
