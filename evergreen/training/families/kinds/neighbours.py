"""The nearest rows, on the scaled matrix, wild values bounded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evergreen.learning_tasks import TASKS
from evergreen.spec import Task
from evergreen.training.families.family import Entry, Family, Shape

#: Microseconds that a row costs another one whose neighbour it may be.
_NEIGHBOUR = 0.003


class Neighbours(Family):
    """The mean of the nearest rows, by their distance."""

    name = "neighbours"
    estimators = (
        "sklearn.neighbors._classification.KNeighborsClassifier", "sklearn.neighbors._regression.KNeighborsRegressor",
    )  # fmt: skip
    scaled = True
    clip = 6.0
    largest = (20_000, 1_000_000)

    def learns(self, task: Task, shape: Shape) -> bool:
        """Not where rows count differently: neighbours know no weights."""
        return super().learns(task, shape) and not shape.weighted

    def recipes(self, task: Task, shape: Shape, seed: int) -> Sequence[Entry]:
        """Fifteen of them."""
        return [Entry("neighbours", {"n_neighbors": 15}, 180, {"many": 4, "very many": 4})]

    def make(self, params: dict[str, Any], task: Task, metric: str | None) -> Any:
        """By brute force: a tree of neighbours is slower from some ten columns on."""
        from sklearn import neighbors

        kind = f"KNeighbors{'Classifier' if TASKS[task].classes else 'Regressor'}"
        return self.encoded(getattr(neighbors, kind)(weights="distance", algorithm="brute", **params), task)

    def scoring_cost(self, params: Mapping[str, Any], n_rows: int, n_classes: int) -> float:
        """All rows are compared."""
        return n_rows * _NEIGHBOUR


FAMILY = Neighbours()
