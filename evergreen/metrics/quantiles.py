"""Metrics of quantiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from evergreen.arrays import Floats
from evergreen.metrics.metric import Metric
from evergreen.metrics.sums import Mean


class Pinball(Mean):
    """The loss that quantiles make smallest, as the mean over rows and over the quantiles of (n, k) predictions.

    Without levels it is that of the median, of predictions (n,).

    Args:
        levels: The quantiles; they stand in the name in percent: ``pinball_10_50_90``.
    """

    median = True

    def __init__(self, levels: Sequence[float] = ()) -> None:
        self.levels = tuple(levels)
        self.name = "_".join([self.base, *(f"{100 * level:g}" for level in levels)])
        self.tasks = ("quantile",) if levels else ("regression", "quantile")
        self.needs = "quantiles" if levels else "numbers"
        self.estimated_from = "" if levels else "means"

    @property
    def base(self) -> str:
        """The name without the quantiles."""
        return "pinball"

    def named(self, name: str) -> Metric | None:
        """The loss of the quantiles that a name has in percent."""
        base, *percents = name.split("_")
        try:
            levels = tuple(float(percent) / 100 for percent in percents)
        except ValueError:
            return None
        return Pinball(levels) if base == self.base and levels else None

    def loss(self, target: Floats, prediction: Floats) -> Floats:
        """The mean loss of a row's quantiles."""
        if not self.levels:
            return 0.5 * np.abs(target - prediction)
        above = target[:, None] - prediction
        losses = np.maximum(np.asarray(self.levels) * above, (np.asarray(self.levels) - 1) * above)
        return np.asarray(losses.mean(axis=1), dtype=np.float64)


class _OfOuterQuantiles(Mean):
    tasks = ("quantile",)
    needs: Literal["quantiles"] = "quantiles"
    primary = False


class Coverage(_OfOuterQuantiles):
    """The share of the targets between the outer quantiles."""

    name, greater_is_better, most, interval = "coverage", True, 1.0, True

    def loss(self, target: Floats, prediction: Floats) -> Floats:
        """1 where the target lies between them."""
        return ((target >= prediction[:, 0]) & (target <= prediction[:, -1])).astype(np.float64)


class Width(_OfOuterQuantiles):
    """The mean distance of the outer quantiles."""

    name = "width"

    def loss(self, target: Floats, prediction: Floats) -> Floats:
        """Their distance."""
        return np.asarray(prediction[:, -1] - prediction[:, 0])
