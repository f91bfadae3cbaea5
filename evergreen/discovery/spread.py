"""How much a figure varies between parts of a table: what the next rows may do without being odd."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

#: Rows that a block needs for its figure to count.
_LEAST = 20


@dataclass(frozen=True)
class Spread:
    """A figure of all rows, its least and largest value over blocks, and the standard deviation over blocks."""

    value: float
    low: float
    high: float
    sd: float


def blocks_of(table: pd.DataFrame) -> NDArray[np.int64]:
    """Which block each row belongs to: weeks of the event time, days where there are under four, else tenths."""
    if "__day" not in table:
        return np.arange(len(table), dtype=np.int64) * 10 // max(len(table), 1)
    day = table["__day"].to_numpy(dtype=np.int64)
    day = day - day.min()
    blocks: NDArray[np.int64] = day // 7 if day.max() >= 28 else day
    return blocks


def spread_of(values: NDArray[np.float64], blocks: NDArray[np.int64]) -> Spread:
    """The mean of all rows and over blocks; NaN where there is no value."""
    known = np.isfinite(values)
    values, blocks = values[known], blocks[known]
    if not len(values):
        return Spread(np.nan, np.nan, np.nan, 0.0)
    sizes = np.bincount(blocks)
    large = sizes >= _LEAST
    return _spread(float(values.mean()), np.bincount(blocks, weights=values)[large] / sizes[large])


def quantile_spreads(
    values: NDArray[np.float64], blocks: NDArray[np.int64], shares: Sequence[float]
) -> list[tuple[Spread, float, float]]:
    """Quantiles of all rows and over blocks, each with the values next below and above it.

    Args:
        values: At least one of them finite.
        blocks: Which block each row belongs to.
        shares: Which quantiles, in [0, 1]; linear interpolation (Hyndman and Fan 1996, type 7).
    """
    known = np.isfinite(values)
    values, blocks = values[known], blocks[known]
    ordered = np.sort(values)
    by_block = np.lexsort((values, blocks))
    inside, labels = values[by_block], blocks[by_block]
    starts = np.flatnonzero(np.concatenate([[True], labels[1:] != labels[:-1]]))
    sizes = np.diff(np.append(starts, len(labels)))
    starts, sizes = starts[sizes >= _LEAST], sizes[sizes >= _LEAST]
    found = []
    for share in shares:
        below, above, value = _between(ordered, np.array([0]), np.array([len(ordered)]), share)
        found.append(
            (_spread(float(value[0]), _between(inside, starts, sizes, share)[2]), float(below[0]), float(above[0]))
        )
    return found


def _between(
    ordered: NDArray[np.float64], starts: NDArray[np.int64], sizes: NDArray[np.int64], share: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    at = share * (sizes - 1)
    low = np.floor(at).astype(np.int64)
    below, above = ordered[starts + low], ordered[starts + np.minimum(low + 1, sizes - 1)]
    return below, above, below + (at - low) * (above - below)


def _spread(value: float, figures: NDArray[np.float64]) -> Spread:
    if len(figures) < 2:
        return Spread(value, value, value, 0.0)
    return Spread(value, float(figures.min()), float(figures.max()), float(figures.std(ddof=1)))
