"""A number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from evergreen.arrays import Floats
from evergreen.learning_tasks.learning_task import LearningTask
from evergreen.metrics import Watched

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


class OfNumbers(LearningTask):
    """Labels are numbers."""

    def suits(self, levels: Sequence[Any]) -> bool:
        """Never: the spec names it."""
        return False

    def encode(self, series: pd.Series, classes: Sequence[str] | None = None) -> tuple[Floats, tuple[str, ...]]:
        """The number itself; that all are the same is fine where ``classes`` of an earlier call are given."""
        from evergreen.learning_tasks.labels import quantities_of

        return quantities_of(series, classes is not None, self.name, from_zero=self.rises), ()


class Regression(OfNumbers):
    """A prediction is the mean, (n,)."""

    name, metric = "regression", "rmse"
    any_sign = True
    objective, watched = "regression", Watched("rmse", "rmse")

    def suits(self, levels: Sequence[Any]) -> bool:
        """All that is left."""
        return True

    def figures(self, truth: Floats, prediction: Floats, classes: Sequence[str] | None = None) -> dict[str, Figure]:
        """Residuals, and both sides."""
        from evergreen.figures.quantities import predicted_vs_actual, residuals

        return {
            "residuals": residuals(truth, prediction),
            "predicted_vs_actual": predicted_vs_actual(truth, prediction),
        }
