"""Random forests (Breiman 2001)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from evergreen.spec import Task
from evergreen.training.families.family import Entry, Shape, Space
from evergreen.training.families.forest import Forest


class RandomForest(Forest):
    """Trees of rows that are drawn."""

    name = "random_forest"
    kind, bootstrap = "RandomForest", True
    estimators = ("sklearn.ensemble._forest.RandomForestClassifier", "sklearn.ensemble._forest.RandomForestRegressor")
    space: ClassVar[Space] = {"min_samples_leaf": (1, 50), "max_samples": (0.3, 1.0)}

    def recipes(self, task: Task, shape: Shape, seed: int) -> Sequence[Entry]:
        """Half of the rows a tree."""
        return [Entry("random-forest", self.params(shape, seed) | {"max_samples": 0.5}, 150)]


FAMILY = RandomForest()
