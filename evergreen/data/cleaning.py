"""Values as a person reads them: what a file writes in its own way becomes null, number, time or plain text."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.data.together import put_together
from evergreen.errors import DataError
from evergreen.handoffs import Lost
from evergreen.spec import Read
from evergreen.whole_numbers import as_text

logger = logging.getLogger(__name__)

#: Signs around a number that do not change it: currencies, percent, one trailing unit.
_BEFORE = r"^[\s$€£¥₹~]+"
_AFTER = r"[\s%$€£¥₹]*(?:[^\W\d_]+[²³]?(?:/[^\W\d_]+)?\.?)?$"
#: Microseconds in one of these, and from 1970 to where they count from.
_SINCE = {"seconds": (1e6, 0.0), "milliseconds": (1e3, 0.0), "microseconds": (1.0, 0.0), "nanoseconds": (1e-3, 0.0),
          "excel": (86400e6, -25569 * 86400e6)}  # fmt: skip
#: Microseconds from 1970 to the year 10000, after which there are no dates.
_FARTHEST = 2.5e17


def clean(rows: pd.DataFrame, how: Read | None, lost: dict[str, Lost] | None = None) -> pd.DataFrame:
    """Read a table's values as its spec says; each row by itself, so that parts and the whole read alike.

    Lines that the spec drops are gone, and the index of the others stays. Texts lose the blanks around them, and what
    means missing becomes null. Columns of numbers become float64, columns of times datetimes. A value that cannot be
    read so becomes null, and the log says how many did.

    Args:
        rows: As a file gives them; not changed.
        how: What the spec says; None leaves everything as it is.
        lost: Is given, by column of numbers or times, how many values are there and how many could not be read.

    Raises:
        DataError: a column of times has a form that none of its values fits.
    """
    if how is None:
        return rows
    rows = _without_lines(rows, how.drop)
    lost = {} if lost is None else lost
    columns = {name: _cleaned(rows[name], str(name), how, lost) for name in rows.columns}
    for name, parts in how.together.items():
        if name not in rows and all(part in rows for part in parts):
            columns[name] = put_together([rows[part] for part in parts], list(parts.values()), name)
    return pd.DataFrame(columns, index=rows.index)


def _without_lines(rows: pd.DataFrame, drop: Mapping[str, Collection[str]]) -> pd.DataFrame:
    """The rows but for lines such as a total: those with one of these texts in a column."""
    for name, texts in drop.items():
        if name not in rows or not isinstance(rows[name].dtype, pd.StringDtype | np.dtypes.ObjectDType):
            continue  # no text, so none of these
        told = _are(rows[name], texts)
        if told.any():
            logger.info("%s: %s lines with %s are no rows and are left out", name, f"{int(told.sum()):,}",
                        " or ".join(map(repr, texts)))  # fmt: skip
            rows = rows[~told]
    return rows


def _are(values: pd.Series, texts: Collection[str]) -> NDArray[np.bool_]:
    """Which values are one of these texts; a number never is, whatever stands beside it in a column of mixed types."""
    if values.dtype == object:
        return np.array([isinstance(value, str) and value.strip() in texts for value in values], dtype=bool)
    return values.str.strip().isin(list(texts)).to_numpy(bool)


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


def _cleaned(values: pd.Series, name: str, how: Read, lost: dict[str, Lost]) -> pd.Series:
    if pd.api.types.is_object_dtype(values.dtype) or isinstance(values.dtype, pd.StringDtype):
        values = _by_level(values, how, name in how.fold)
    if name in how.numbers:
        if pd.api.types.is_numeric_dtype(values.dtype):
            values = values.astype("float64")
        else:
            read = _spread(values, lambda levels: read_numbers(levels, how))
            lost[name] = _lost(values, read, "number")
            values = _reported(read, name, lost[name])
    if name in how.dates and not pd.api.types.is_datetime64_any_dtype(values.dtype):
        read = _times(values, name, how.dates[name])
        lost[name] = _lost(values, read, "time")
        values = _reported(read, name, lost[name])
    if name in how.texts and not isinstance(values.dtype, pd.StringDtype):
        values = as_text(values)
    return _sentinels(values, name, how.sentinels[name]) if name in how.sentinels else values


def _by_level(values: pd.Series, how: Read, fold: bool) -> pd.Series:
    codes, levels = pd.factorize(values)
    texts = pd.Series(levels)
    if not texts.map(lambda level: isinstance(level, str)).all():
        return values
    texts = texts.astype("str").str.strip()
    texts = texts.mask(texts.isin(["", *how.missing]))
    texts = texts.str.lower() if fold else texts
    return pd.Series(texts.array.take(codes, allow_fill=True), index=values.index, name=values.name)


def _spread(values: pd.Series, read: Callable[[pd.Series], pd.Series]) -> pd.Series:
    """Apply a function to each different value once."""
    codes, levels = pd.factorize(values)
    found = read(pd.Series(levels, dtype="str"))
    return pd.Series(found.array.take(codes, allow_fill=True), index=values.index, name=values.name)


def _sentinels(values: pd.Series, name: str, missing: tuple[float | str, ...]) -> pd.Series:
    """Null where a number is one of these; a time where its day is."""
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.mask(values.isin([one for one in missing if not isinstance(one, str)]))
    if not pd.api.types.is_datetime64_any_dtype(values.dtype):
        return values
    try:
        days = [pd.Timestamp(str(one)).as_unit("s").tz_localize(None) for one in missing]
    except ValueError as error:
        raise DataError(f"data.read.sentinels: {name}: {error}; write days as 1900-01-01") from None
    plain = values.dt.tz_localize(None) if values.dt.tz is not None else values
    return values.mask(plain.dt.normalize().isin(days))


def _times(values: pd.Series, name: str, forms: tuple[str, ...]) -> pd.Series:
    if forms[0] in _SINCE:
        scale, start = _SINCE[forms[0]]
        numbers = pd.to_numeric(values, errors="coerce").astype("float64")
        numbers = numbers.where(numbers.abs() * scale < _FARTHEST)
        moments = (numbers * scale + start).round().astype("Int64").astype("datetime64[us]")
        return pd.Series(moments if forms[0] == "excel" else moments.dt.tz_localize("UTC"))
    if pd.api.types.is_numeric_dtype(values.dtype):  # a year that a typed file holds as 2013 or 2013.0
        values = values.astype("Int64").astype("str")
    zoned_forms = [form.endswith(("%z", "%Z")) or (form == "iso" and _zoned(values)) for form in forms]

    def read_levels(levels: pd.Series) -> pd.Series:
        moments = None
        for form in forms:
            wanted = "ISO8601" if form == "iso" else form
            found = pd.to_datetime(levels, format=wanted, errors="coerce", utc=any(zoned_forms)).dt.as_unit("us")
            moments = found if moments is None else moments.fillna(found)
        return pd.Series(moments)

    read = _spread(values, read_levels)
    if values.notna().any() and read.isna().all():
        said = " or ".join(map(repr, forms))
        first = values.dropna().iloc[0]
        raise DataError(f"data.read.dates: {name}: {first!r} does not have the form {said}; correct the form")
    return read


def _zoned(values: pd.Series) -> bool:
    text = values.dropna().astype("str").head(1000)
    return bool(len(text)) and bool(text.str.contains(r"\d[:\d.]*\s?(?:Z|[+-]\d{2}:?\d{2})$", regex=True).mean() > 0.5)


def _lost(before: pd.Series, after: pd.Series, kind: str) -> Lost:
    present = np.asarray(before.notna())
    gone = present & np.asarray(after.isna())
    return Lost(kind, int(present.sum()), int(gone.sum()), str(before[gone].iloc[0]) if gone.any() else "")


def _reported(after: pd.Series, name: str, lost: Lost) -> pd.Series:
    if lost.lost:
        logger.warning("%s: %s values are no %s and count as missing, e.g. %r", name, f"{lost.lost:,}", lost.kind,
                       lost.example)  # fmt: skip
    return after
