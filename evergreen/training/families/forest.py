"""Forests of scikit-learn: gaps are read as they are, categories as codes by rank and means of labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from evergreen.arrays import Floats
from evergreen.learning_tasks import TASKS
from evergreen.spec import Task
from evergreen.threads import usable_threads
from evergreen.training.families.family import Family, Learned, Shape
from evergreen.training.families.fold import Fold
from evergreen.training.families.prediction import MANY_ROWS
from evergreen.training.families.recipe import Recipe
from evergreen.training.problem import Problem
from evergreen.training.watch import Watch

_TREES = 200
#: What the nodes of a forest may take up; a node is as large as there are classes.
_FOREST_BYTES = 4e8
#: Trees grown between two looks at the clock.
_TREES_AT_A_TIME = 20
#: Microseconds that a level of a tree costs a row, and a class in a leaf.
_LEVEL, _CLASS = 0.004, 0.001


class Forest(Family):
    """A forest; ``kind`` and ``bootstrap`` say which."""

    kind: str
    bootstrap: bool
    trusted = ("sklearn.tree._tree.Tree",)

    def learns(self, task: Task, shape: Shape) -> bool:
        """Every task but quantiles."""
        return not TASKS[task].levels

    def params(self, shape: Shape, seed: int) -> dict[str, Any]:
        """Parameters for a table."""
        # Of 200 classes and 16,000 rows, leaves of 8 rows took 1.3 GB, and 5.9 GB while the model was read.
        smallest = math.ceil(2 * shape.rows * shape.classes * 8 * _TREES / _FOREST_BYTES) if shape.classes > 2 else 2
        leaf = max(2, min(50, shape.rows // 2000), smallest)
        return {"n_estimators": _TREES, "min_samples_leaf": leaf, "random_state": seed}

    def make(self, params: dict[str, Any], task: Task, metric: str | None) -> Any:
        """A forest of classes or of a quantity."""
        from sklearn import ensemble

        suffix = "Classifier" if TASKS[task].classes else "Regressor"
        # A mean squared error would let the few largest numbers decide where to split.
        criterion = {"criterion": "poisson"} if TASKS[task].rises else {}
        return getattr(ensemble, self.kind + suffix)(n_jobs=1, bootstrap=self.bootstrap, **criterion, **params)

    def fit(
        self, recipe: Recipe, model: Any, rows: Any, parts: tuple[Fold, Fold], problem: Problem, watch: Watch
    ) -> Learned:
        """Give up where the first trees say that all take too long."""
        _grow(model, parts[0], watch)
        return Learned(model)

    def refit(self, recipe: Recipe, model: Any, rows: Any, train: Fold, scale: float) -> None:
        """As many trees, whatever the rows."""
        _grow(model, train, Watch())

    def scoring_cost(self, params: Mapping[str, Any], n_rows: int, n_classes: int) -> float:
        """By the depth of the trees."""
        depth = 1 + math.log2(max(2.0, n_rows / params["min_samples_leaf"]))
        return float(params["n_estimators"] * (_LEVEL * depth + _CLASS * n_classes))

    def predict(self, model: Any, predict: Callable[[Any], Any], matrix: Any) -> Floats:
        """A part of many rows a thread: a forest's own threads would add up votes in any order."""
        if len(matrix) < MANY_ROWS:
            return super().predict(model, predict, matrix)
        threads = usable_threads()
        with ThreadPoolExecutor(threads) as pool:
            return np.concatenate(list(pool.map(predict, np.array_split(matrix, threads)))).astype(float, copy=False)

    def trees(self, model: Any) -> int:
        """All."""
        return max(1, len(model.estimators_))


def _grow(model: Any, train: Fold, watch: Watch) -> None:
    """Grow a forest in steps, which is the same, bit for bit, as growing it at once."""
    total, began = model.n_estimators, watch.clock()
    watch.check()
    model.set_params(warm_start=True, n_jobs=train.threads)
    for trees in sorted({min(2, total), *range(_TREES_AT_A_TIME, total, _TREES_AT_A_TIME), total}):
        model.set_params(n_estimators=trees).fit(train.x, train.y, sample_weight=train.weight)
        watch.check_room((watch.clock() - began) * (total - trees) / trees)
    # Threads add up a forest's votes in any order, which changes the last bit.
    model.set_params(warm_start=False, n_jobs=1)
