"""Numbers and days that stand for nothing: -999, 99999, 1900-01-01, 9999-12-31, infinity."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

#: Rows that must hold such a value.
_LEAST = 3
_LIMITS = (32767.0, -32768.0, 2147483647.0, -2147483648.0)
_DAYS = frozenset(
    ["0001-01-01", "1753-01-01", "1800-01-01", "1899-12-30", "1899-12-31", "1900-01-01", "1901-01-01", "1970-01-01",
     "2099-12-31", "2100-01-01", "2199-12-31", "2299-12-31", "2999-12-31", "2999-01-01", "3000-01-01", "9999-12-31",
     "9999-01-01"]
)  # fmt: skip


@dataclass(frozen=True)
class Sentinel:
    """Values of a column that mean missing.

    Attributes:
        values: Numbers, or days as text.
        reason: The figures that say so.
        sure: Whether no other reading is likely; where not, a person decides.
    """

    values: tuple[float | str, ...]
    reason: str
    sure: bool


def find_sentinels(frame: pd.DataFrame) -> dict[str, Sentinel]:
    """Columns with values that stand for nothing: frequent, at the far end, and written as people write nothing.

    Args:
        frame: Rows whose values have been read.
    """
    found = {}
    for name, values in frame.items():
        if pd.api.types.is_datetime64_any_dtype(values.dtype):
            one = _days(values)
        elif pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype):
            one = _numbers(values)
        else:
            continue
        if one is not None:
            found[str(name)] = one
    return found


def _numbers(values: pd.Series) -> Sentinel | None:
    numbers = values.to_numpy("float64", na_value=np.nan)
    endless = numbers[np.isinf(numbers)]
    if len(endless):
        return Sentinel(tuple(sorted(set(endless.tolist()))), f"{len(endless):,} values are infinite", True)
    known = numbers[np.isfinite(numbers)]
    if not len(known) or not any(_written_so(end) for end in (known.min(), known.max())):
        return None
    levels, counts = np.unique(known, return_counts=True)
    told: list[tuple[float, str, bool]] = []
    for at in (0, -1):
        for _ in range(2):
            if len(levels) < 3:
                break
            one = _end(levels, counts, at)
            if one is None:
                break
            told.append(one)
            inner = slice(1, None) if at == 0 else slice(None, -1)
            levels, counts = levels[inner], counts[inner]
    if not told:
        return None
    sure = [one for one in told if one[2]] or told
    return Sentinel(tuple(one[0] for one in sure), "; ".join(one[1] for one in sure), sure[0][2])


def _end(levels: NDArray[np.float64], counts: NDArray[np.int64], at: int) -> tuple[float, str, bool] | None:
    """The lowest (0) or highest (-1) value where it stands for nothing, why, and whether that is sure."""
    value, count = float(levels[at]), int(counts[at])
    if not _written_so(value) or count < _LEAST:
        return None
    rest, others = (levels[1:], counts[1:]) if at == 0 else (levels[:-1], counts[:-1])
    span, gap = float(rest[-1] - rest[0]), float(abs(value - rest[at]))
    said = f"{value:g} stands in {count:,} rows, and the other values lie in {rest[0]:g} to {rest[-1]:g}"
    alone = value < -1 and rest[0] >= 0
    if (abs(value) > 9 and (gap > span or alone)) or (value == -9 and alone):
        return value, said, True
    heaped = count >= 3 * float(np.median(others))
    return (value, said, False) if heaped and (alone or (value == -1 and rest[0] >= 0) or gap > 0.1 * span) else None


def _written_so(value: float) -> bool:
    if value == -1 or value in _LIMITS or abs(value) >= 1e30:
        return True
    digits = f"{abs(value):.10g}"
    return bool(re.fullmatch(r"9+|88+|77+|9{2,}\.9+", digits)) and (value < 0 or value >= 77)


def _days(values: pd.Series) -> Sentinel | None:
    plain = (values.dt.tz_localize(None) if values.dt.tz is not None else values).dropna()
    if plain.empty:
        return None
    days = plain.dt.as_unit("s").dt.normalize()
    told, reasons = [], []
    for end in (days.min(), days.max()):
        day = str(end)[:10]
        inner = days[days != end]
        count = len(days) - len(inner)
        if day not in _DAYS or count < _LEAST or inner.nunique() < 2:
            continue
        gap = abs((end - (inner.min() if end < inner.min() else inner.max())).days)
        if gap > max(366, 0.5 * (inner.max() - inner.min()).days):
            told.append(day)
            years = f"{inner.min():%Y} to {inner.max():%Y}"
            reasons.append(f"{day} stands in {count:,} rows, and the other days lie in {years}")
    return Sentinel(tuple(told), "; ".join(reasons), True) if told else None
