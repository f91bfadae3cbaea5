"""Numbers and days that stand for nothing: -999, 99999, 1900-01-01, 9999-12-31, infinity."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_Levels = tuple[NDArray[np.float64], NDArray[np.int64]]
#: Rows that must hold such a value.
_LEAST = 3
#: What a value needs that is not written as people write nothing: a share of the rows, and other values beside it.
_HEAP, _FEW = 0.005, 10
_LIMITS = frozenset(
    float(limit) for bits in (16, 32, 64) for limit in (2 ** (bits - 1) - 1, -(2 ** (bits - 1)), 2**bits - 1)
)
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
    """Columns with values that stand for nothing: at the far end, heaped or written as people write nothing.

    A value that is sure to mean missing in one column does so in each other one where it stands apart, however rare.

    Args:
        frame: Rows whose values have been read.
    """
    found, levels = {}, dict[str, _Levels]()
    for name, values in frame.items():
        if pd.api.types.is_datetime64_any_dtype(values.dtype):
            one = _days(values)
        elif pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype):
            numbers = values.to_numpy("float64", na_value=np.nan)
            levels[str(name)] = np.unique(numbers[np.isfinite(numbers)], return_counts=True)
            one = _numbers(numbers, levels[str(name)])
        else:
            continue
        if one is not None:
            found[str(name)] = one
    found |= _alike(levels, found)
    return {name: found[name] for name in map(str, frame.columns) if name in found}


def _alike(levels: dict[str, _Levels], found: dict[str, Sentinel]) -> dict[str, Sentinel]:
    """Columns in which a value stands apart that is sure to mean missing in another one."""
    sure = {
        float(value): name
        for name, one in found.items()
        if one.sure and name in levels
        for value in one.values
        if not isinstance(value, str) and np.isfinite(value)
    }
    more = {}
    for name, (values, counts) in levels.items():
        if (name in found and found[name].sure) or len(values) < 3:
            continue
        for place in (0, -1):
            value = float(values[place])
            rest = np.delete(values, place)
            gap, span = abs(value - float(rest[place])), float(rest[-1] - rest[0])
            if value in sure and sure[value] != name and (gap > span or value < 0 <= rest[0]):
                said = f"{_told(value, int(counts[place]), rest)}; as in {sure[value]}"
                more[name] = Sentinel((value,), said, True)
    return more


def _numbers(numbers: NDArray[np.float64], found: _Levels) -> Sentinel | None:
    endless = numbers[np.isinf(numbers)]
    if len(endless):
        return Sentinel(tuple(sorted(set(endless.tolist()))), f"{len(endless):,} values are infinite", True)
    levels, counts = found
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
    if count < _LEAST:
        return None
    rest, others = (levels[1:], counts[1:]) if at == 0 else (levels[:-1], counts[:-1])
    span, gap = float(rest[-1] - rest[0]), float(abs(value - rest[at]))
    said = _told(value, count, rest)
    alone = value < -1 and rest[0] >= 0
    if not _written_so(value):
        sure = _heaped_apart(value, count, gap, rest, others)
        return None if sure is None else (value, said, sure)
    if (abs(value) > 9 and (gap > span or alone)) or (value == -9 and alone):
        return value, said, True
    heaped = count >= 3 * float(np.median(others))
    return (value, said, False) if heaped and (alone or (value == -1 and rest[0] >= 0) or gap > 0.1 * span) else None


def _heaped_apart(
    value: float, count: int, gap: float, rest: NDArray[np.float64], others: NDArray[np.int64]
) -> bool | None:
    """Whether a value that nobody writes for nothing stands for it: far from all others, and more often than they do.

    Returns:
        True where nothing else is likely, False where a person has to say, None where it is a value like the others.
    """
    rows, span = count + int(others.sum()), float(rest[-1] - rest[0])
    if abs(value) <= 1 or not value.is_integer() or count < max(_LEAST, _HEAP * rows):
        return None
    if len(rest) < _FEW:  # a handful of levels may well be codes of which one is a large number
        return False if gap > 10 * span else None
    below = value < 0 <= rest[0]
    if count < 3 * float(np.median(others)) or not (gap > span or (below and gap > 0.1 * span)):
        return None
    # Upwards a scale may end there, as a share in 1 and a percentage in 100: only what no scale reaches is sure.
    return (gap > 3 * span or count >= int(others.max())) if below else gap > 20 * span


def _told(value: float, count: int, rest: NDArray[np.float64]) -> str:
    rows = f"{count:,} row{'s' * (count != 1)}"
    return f"{value:g} stands in {rows}, and the other values lie in {rest[0]:g} to {rest[-1]:g}"


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
