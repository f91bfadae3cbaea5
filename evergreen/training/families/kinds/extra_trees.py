"""Extremely randomised trees (Geurts et al. 2006)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from evergreen.spec import Task
from evergreen.training.families.family import Entry, Shape, Space
from evergreen.training.families.forest import Forest


class ExtraTrees(Forest):
    """Trees whose thresholds are drawn."""

    name = "extra_trees"
    kind, bootstrap = "ExtraTrees", False
    estimators = ("sklearn.ensemble._forest.ExtraTreesClassifier", "sklearn.ensemble._forest.ExtraTreesRegressor")
    space: ClassVar[Space] = {"min_samples_leaf": (1, 50), "max_features": (0.1, 1.0)}

    def recipes(self, task: Task, shape: Shape, seed: int) -> Sequence[Entry]:
        """A third of the features a split, and all of them where there are few."""
        params = self.params(shape, seed) | {"max_features": 1.0 if shape.inputs < 6 else 0.35}
        return [Entry("extra-trees", params, 30, {"many": 1, "very many": 0})]


FAMILY = ExtraTrees()
