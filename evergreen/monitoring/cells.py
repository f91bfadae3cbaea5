"""The cells of one column: how the reference cuts it, and how a live window falls into them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.arrays import Floats

Whole = NDArray[np.int64]
Kind = Literal["number", "category"]

#: Cells of a number between its least and its greatest reference value, about.
BINS = 20
#: Frequent levels that have a cell of their own; the others share one.
LEVELS = 50
#: Names of rare levels that are kept to tell them from unseen ones.
_RARE = 5_000
#: Unseen levels that are named.
_NAMED = 10


@dataclass(frozen=True)
class ColumnProfile:
    """The cells of a column, and how many rows of each reference window fell into them.

    A number's cells lie below, between and above its ``edges`` (m edges, m + 1 cells, each holding its lower edge); the
    first lies below every reference value and the last above. A category's are its ``levels`` and one for all others.
    Both end with a cell for missing values. ``rare`` names the reference's other levels; it is None where there were
    too many to keep, and unseen levels cannot be told.
    """

    name: str
    kind: Kind
    edges: tuple[float, ...]
    levels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    rare: tuple[str, ...] | None = ()

    @property
    def cells(self) -> int:
        """How many cells there are, missing values included."""
        return (len(self.edges) + 1 if self.kind == "number" else len(self.levels) + 1) + 1


def cut_column(values: pd.Series | Floats, name: str, categorical: bool, windows: Whole, count: int) -> ColumnProfile:
    """Cut one column into cells, and count every window in them.

    Args:
        values: (n,): the column, or predictions.
        name: Its name.
        categorical: Whether it is a category though it holds numbers.
        windows: (n,): the number of each row's window, -1 for none.
        count: How many windows there are.
    """
    if isinstance(values, pd.Series) and (categorical or not _is_number(values)):
        codes, uniques = pd.factorize(values)
        same, names = pd.factorize(np.array([_level(value) for value in uniques], dtype=object))
        codes = np.append(same, -1)[codes]  # 1 and "1" are one level; the last, code -1, is missing
        frequent = np.argsort(-np.bincount(codes[codes >= 0], minlength=len(names)), kind="stable")
        levels, rest = names[frequent[:LEVELS]], names[frequent[LEVELS:]]
        place = np.full(len(names) + 1, len(levels) + 1)
        place[frequent[:LEVELS]], place[frequent[LEVELS:]] = np.arange(len(levels)), len(levels)
        column = ColumnProfile(name, "category", (), tuple(levels), (), tuple(rest) if len(rest) <= _RARE else None)
        cells = place[codes]
    else:
        numbers = _numbers(values)
        column = ColumnProfile(name, "number", _edges(numbers), (), ())
        cells = np.searchsorted(column.edges, numbers, side="right")
        cells[~np.isfinite(numbers)] = column.cells - 1
    kept = windows >= 0
    table = np.bincount(windows[kept] * column.cells + cells[kept], minlength=count * column.cells)
    counts = tuple(tuple(row) for row in table.reshape(count, column.cells).tolist())
    return replace(column, counts=counts)


def _edges(numbers: Floats) -> tuple[float, ...]:
    """Edges at the quantiles; a value that fills a bin by itself, or is one of few, has a cell of its own."""
    known = np.sort(numbers[np.isfinite(numbers)])
    if not len(known):
        return ()
    starts = np.flatnonzero(np.append(True, known[1:] != known[:-1]))
    lengths = np.diff(np.append(starts, len(known)))
    often = known[starts[lengths * BINS >= len(known)]] if len(starts) > BINS else known[starts]
    ranks = (np.arange(BINS) * len(known)) // BINS
    edges = [known[ranks]] if len(starts) > BINS else []
    return tuple(np.unique(np.concatenate([*edges, often, np.nextafter(np.append(often, known[-1]), np.inf)])).tolist())


def count_column(
    values: pd.Series | Floats | None, column: ColumnProfile, rows: int
) -> tuple[Whole, int, tuple[str, ...]]:
    """The rows in each cell, how many are unseen (-1: cannot be told), and the names of unseen levels.

    Args:
        values: (n,): the live column, or predictions; None where there is no such column.
        column: Its cells.
        rows: How many rows there are.
    """
    if values is None:
        return np.append(np.zeros(column.cells - 1, np.int64), rows), 0, ()
    if column.kind == "category":
        return _count_levels(pd.Series(values), column)
    numbers = _numbers(values)
    counts = np.bincount(np.searchsorted(column.edges, numbers, side="right"), minlength=column.cells)
    if not np.isfinite(numbers).all():  # NaN and infinities lie in the outermost cells
        below = int(np.count_nonzero(numbers == -np.inf))
        above = int(np.count_nonzero(np.isnan(numbers))) + int(np.count_nonzero(numbers == np.inf))
        counts[0] -= below
        counts[-2] -= above
        counts[-1] = below + above
    return counts, int(counts[0] + counts[-2]) if column.edges else int(counts[0]), ()


def cells_of(values: pd.Series | None, column: ColumnProfile, rows: int) -> Whole:
    """The cell of each row, (n,); the last one is that of missing values.

    Args:
        values: (n,): the live column; None where there is no such column.
        column: Its cells.
        rows: How many rows there are.
    """
    if values is None:
        return np.full(rows, column.cells - 1, np.int64)
    if column.kind == "category":
        codes, uniques = pd.factorize(pd.Series(values))
        place = {level: cell for cell, level in enumerate(column.levels)}
        known = [place.get(_level(value), len(column.levels)) for value in uniques]
        return np.array([*known, column.cells - 1], dtype=np.int64)[codes]  # the last, code -1, is missing
    numbers = _numbers(values)
    cells = np.searchsorted(column.edges, numbers, side="right").astype(np.int64)
    cells[~np.isfinite(numbers)] = column.cells - 1
    return cells


def _count_levels(values: pd.Series, column: ColumnProfile) -> tuple[Whole, int, tuple[str, ...]]:
    table = values.value_counts(sort=False, dropna=True)
    names, sizes = [_level(value) for value in table.index], table.to_numpy(np.int64)
    place = {level: cell for cell, level in enumerate(column.levels)}
    other = len(column.levels)
    cells = np.fromiter((place.get(name, other) for name in names), np.intp, len(names))
    counts = np.bincount(cells, sizes, minlength=column.cells).astype(np.int64)
    counts[-1] = len(values) - sizes.sum()
    if column.rare is None:
        return counts, -1, ()
    rare = set(column.rare)
    new = [(int(n), name) for name, n, cell in zip(names, sizes, cells, strict=True) if cell == other and n]
    new = sorted(((n, name) for n, name in new if name not in rare), key=lambda pair: (-pair[0], pair[1]))
    return counts, sum(n for n, _ in new), tuple(name for _, name in new[:_NAMED])


def _is_number(values: pd.Series) -> bool:
    kind = values.dtype
    time = pd.api.types.is_datetime64_any_dtype(kind) or pd.api.types.is_timedelta64_dtype(kind)
    return time or (pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind))


def _numbers(values: pd.Series | Floats) -> Floats:
    """Numbers as float64, what is missing as NaN; of times only whether they are there, as 0."""
    if isinstance(values, np.ndarray):
        return values
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.to_numpy(dtype=np.float64, na_value=np.nan)
    if values.dtype.kind in "mM":
        return np.where(values.isna(), np.nan, 0.0)
    return pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)


def _level(value: Any) -> str:
    """A level as text; a whole number reads the same with or without missing values beside it."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)
