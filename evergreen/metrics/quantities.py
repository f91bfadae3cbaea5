"""Metrics of numbers."""

from __future__ import annotations

from typing import Literal

import numpy as np

from evergreen.arrays import Floats
from evergreen.metrics.metric import Metric, Watched, ratio
from evergreen.metrics.sums import Mean, OfSums


class _OfNumbers(Metric):
    tasks: tuple[str, ...] = ("regression", "count", "amount")
    estimated_from: Literal["means"] = "means"


class Mae(_OfNumbers, Mean):
    """The mean absolute error."""

    name, median = "mae", True
    watched, objective = Watched("l1", "mae"), "regression_l1"

    def loss(self, target: Floats, prediction: Floats) -> Floats:
        """The distance."""
        return np.abs(target - prediction)


class Rmse(_OfNumbers, Mean):
    """The root of the mean squared error."""

    name, watched = "rmse", Watched("rmse", "rmse")

    def loss(self, target: Floats, prediction: Floats) -> Floats:
        """The squared distance."""
        return (target - prediction) ** 2

    def of_sums(self, sums: Floats) -> Floats:
        """The root of the mean."""
        return np.sqrt(super().of_sums(sums))

    def from_means(self, means: tuple[float, ...]) -> float:
        """The root of the expected mean, which may be estimated to lie below 0."""
        return float(np.sqrt(max(means[0], 0.0)))


class R2(_OfNumbers, OfSums):
    """The share of the target's variance that is explained."""

    name, greater_is_better, least, most = "r2", True, -np.inf, 1.0
    watched = Watched("rmse", "rmse")

    def rows(self, target: Floats, prediction: Floats) -> Floats:
        """Counts, targets, their squares, and squared errors."""
        shifted = target - target.mean() if len(target) else target  # large offsets would cancel in the sums of squares
        return np.column_stack([np.ones(len(target)), shifted, shifted**2, (target - prediction) ** 2])

    def of_sums(self, sums: Floats) -> Floats:
        """One less squared errors by the target's spread."""
        spread = sums[..., 2] - ratio(sums[..., 1] ** 2, sums[..., 0])
        return 1 - ratio(sums[..., 3], np.where(spread > 1e-12 * np.abs(sums[..., 2]), spread, 0))

    def quantities(self, target: Floats, prediction: Floats) -> tuple[Floats, ...]:
        """Squared errors, targets and their squares."""
        return (target - prediction) ** 2, target, target**2

    def from_means(self, means: tuple[float, ...]) -> float:
        """One less expected squared errors by the target's expected spread."""
        return float(1 - ratio(means[0], means[2] - means[1] ** 2))

    def _why_undefined(self, target: Floats, prediction: Floats) -> str:
        return "the target does not vary"


class Mape(_OfNumbers, Mean):
    """The mean absolute error in shares of the target."""

    name, tasks, median = "mape", ("regression",), True
    watched, objective = Watched("mape"), "regression_l1"

    def loss(self, target: Floats, prediction: Floats) -> Floats:
        """The distance by the target's size; NaN where that is 0."""
        return ratio(np.abs(target - prediction), np.abs(target))

    def _why_undefined(self, target: Floats, prediction: Floats) -> str:
        return f"{int((target == 0).sum())} targets are zero"
