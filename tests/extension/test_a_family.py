"""A family of a decision tree: this file is all that it needs to be searched, mixed, explained, stored and loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
import skops.io

from evergreen import features, training
from evergreen.io.registry import trusted_types
from evergreen.learning_tasks import TASKS
from evergreen.spec import ModelSpec
from evergreen.training.families.catalogue import FAMILIES
from evergreen.training.families.family import Entry, Family, Shape, Space


class Tree(Family):
    """One tree."""

    name = "tree"
    trusted = ("sklearn.tree._tree.Tree",)
    estimators = ("sklearn.tree._classes.DecisionTreeClassifier", "sklearn.tree._classes.DecisionTreeRegressor")
    space: ClassVar[Space] = {"min_samples_leaf": (2, 60)}

    def recipes(self, task: str, shape: Shape, seed: int) -> Sequence[Entry]:
        """With leaves of a few rows."""
        return [Entry("tree", {"min_samples_leaf": 20, "random_state": seed}, 35)]

    def make(self, params: dict[str, Any], task: str, metric: str | None) -> Any:
        """By scikit-learn."""
        from sklearn import tree

        return getattr(tree, f"DecisionTree{'Classifier' if TASKS[task].classes else 'Regressor'}")(**params)

    def scoring_cost(self, params: Mapping[str, Any], n_rows: int, n_classes: int) -> float:
        """A path."""
        return 0.01


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAMILIES, "tree", Tree())


def rows(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=(2, 400))
    return pd.DataFrame({"x": x, "z": z, "__target": (x > 0) & (z > -0.5)})


def test_a_new_family_is_searched_refitted_explained_stored_and_loaded_without_an_edit_elsewhere() -> None:
    content = {"search": "bayes", "max_candidates": 6, "cross_validate": "never", "ensemble": "never"}
    spec = ModelSpec.model_validate({"model": "m", "data": {"source": "s", "target": {"column": "y"}},
                                     "training": content})  # fmt: skip
    settings = spec.training.model_copy(update={"families": ("tree", "linear"), "budget": timedelta(days=9)})
    problem = training.Problem(settings, "binary", ("0", "1"), partial(features.row_features, spec, ["x", "z"]))
    found = training.find_recipe(rows(0), rows(1), problem, lambda: 0.0)
    tried = [one.recipe for one in found.finished]
    assert {one.family for one in tried} == {"tree", "linear"}
    assert len({one.params["min_samples_leaf"] for one in tried if one.family == "tree"}) > 1
    assert found.recipe.family == "tree"
    assert found.value > 0.95
    model = training.refit(found.recipe, rows(0), problem)
    loaded = skops.io.loads(skops.io.dumps(model), trusted=trusted_types())
    unseen = rows(2)
    said = training.predict(model, "binary", unseen)
    assert training.predict(loaded, "binary", unseen).tobytes() == said.tobytes()
    assert training.explain(loaded, "binary", unseen[:1], ("0", "1")).prediction == said[0]
