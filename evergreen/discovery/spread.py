"""How much a figure varies between parts of a table: what the next rows may do without being odd."""

from __future__ import annotations

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


def spread_of(values: NDArray[np.float64], blocks: NDArray[np.int64], quantile: float | None = None) -> Spread:
    """The mean (or a quantile) of all rows and over blocks; NaN where there is no value."""
    known = np.isfinite(values)
    values, blocks = values[known], blocks[known]
    if not len(values):
        return Spread(np.nan, np.nan, np.nan, 0.0)
    grouped = pd.Series(values).groupby(blocks)
    figures = grouped.mean() if quantile is None else grouped.quantile(quantile)
    figures = figures[grouped.size() >= _LEAST]
    value = float(values.mean() if quantile is None else np.quantile(values, quantile))
    if len(figures) < 2:
        return Spread(value, value, value, 0.0)
    return Spread(value, float(figures.min()), float(figures.max()), float(figures.std()))
