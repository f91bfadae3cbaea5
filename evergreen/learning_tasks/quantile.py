"""Quantiles of a number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from evergreen.arrays import Floats
from evergreen.learning_tasks.learning_task import EVEN, PREDICTION
from evergreen.learning_tasks.regression import OfNumbers
from evergreen.learning_tasks.values import Values, values_of
from evergreen.metrics import Metric, Pinball, Watched

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Quantile(OfNumbers):
    """A prediction is (n, k), a column a quantile; coverage and width are those of the outer ones."""

    name, metric = "quantile", "pinball"
    columns = levels = True
    estimated_from: Literal[""] = ""
    objective, watched = "quantile", Watched("quantile")

    def metric_name(self, name: str | None, quantiles: Sequence[float]) -> str:
        """The loss has its quantiles in its name: ``pinball_10_50_90``."""
        known = super().metric_name(name, quantiles)
        return Pinball(quantiles).name if known == self.metric else known

    def why_not_estimated(self, metric: str) -> str:
        """None can be."""
        return "how far a target lies from its quantiles cannot be told from them alone"

    def column_names(self, classes: Sequence[str], quantiles: Sequence[float]) -> tuple[str, ...]:
        """The quantiles."""
        return tuple(f"{level:g}" for level in quantiles)

    def values(
        self, truth: Floats, prediction: Floats, classes: Sequence[object] | None = None, threshold: float = EVEN
    ) -> Values:
        """Beside the metrics a value a quantile: ``share_below/0.1``, the share of the targets at or below it."""
        levels = _levels(classes)
        metrics: list[Metric] = [Pinball(levels) if one.base == self.metric else one for one in self.metrics()]
        found = values_of(metrics, truth, prediction)
        for place, level in enumerate(levels):
            share = float((truth <= prediction[:, place]).mean()) if len(truth) else np.nan
            found.values[f"share_below/{level:g}"] = share
        return found

    def baseline(
        self, target: Floats, n: int, classes: Sequence[object] | None = None, metric: str | None = None,
        exposures: Any = None,
    ) -> Floats:  # fmt: skip
        """The quantiles of the targets."""
        return np.tile(np.quantile(target, _levels(classes)), (n, 1))

    def ledger_columns(self, classes: Sequence[str]) -> list[str]:
        """``q_0.1``, ..."""
        return [f"q_{level}" for level in classes]

    def table(self, prediction: Floats, classes: Sequence[str], threshold: float) -> dict[str, Any]:
        """The middle quantile first, then each."""
        middle = prediction[:, (prediction.shape[1] - 1) // 2]
        return {PREDICTION: middle, **dict(zip(self.ledger_columns(classes), prediction.T, strict=True))}

    def figures(self, truth: Floats, prediction: Floats, classes: Sequence[str] | None = None) -> dict[str, Figure]:
        """The calibration of the quantiles, and how often the outer ones hold the target."""
        from evergreen.figures.quantiles import below, intervals

        levels = _levels(classes)
        return {
            "quantile_calibration": below(truth, prediction, levels),
            "intervals": intervals(truth, prediction, levels),
        }


def _levels(classes: Sequence[object] | None) -> list[float]:
    return [float(str(level)) for level in classes or ()]
