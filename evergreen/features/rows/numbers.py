"""Numbers of a row as they are, pulled in at the ends where the spec says so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from evergreen.arrays import Floats, Matrix
from evergreen.features.rows.pieces import Piece
from evergreen.features.rows.plan import Column, Plan
from evergreen.features.signature import SignatureRows


class Numbers(Piece):
    """The columns of numbers.

    Args:
        plan: What is to be made of them.
        names: The columns.
    """

    def __init__(self, plan: Plan, names: Sequence[str]) -> None:
        super().__init__(plan, names)
        self.bounds: list[tuple[float, float]] = []

    def learn(self, rows: SignatureRows, labels: Any = None) -> Iterator[Floats]:
        """Learn from rows; gives the values of each column, (n,)."""
        for name in self.names:
            values = rows[name].to_numpy(dtype=float)
            self.bounds.append(quantiles(values, self.plan.clip))
            clipped = np.clip(values, *self.bounds[-1])
            self.columns.append(number_column(name, name, clipped, self.plan))
            yield clipped

    def values(self, rows: SignatureRows) -> Iterator[Floats]:
        """The values of each column, (n,)."""
        for name, bounds in zip(self.names, self.bounds, strict=True):
            yield np.clip(rows[name].to_numpy(dtype=float), *bounds)


def number_column(name: str, source: str, values: Floats, plan: Plan, period: float = 0.0) -> Column:
    """A column of numbers with what stands for a missing one: the spec's word for its source."""
    known = values[np.isfinite(values)]
    median = float(np.median(known)) if len(known) else 0.0
    wanted = plan.fill_of(source)
    if wanted == "most_frequent" and len(known):
        found, counts = np.unique(known, return_counts=True)
        fill = float(found[counts.argmax()])
    else:
        fill = median if isinstance(wanted, str) else float(wanted)
    return Column(name, source, period=period, fill=fill, mark=plan.mark, typical=median)


def quantiles(values: Floats, share: float) -> tuple[float, float]:
    """The numbers between which all but a share of the finite ones at each end lie; no bounds for a share of 0."""
    known = values[np.isfinite(values)] if share else values[:0]
    if not len(known):
        return -np.inf, np.inf
    low, high = np.quantile(known, [share, 1 - share], method="nearest").tolist()
    return low, high


def finite(values: Floats) -> Matrix:
    """Values as float32; what is infinite, or becomes so, is null."""
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32)
    narrow[np.isinf(narrow)] = np.nan
    return narrow
