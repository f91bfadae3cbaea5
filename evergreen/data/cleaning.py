"""Values as a person reads them: what a file writes in its own way becomes null, number, time or plain text."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

import numpy as np
import pandas as pd

from evergreen.errors import DataError
from evergreen.spec import Read

logger = logging.getLogger(__name__)

#: Signs around a number that do not change it: currencies, percent, one trailing unit.
_BEFORE = r"^[\s$€£¥₹~]+"
_AFTER = r"[\s%$€£¥₹]*(?:[^\W\d_]+[²³]?(?:/[^\W\d_]+)?\.?)?$"
#: Microseconds in one of these.
_SINCE_1970 = {"seconds": 1e6, "milliseconds": 1e3}


def clean(rows: pd.DataFrame, how: Read | None) -> pd.DataFrame:
    """Read a table's values as its spec says; each row by itself, so that parts and the whole read alike.

    Texts lose the blanks around them, and what means missing becomes null. Columns of numbers become float64, columns
    of times datetimes. A value that cannot be read so becomes null, and the log says how many did.

    Args:
        rows: As a file gives them; not changed.
        how: What the spec says; None leaves everything as it is.

    Raises:
        DataError: a column of times has a form that none of its values fits.
    """
    if how is None:
        return rows
    columns = {name: _cleaned(rows[name], str(name), how) for name in rows.columns}
    return pd.DataFrame(columns, index=rows.index)


def read_numbers(values: pd.Series, how: Read) -> pd.Series:
    """Texts as float64: ``1,234.5``, ``$ 7``, ``12 %``, ``(3)`` for -3; null where a text is no number."""
    text = values.astype("str").str.strip()
    negative = text.str.startswith("(") & text.str.endswith(")")
    text = text.str.strip("()").str.replace("\u2212", "-").str.replace(_BEFORE, "", regex=True)
    text = text.str.replace(r"^([+-])[\s$€£¥₹]+", r"\1", regex=True)
    plain = pd.to_numeric(text, errors="coerce")
    text = text.str.replace(_AFTER, "", regex=True)
    if how.thousands:
        text = _ungrouped(text, how.thousands)
    if how.decimal != ".":
        text = text.str.replace(".", "x", regex=False).str.replace(how.decimal, ".", regex=False)
    numbers = pd.to_numeric(text, errors="coerce").astype("float64")
    if how.decimal == "." and how.thousands != ".":
        numbers = numbers.fillna(plain)  # 1e-5 must not lose its exponent to the units
    return numbers.where(~negative.fillna(False).astype(bool), -numbers)


def _ungrouped(text: pd.Series, thousands: str) -> pd.Series:
    """Groups of three joined; a separator anywhere else is left, so that the text is no number."""
    sign = re.escape(thousands) if thousands != " " else r"[\s\u00a0\u202f]"
    grouped = text.str.match(rf"^[+-]?\d{{1,3}}(?:{sign}\d{{3}})+(?!\d)")
    return text.where(~grouped.fillna(False).astype(bool), text.str.replace(sign, "", regex=True))


def _cleaned(values: pd.Series, name: str, how: Read) -> pd.Series:
    if pd.api.types.is_object_dtype(values.dtype) or isinstance(values.dtype, pd.StringDtype):
        values = _by_level(values, how)
    if name in how.sentinels and pd.api.types.is_numeric_dtype(values.dtype):
        values = values.mask(values.isin(how.sentinels[name]))
    if name in how.numbers:
        if pd.api.types.is_numeric_dtype(values.dtype):
            return values.astype("float64")
        read = _spread(values, lambda levels: read_numbers(levels, how))
        return _sentinels(_reported(values, read, name, "number"), how.sentinels.get(name, ()))
    if name in how.dates:
        return _times(values, name, how.dates[name])
    if name in how.texts and not isinstance(values.dtype, pd.StringDtype):
        return values.astype("str")
    return values


def _by_level(values: pd.Series, how: Read) -> pd.Series:
    codes, levels = pd.factorize(values)
    texts = pd.Series(levels)
    if not texts.map(lambda level: isinstance(level, str)).all():
        return values
    texts = texts.astype("str").str.strip()
    texts = texts.mask(texts.isin(["", *how.missing]))
    return pd.Series(texts.array.take(codes, allow_fill=True), index=values.index, name=values.name)


def _spread(values: pd.Series, read: Callable[[pd.Series], pd.Series]) -> pd.Series:
    """Apply a function to each different value once."""
    codes, levels = pd.factorize(values)
    found = read(pd.Series(levels, dtype="str"))
    return pd.Series(found.array.take(codes, allow_fill=True), index=values.index, name=values.name)


def _sentinels(values: pd.Series, missing: tuple[float, ...]) -> pd.Series:
    return values.mask(values.isin(missing)) if missing else values


def _times(values: pd.Series, name: str, form: str) -> pd.Series:
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return values
    if form in _SINCE_1970:
        numbers = pd.to_numeric(values, errors="coerce").astype("float64")
        moments = (numbers * _SINCE_1970[form]).round().astype("Int64").astype("datetime64[us, UTC]")
        return _reported(values, moments, name, "time")
    if pd.api.types.is_numeric_dtype(values.dtype):  # a year that a typed file holds as 2013 or 2013.0
        values = values.astype("Int64").astype("str")
    wanted = "ISO8601" if form == "iso" else form
    zoned = form.endswith(("%z", "%Z")) or (form == "iso" and _zoned(values))

    def read_levels(levels: pd.Series) -> pd.Series:
        moments: pd.Series = pd.to_datetime(levels, format=wanted, errors="coerce", utc=zoned)
        return pd.Series(moments.dt.as_unit("us"))

    read = _spread(values, read_levels)
    if values.notna().any() and read.isna().all():
        first = values.dropna().iloc[0]
        raise DataError(f"data.read.dates: {name}: {first!r} does not have the form {form!r}; correct the form")
    return _reported(values, read, name, "time")


def _zoned(values: pd.Series) -> bool:
    text = values.dropna().astype("str").head(1000)
    return bool(len(text)) and bool(text.str.contains(r"\d[:\d.]*\s?(?:Z|[+-]\d{2}:?\d{2})$", regex=True).mean() > 0.5)


def _reported(before: pd.Series, after: pd.Series, name: str, kind: str) -> pd.Series:
    lost = np.asarray(before.notna()) & np.asarray(after.isna())
    if lost.any():
        logger.warning("%s: %s values are no %s and count as missing, e.g. %r", name, f"{int(lost.sum()):,}", kind,
                       before[lost].iloc[0])  # fmt: skip
    return after
