"""Times as sources write them become moments in UTC, in one predictable way."""

from __future__ import annotations

import logging
from typing import Literal

import numpy as np
import pandas as pd

from evergreen.errors import DataError

logger = logging.getLogger(__name__)

_ZONED = r"(?:Z|z|[+-]\d{2}(?::?\d{2})?)$"
#: A date alone ends in "-02", which must not pass for an offset.
_DATE_ONLY = r"^\s*\d{4}-?\d{2}-?\d{2}\s*$"


#: Which of two hours of the same name is meant, where the clock is set back.
Repeated = Literal["first", "second"]


def to_utc(values: pd.Series, timezone: str, where: str, *, repeated: Repeated = "first") -> pd.Series:
    """Turn a column of times into ``datetime64[us, UTC]``.

    Times without a zone are local in ``timezone``. Where the clock is set back an hour happens twice; a time in it is
    read as ``repeated`` says: an event as the first (its cut-off can only be too early), the time at which a value is
    known as the second (it can only be too late), so that neither lets a value in before it was known. A time in the
    missing hour of spring becomes the first moment after it.

    Args:
        values: Datetimes with or without a zone, dates, or ISO 8601 text; nulls stay null.
        timezone: The IANA name of the zone of times that carry none.
        where: File and column, for the message of an error.
        repeated: Which of two hours of the same name is meant.

    Raises:
        DataError: the column holds no times, or mixes times with and without a zone.
    """
    times = values if pd.api.types.is_datetime64_any_dtype(values.dtype) else _parsed(values, where)
    if times.dt.tz is None:
        first = np.full(len(times), repeated == "first")
        times = _localised(times, timezone, first, where)
    moments: pd.Series = times.dt.tz_convert("UTC").dt.as_unit("us")
    return moments


def within_reach(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with null for times that no count of nanoseconds reaches (before 1678, after 2261), as models need it.

    Such a time is a placeholder (9999-12-31) or an error; the log says how many there were.
    """
    found = {}
    for name, values in rows.items():
        if not pd.api.types.is_datetime64_any_dtype(values.dtype) or values.dt.unit == "ns":
            continue
        years = values.dt.year
        far = (years < 1678) | (years > 2261)
        if far.any():
            logger.warning("%s: %s times lie beyond what models can count and are missing, e.g. %s", name,
                           f"{int(far.sum()):,}", values[far].iloc[0])  # fmt: skip
            found[str(name)] = values.mask(far)
    return rows.assign(**found) if found else rows


def local_day(times: pd.Series, timezone: str) -> pd.Series:
    """The local calendar day of each moment, as int32 days since 1970-01-01."""
    local = times.dt.tz_convert(timezone).dt.tz_localize(None)
    days: pd.Series = local.astype("datetime64[s]").astype("int64").floordiv(86400).astype("int32")
    return days


def _localised(times: pd.Series, timezone: str, first: np.ndarray, where: str) -> pd.Series:
    try:
        moments: pd.Series = times.dt.tz_localize(timezone, ambiguous=first, nonexistent="shift_forward")
        return moments
    except (KeyError, ValueError) as error:
        raise DataError(f"{where}: {timezone!r} is no time zone; write one like Europe/Berlin or UTC") from error


def _parsed(values: pd.Series, where: str) -> pd.Series:
    present = values.dropna()
    if present.empty:
        return pd.Series(pd.NaT, index=values.index, name=values.name, dtype="datetime64[us, UTC]")
    if pd.api.types.is_numeric_dtype(values.dtype):
        raise DataError(f"{where}: holds numbers, not times (first: {present.iloc[0]}); write times as ISO 8601")
    text = present.astype("str")
    zoned = text.str.contains(_ZONED, regex=True) & ~text.str.match(_DATE_ONLY)
    if zoned.any() and not zoned.all():
        _refuse_what_is_none(text[~zoned], where)
        raise DataError(
            f"{where}: mixes times with a zone ({text[zoned].iloc[0]!r}) and without ({text[~zoned].iloc[0]!r}); "
            "write all of them one way"
        )
    try:
        return pd.to_datetime(values.astype("str"), format="ISO8601", utc=bool(zoned.all()))
    except (ValueError, OverflowError):
        _refuse_what_is_none(text, where)
        raise


def _refuse_what_is_none(text: pd.Series, where: str) -> None:
    wrong = text[pd.to_datetime(text, format="ISO8601", utc=True, errors="coerce").isna()]
    if len(wrong):
        raise DataError(
            f"{where}: {wrong.iloc[0]!r} is no time; write times as ISO 8601, e.g. 2013-03-10T14:30:00-05:00"
        ) from None
