"""Whole numbers that keep every digit where values are missing beside them, and how they are written and compared.

A float64 holds each whole number below 2**53, and no more than some above. So a column of whole numbers with missing
values is float64 where that holds each of them, and nullable (``Int64``, ``UInt64``) where it does not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

#: Below this, every whole number is a float64 of its own.
EXACT_FLOAT = 2**53


def is_whole(values: pd.Series) -> bool:
    """Whether the type of a column is one of whole numbers."""
    return pd.api.types.is_integer_dtype(values.dtype)


def nullable(values: pd.Series) -> pd.Series:
    """Whole numbers in a type that has nulls and keeps every digit; any other column as it is."""
    if not is_whole(values) or pd.api.types.is_extension_array_dtype(values.dtype):
        return values
    return values.astype("UInt64" if values.dtype == "uint64" else "Int64")


def settled(values: pd.Series) -> pd.Series:
    """Nullable whole numbers as float64, where that holds each of them; any other column as it is."""
    if not is_whole(values) or not pd.api.types.is_extension_array_dtype(values.dtype):
        return values
    least, most = values.min(), values.max()
    if pd.isna(most) or (least > -EXACT_FLOAT and most < EXACT_FLOAT):
        return values.astype("float64")
    return values


def whole(values: pd.Series) -> pd.Series:
    """Numbers of which each is whole, in a type that has nulls and keeps every digit; any other column as it is."""
    if pd.api.types.is_float_dtype(values.dtype):
        numbers = values.to_numpy("float64", na_value=np.nan)
        known = numbers[~np.isnan(numbers)]
        return values.astype("Int64") if ((known % 1 == 0) & (np.abs(known) < EXACT_FLOAT)).all() else values
    return nullable(values)


def concat_exactly(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Frames beneath each other, of which the floats of one do not round the whole numbers of another."""
    names = dict.fromkeys(name for frame in frames for name in frame)
    mixed = [
        name
        for name in names
        if any(name in frame and _is_beyond_floats(frame[name]) for frame in frames)
        and len({frame[name].dtype if name in frame else None for frame in frames}) > 1
    ]
    kept = [frame.assign(**{str(name): whole(frame[name]) for name in mixed if name in frame}) for frame in frames]
    return pd.concat(kept, ignore_index=True)


def as_text(values: pd.Series) -> pd.Series:
    """Values as text; a whole number has no point, whatever nulls beside it have made of its type."""
    texts = values.astype("str")
    if not pd.api.types.is_float_dtype(values.dtype):
        return texts
    numbers = values.to_numpy("float64", na_value=np.nan)
    whole = (numbers % 1 == 0) & (np.abs(numbers) < 2.0**63)
    written = pd.Series(np.where(whole, numbers, 0).astype("int64"), index=values.index).astype("str")
    return texts.mask(whole, written)


def comparable(ours: pd.Series, theirs: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Two columns of numbers in one type in which equal numbers are equal, and no others; nulls stay nulls."""
    if ours.dtype == theirs.dtype:
        return ours, theirs
    if not any(_is_beyond_floats(values) for values in (ours, theirs)):
        return ours.astype("float64"), theirs.astype("float64")
    # As Python's numbers, of which a whole one and a float are equal only where they are so to the last digit.
    both = pd.concat([values.astype("object") for values in (ours, theirs)], ignore_index=True)
    codes = pd.Series(pd.factorize(both)[0])
    codes = codes.where(codes >= 0).astype("Int64")
    return codes.iloc[: len(ours)].set_axis(ours.index), codes.iloc[len(ours) :].set_axis(theirs.index)


def lost_digits(values: pd.Series) -> np.ndarray | None:
    """What float64 takes from each whole number: uint64 of shape (n,), modulo 2**64; None where it takes nothing."""
    if not _is_beyond_floats(values):
        return None
    kept = values.fillna(0).to_numpy("uint64" if pd.api.types.is_unsigned_integer_dtype(values.dtype) else "int64")
    floats = kept.astype("float64")
    sizes = np.abs(floats)
    near = np.where(sizes < 2.0**64, sizes, 0).astype("uint64")  # 2**64 is 0
    return kept.astype("uint64") - np.where(floats < 0, np.uint64(0) - near, near)


def _is_beyond_floats(values: pd.Series) -> bool:
    """Whether a column holds whole numbers that no float64 is sure to hold."""
    if not is_whole(values) or not values.notna().any():
        return False
    return bool(values.max() >= EXACT_FLOAT or values.min() <= -EXACT_FLOAT)
