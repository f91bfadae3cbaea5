"""What identifies a row: its key column or, without one, its content."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evergreen.data.columns import later_columns
from evergreen.errors import DataError
from evergreen.spec import Data
from evergreen.whole_numbers import as_text, lost_digits


def named_key(rows: pd.DataFrame, data: Data) -> pd.Series:
    """The key column, in its own type.

    Raises:
        DataError: a key is null or stands twice; the message shows one.
    """
    key = rows[data.key]
    where = f"{data.source}: key {data.key}"
    missing = int(key.isna().sum())
    if missing:
        raise DataError(f"{where}: {missing:,} rows have none; fill it in, or leave data.key out")
    twice = key[key.duplicated()]
    if len(twice):
        raise DataError(f"{where}: {len(twice):,} rows repeat one (first: {twice.iloc[0]}); keep one row a key")
    return key


def content_key(rows: pd.DataFrame, data: Data) -> pd.Series:
    """A hash of what is known of each row, 16 hexadecimal digits; equal rows share it.

    The target and `later` columns take no part, nor do the order of columns and the difference between integers and
    floats: a row keeps its key when its label arrives, and when the table grows.
    """
    hidden = {data.target.column, *later_columns(data)}
    total = np.zeros(len(rows), dtype="uint64")
    for name in sorted(str(column) for column in rows.columns if column not in hidden):
        total = _mixed(total ^ pd.util.hash_array(np.array([name], dtype=object))[0])
        total = _mixed(total ^ pd.util.hash_array(_plain(rows[name])))
        rounded = lost_digits(rows[name])
        if rounded is not None:
            total = np.where(rounded != 0, _mixed(total ^ rounded), total)
    digits = np.char.zfill(np.array([f"{value:x}" for value in total.tolist()], dtype="U16"), 16)
    return pd.Series(digits, index=rows.index, dtype="str")


def group_names(groups: pd.Series, key: pd.Series) -> pd.Series:
    """Each row's group as text; a row of no group stands for itself, by its key.

    Whole numbers are written without a point, so that a group keeps its name when a null turns its column to floats.
    """
    return as_text(groups).where(groups.notna(), "\0" + key.astype("str"))


def _plain(values: pd.Series) -> np.ndarray:
    """Values in a type that does not depend on the other rows of the table."""
    if pd.api.types.is_bool_dtype(values.dtype) or pd.api.types.is_numeric_dtype(values.dtype):
        numbers: np.ndarray = values.to_numpy("float64", na_value=np.nan) + 0.0  # -0.0 and 0.0 are equal
        return numbers
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        moments: np.ndarray = values.dt.as_unit("us").astype("int64").to_numpy()
        return moments
    return values.astype("str").fillna("\0").to_numpy(dtype=object)


def _mixed(values: np.ndarray) -> np.ndarray:
    """Spread each bit over all others (the finaliser of SplitMix64), so that equal columns do not cancel."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    spread: np.ndarray = values ^ (values >> np.uint64(31))
    return spread
