"""One of several classes."""

from __future__ import annotations

import numbers
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

#: Whole numbers with at most this many values are classes.
_MOST_NUMBERED_CLASSES = 10


class Multiclass(LearningTask):
    """A prediction is the probability of each class, (n, k)."""

    name, metric = "multiclass", "log_loss"
    classes = columns = True
    estimated_from: Literal["chances"] = "chances"
    objective, watched = "multiclass", Watched("multi_logloss", "log_loss")
    watches_metric = False  # LightGBM knows the areas of two classes only

    def suits(self, levels: Sequence[Any]) -> bool:
        """Texts, or up to ten whole numbers."""
        if not all(isinstance(level, numbers.Real) for level in levels):
            return True
        return len(levels) <= _MOST_NUMBERED_CLASSES and all(float(level).is_integer() for level in levels)

    def encode(self, series: pd.Series, classes: Sequence[str] | None = None) -> tuple[Floats, tuple[str, ...]]:
        """The place of the class."""
        from evergreen.learning_tasks.labels import places_of

        return places_of(series, classes, self.name, most=None)

    def values(
        self, truth: Floats, prediction: Floats, classes: Sequence[object] | None = None, threshold: float = EVEN
    ) -> Values:
        """The means over the classes, and those of each."""
        found = values_of(self.metrics(), truth, prediction)
        if not len(truth):
            return found
        names = list(classes) if classes is not None else list(range(prediction.shape[1]))
        return found | each_class(truth, prediction, decide_class(prediction), names)

    def baseline(
        self, target: Floats, n: int, classes: Sequence[object] | None = None, metric: str | None = None,
        exposures: Any = None,
    ) -> Floats:  # fmt: skip
        """The shares of the classes."""
        counts = np.bincount(target.astype(np.intp), minlength=len(classes) if classes is not None else 0)
        return np.tile(counts / counts.sum(), (n, 1))

    def ledger_columns(self, classes: Sequence[str]) -> list[str]:
        """``p_0``, ... by the code of the class: a name may be any text."""
        return [f"p_{code}" for code in range(len(classes))]

    def ledger(self, prediction: Floats, classes: Sequence[str], threshold: float) -> dict[str, Any]:
        """The code of the most probable class, the probability of each, and the class's name."""
        each = dict(zip(self.ledger_columns(classes), prediction.T, strict=True))
        decided = self.table(prediction, classes, threshold)[PREDICTION]
        return {PREDICTION: _best(prediction).astype(float), **each, DECISION: decided}

    def table(self, prediction: Floats, classes: Sequence[str], threshold: float) -> dict[str, Any]:
        """The name of the most probable class, and the probability of each."""
        import pandas as pd

        decided = np.array(classes, dtype=object)[_best(prediction)]
        each = {f"p_{name}": prediction[:, code] for code, name in enumerate(classes)}
        return {PREDICTION: pd.array(decided, dtype="str"), **each}

    def figures(self, truth: Floats, prediction: Floats, classes: Sequence[str] | None = None) -> dict[str, Figure]:
        """The confusion of classes, and the curves of the largest ones."""
        from evergreen.figures.classes import confusion, each_class

        names = list(classes) if classes is not None else [str(code) for code in range(prediction.shape[1])]
        return {"confusion": confusion(truth, prediction, names), **each_class(truth, prediction, names)}


def _best(prediction: Floats) -> Any:
    return prediction.argmax(axis=1) if len(prediction) else np.empty(0, dtype=int)
