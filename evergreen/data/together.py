"""A time whose parts stand in several columns: a day and a clock, or year, month, day and hour."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import pandas as pd

logger = logging.getLogger(__name__)

#: How a number is written whose digits are several parts: 930 is half past nine.
_DIGITS = {"%H.%M": "{:05.2f}", "%H%M": "{:04.0f}", "%H%M%S": "{:06.0f}", "%Y%m%d": "{:08.0f}"}


def put_together(parts: Sequence[pd.Series], forms: Sequence[str], name: str) -> pd.Series:
    """One time a row, without a zone; null where a part is missing or cannot be read. Hour 24 is that of the next day.

    Args:
        parts: Texts, numbers or days, as the source has them.
        forms: How each is written, as in strptime.
        name: What the new column is called.
    """
    index = parts[0].index
    texts = pd.Series("", index=index, dtype="str")
    known = pd.Series(True, index=index)
    midnight = pd.Series(False, index=index)
    for values, form in zip(parts, forms, strict=True):
        text = _text(values, form)
        if form == "%H":
            late = text.eq("24").fillna(False).astype(bool)
            midnight, text = midnight | late, text.mask(late, "0")
        known &= text.notna()
        texts = texts + text.fillna("") + " "
    moments = pd.to_datetime(texts.where(known).str.strip(), format=" ".join(forms), errors="coerce").dt.as_unit("us")
    moments = moments.mask(midnight, moments + pd.Timedelta(days=1))
    lost = int((moments.isna() & known).sum())
    if lost:
        logger.warning("%s: %s values of %s are no time and count as missing", name, f"{lost:,}",
                       " and ".join(str(values.name) for values in parts))  # fmt: skip
    return moments.rename(name)


def _text(values: pd.Series, form: str) -> pd.Series:
    texts: pd.Series
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        texts = values.dt.strftime(form)
    elif pd.api.types.is_numeric_dtype(values.dtype):
        texts = values.map(lambda number: _DIGITS.get(form, "{:.0f}").format(number), na_action="ignore").astype("str")
    else:
        texts = values.astype("str").str.strip()
    return texts
