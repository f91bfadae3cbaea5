"""What a column of text turns out to hold, piece by piece, and the type that fits all pieces."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from evergreen.whole_numbers import EXACT_FLOAT, is_whole, settled

#: What stands in a column; the kind of a column is all that does.
_NULLS, _TEXTS, _FLAGS = "nulls", "text", "truth values"
_WHOLE, _NEGATIVE, _BEYOND, _FRACTIONS = "whole numbers", "negative numbers", "numbers beyond 2**63", "numbers"
_NUMBERS = frozenset((_WHOLE, _NEGATIVE, _BEYOND, _FRACTIONS))

Kind = frozenset[str]

NULL, TEXT = Kind((_NULLS,)), Kind((_TEXTS,))


def kind_of(values: pd.Series) -> Kind:
    """What a column holds as pandas parsed it."""
    present = values.dropna()
    return _present(values, present) | (NULL if len(present) < len(values) or present.empty else Kind())


def _present(values: pd.Series, present: pd.Series) -> Kind:
    if present.empty:
        return Kind()
    if pd.api.types.is_bool_dtype(values.dtype) or (values.dtype == object and present.isin([True, False]).all()):
        return Kind((_FLAGS,))
    if not pd.api.types.is_numeric_dtype(values.dtype):
        return TEXT
    if pd.api.types.is_unsigned_integer_dtype(values.dtype):
        return Kind((_BEYOND,))
    if is_whole(values):
        return Kind((_WHOLE,) if present.min() >= 0 else (_WHOLE, _NEGATIVE))
    # pandas parses whole numbers with a null among them as floats.
    if len(present) < len(values) and (present % 1 == 0).all():
        return Kind((_WHOLE,) if present.min() >= 0 else (_WHOLE, _NEGATIVE))
    return Kind((_FRACTIONS,))


def has_lost_digits(values: pd.Series) -> bool:
    """Whether pandas may have rounded the whole numbers of a column as it parsed it: nulls stand among them."""
    if values.dtype == object or isinstance(values.dtype, pd.StringDtype):
        # Beside numbers above 2**63 a blank is an empty text.
        return bool(values.dtype == object and _TEXTS in kind_of(values)) or bool((values == "").any())
    if not pd.api.types.is_float_dtype(values.dtype) or not values.hasnans:
        return False
    numbers = values.to_numpy("float64", na_value=np.nan)
    return bool((np.abs(numbers) >= EXACT_FLOAT).any())


def with_all_digits(texts: pd.Series) -> pd.Series:
    """Texts as nullable whole numbers where all are such and fit 64 bits, as floats where all are numbers, or texts."""
    texts = texts.str.strip().replace("", None)
    present = texts.dropna()
    if not present.str.fullmatch(r"[+-]?\d+").all():
        try:
            return pd.to_numeric(texts).astype("float64")
        except ValueError:
            return texts
    for kind in ("Int64", "UInt64"):
        try:
            return texts.astype(kind)
        except (ValueError, OverflowError, TypeError):
            continue
    return texts


def common_kind(kinds: Iterable[Kind]) -> Kind | None:
    """The kind that holds all of these; None where texts, numbers and truth values meet."""
    held = Kind().union(*kinds)
    sorts = [held & TEXT, held & {_FLAGS}, held & _NUMBERS]
    too_wide = {_NEGATIVE, _BEYOND} <= held and _FRACTIONS not in held  # no type of 64 bits holds both
    return None if sum(map(bool, sorts)) > 1 or too_wide else held


def in_words(kind: Kind) -> str:
    """A kind in words."""
    return next((sort for sort in (_TEXTS, _FLAGS, _FRACTIONS, _BEYOND, _NEGATIVE, _WHOLE) if sort in kind), _NULLS)


def _type(kind: Kind) -> str:
    gaps = _NULLS in kind
    if _TEXTS in kind:
        return "str"
    if _FLAGS in kind:
        return "boolean" if gaps else "bool"
    if _FRACTIONS in kind or kind <= NULL:
        return "float64"
    if _BEYOND in kind:
        return "UInt64" if gaps else "uint64"
    return "Int64" if gaps else "int64"


def of_kind(rows: pd.DataFrame, kinds: Mapping[str, Kind]) -> pd.DataFrame:
    """The rows with the type of each column's kind."""
    return pd.DataFrame({name: settled(values) for name, values in _typed(rows, kinds).items()}, copy=False)


def _typed(rows: pd.DataFrame, kinds: Mapping[str, Kind]) -> pd.DataFrame:
    return rows.astype({name: _type(kind) for name, kind in kinds.items()})


def joined(parts: Sequence[pd.DataFrame], kinds: Mapping[str, Kind]) -> pd.DataFrame:
    """Parts of a table one below the other, with the type of each column's kind and a fresh index.

    A column of the parts goes as the whole one is made, so that a table is never held twice: of ``parts`` nothing is
    left.
    """
    if not kinds:
        return pd.concat(parts, ignore_index=True)
    columns = {
        name: settled(
            pd.concat([_typed(part.pop(name).to_frame(), {name: kind}) for part in parts], ignore_index=True)[name]
        )
        for name, kind in kinds.items()
    }
    return pd.DataFrame(columns, copy=False)
