"""One of two classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from evergreen.arrays import Floats
from evergreen.learning_tasks.learning_task import DECISION, EVEN, PREDICTION, LearningTask
from evergreen.learning_tasks.values import Values, each_class, values_of
from evergreen.metrics import Watched, decide_class

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


class Binary(LearningTask):
    """A prediction is the probability of class 1, (n,)."""

    name, metric = "binary", "roc_auc"
    classes = decides = True
    estimated_from: Literal["chances"] = "chances"
    objective, watched = "binary", Watched("binary_logloss", "log_loss")

    def suits(self, levels: Sequence[Any]) -> bool:
        """Two values, whatever they are."""
        return len(levels) == 2

    def encode(self, series: pd.Series, classes: Sequence[str] | None = None) -> tuple[Floats, tuple[str, ...]]:
        """0 or 1."""
        from evergreen.learning_tasks.labels import places_of

        return places_of(series, classes, self.name, most=2)

    def of_probabilities(self, probabilities: Floats) -> Floats:
        """That of class 1."""
        return probabilities[:, 1]

    def moved(self, prediction: Floats, threshold: float) -> Floats:
        """Straight lines from the threshold to either end."""
        if threshold == EVEN:
            return prediction
        above = EVEN + EVEN * (prediction - threshold) / (1 - threshold)
        return np.where(prediction >= threshold, np.maximum(above, EVEN), EVEN * prediction / threshold)

    def values(
        self, truth: Floats, prediction: Floats, classes: Sequence[object] | None = None, threshold: float = EVEN
    ) -> Values:
        """Those of class 1, and of each class."""
        hard = self.moved(prediction, threshold)
        found = values_of(self.metrics(), truth, prediction, hard)
        if not len(truth):
            return found
        names = list(classes) if classes is not None else [0, 1]
        return found | each_class(truth, _both(prediction), decide_class(hard), names)

    def ledger(self, prediction: Floats, classes: Sequence[str], threshold: float) -> dict[str, Any]:
        """The probability of class 1, and the name of the class that is decided."""
        return {PREDICTION: prediction, DECISION: self.table(prediction, classes, threshold)[PREDICTION]}

    def table(self, prediction: Floats, classes: Sequence[str], threshold: float) -> dict[str, Any]:
        """The name of the class that is decided, and the probability of each."""
        import pandas as pd

        decided = np.array(classes, dtype=object)[(prediction >= threshold).astype(int)]
        each = {f"p_{name}": column for name, column in zip(classes, _both(prediction).T, strict=True)}
        return {PREDICTION: pd.array(decided, dtype="str"), **each}

    def figures(self, truth: Floats, prediction: Floats, classes: Sequence[str] | None = None) -> dict[str, Figure]:
        """ROC, precision and recall, calibration; those that need two classes are left out where the target has one."""
        from evergreen.figures.classes import two_classes

        return two_classes(truth, prediction)


def _both(prediction: Floats) -> Floats:
    return np.column_stack([1 - prediction, prediction])
