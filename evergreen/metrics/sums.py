"""Metrics that are functions of sums over rows, so that all their values without one block cost a subtraction each."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from evergreen.arrays import Floats
from evergreen.metrics.metric import Codes, Metric, ratio


class OfSums(Metric):
    """A metric that is a function of sums over rows."""

    @abstractmethod
    def rows(self, target: Floats, prediction: Floats) -> Floats:
        """What is summed, (n, p)."""

    @abstractmethod
    def of_sums(self, sums: Floats) -> Floats:
        """The values of sums: (..., p) to (...)."""

    def _deletions(self, target: Floats, prediction: Floats, codes: Codes, count: int) -> tuple[float, Floats]:
        rows = self.rows(target, prediction)
        blocks = [np.bincount(codes, column, minlength=count)[:count] for column in rows.T]
        total = rows.sum(axis=0)
        return float(self.of_sums(total)), self.of_sums(total - np.column_stack(blocks))


class Mean(OfSums):
    """A metric that is the mean of a loss or a share over rows."""

    @abstractmethod
    def loss(self, target: Floats, prediction: Floats) -> Floats:
        """What each row counts, (n,)."""

    def rows(self, target: Floats, prediction: Floats) -> Floats:
        """A row's count, and its loss."""
        return np.column_stack([np.ones(len(target)), self.loss(target, prediction)])

    def of_sums(self, sums: Floats) -> Floats:
        """The mean."""
        return ratio(sums[..., 1], sums[..., 0])

    def quantities(self, target: Floats, prediction: Floats) -> tuple[Floats, ...]:
        """The loss alone."""
        return (self.loss(target, prediction),)
