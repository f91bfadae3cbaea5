"""The recipes tried in a run: a fixed sequence, the likeliest to win first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sklearn.base import TransformerMixin
from sklearn.pipeline import Pipeline

from evergreen.errors import TrainingError
from evergreen.spec import Family, Task

_LIGHTGBM: dict[str, dict[str, Any]] = {
    "lightgbm": {"num_leaves": 15, "learning_rate": 0.04, "colsample_bytree": 0.5, "min_child_samples": 200,
                 "reg_lambda": 20.0, "cat_smooth": 50.0},
    "lightgbm-wide": {"num_leaves": 31, "learning_rate": 0.05},
    "lightgbm-random": {"num_leaves": 31, "learning_rate": 0.05, "colsample_bytree": 0.4, "min_child_samples": 100,
                        "reg_lambda": 10.0, "cat_smooth": 50.0, "extra_trees": True},
    "lightgbm-deep": {"num_leaves": 127, "learning_rate": 0.05, "colsample_bytree": 0.7, "min_child_samples": 50,
                      "reg_lambda": 5.0},
}  # fmt: skip
_MAX_ROUNDS = 2000
_TREES = 200


@dataclass(frozen=True)
class Recipe:
    """Everything that is fixed about a candidate before it sees a row.

    ``params`` is canonical JSON text of the estimator's parameters: hashable, comparable, storable.
    """

    name: str
    family: Family
    params: str
    class_weight: str = "none"

    @property
    def encode(self) -> str:
        """How categories reach the estimator: ``codes`` or ``onehot``."""
        return "onehot" if self.family == "linear" else "codes"

    @property
    def settings(self) -> dict[str, Any]:
        """The estimator's parameters."""
        return dict(json.loads(self.params))

    def with_settings(self, **changed: Any) -> Recipe:
        """The same recipe with other parameters."""
        return replace(self, params=_canonical(self.settings | changed))

    def to_json(self) -> str:
        """Canonical JSON text, equal for equal recipes."""
        return _canonical(
            {"name": self.name, "family": self.family, "class_weight": self.class_weight, "params": self.settings}
        )

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """The recipe that ``to_json`` wrote."""
        content = json.loads(text)
        return cls(content["name"], content["family"], _canonical(content["params"]), content["class_weight"])


def candidates(
    task: Task, families: Sequence[Family], n_rows: int, n_features: int, seed: int, class_weight: str = "none"
) -> tuple[Recipe, ...]:
    """The recipes for a table, in the order in which they are tried.

    Args:
        task: What is predicted.
        families: The families allowed; their order does not matter.
        n_rows: Rows of the training part: leaves shrink with small tables.
        n_features: Inputs of the model.
        seed: Seed of every recipe.
        class_weight: ``none`` or ``balanced``.
    """
    leaf = max(2, min(50, n_rows // 2000))
    boosted = [("lightgbm", name, _boosting(params, n_rows, seed)) for name, params in _LIGHTGBM.items()]
    forest = {"n_estimators": _TREES, "min_samples_leaf": leaf, "random_state": seed}
    others: list[tuple[Family, str, dict[str, Any]]] = [
        ("linear", "linear", {"strength": 1.0}),
        ("extra_trees", "extra-trees", {**forest, "max_features": _features_a_split(n_features)}),
        ("random_forest", "random-forest", {**forest, "max_samples": 0.5}),
        ("linear", "linear-shrunk", {"strength": 0.01}),
    ]
    # One of each family before the second of any: a run cut short has still compared kinds of models.
    order = [boosted[0], others[0], boosted[1], others[1], boosted[2], others[2], boosted[3], others[3]]
    chosen = [
        Recipe(name, family, _canonical(params), class_weight)  # type: ignore[arg-type]
        for family, name, params in order
        if family in families
    ]
    if not chosen:
        raise TrainingError("training.families is empty; name at least one of lightgbm, random_forest, linear")
    return tuple(chosen)


def make_pipeline(recipe: Recipe, task: Task, transformer: TransformerMixin, metric: str | None = None) -> Pipeline:
    """An unfitted Pipeline of steps ``rows`` (the transformer) and ``model`` (the recipe's estimator)."""
    return Pipeline([("rows", transformer), ("model", make_estimator(recipe, task, metric))])


def make_estimator(recipe: Recipe, task: Task, metric: str | None = None) -> Any:
    """The recipe's estimator, unfitted, for labels as ``encode_target`` gives them."""
    settings = recipe.settings
    if recipe.family == "lightgbm":
        return _lightgbm(settings, task, metric)
    if recipe.family == "linear":
        return _linear(settings["strength"], task)
    from sklearn import ensemble

    kind = "ExtraTrees" if recipe.family == "extra_trees" else "RandomForest"
    suffix = "Regressor" if task == "regression" else "Classifier"
    settings["bootstrap"] = recipe.family == "random_forest"
    return getattr(ensemble, kind + suffix)(n_jobs=2, **settings)


def _lightgbm(settings: dict[str, Any], task: Task, metric: str | None) -> Any:
    import lightgbm

    fixed: dict[str, Any] = {"deterministic": True, "force_row_wise": True, "n_jobs": 2, "verbosity": -1}
    if task != "regression":
        return lightgbm.LGBMClassifier(**settings, **fixed)
    objective = "regression_l1" if metric in ("mae", "mape") else "regression"
    return lightgbm.LGBMRegressor(objective=objective, **settings, **fixed)


def _linear(strength: float, task: Task) -> Any:
    from sklearn.linear_model import LogisticRegression, Ridge

    if task == "regression":
        return Ridge(alpha=1.0 / strength)
    return LogisticRegression(C=strength, max_iter=200, tol=1e-3)


def _boosting(params: dict[str, Any], n_rows: int, seed: int) -> dict[str, Any]:
    base = {"n_estimators": _MAX_ROUNDS, "random_state": seed, "min_child_samples": 20, "subsample_freq": 0}
    settings = base | params
    # A leaf of 200 rows is a rule for large tables; in small ones it would forbid every split.
    settings["min_child_samples"] = max(3, min(settings["min_child_samples"], n_rows // 50))
    return settings


def _features_a_split(n_features: int) -> float:
    """A third of the features, and all of them where there are few."""
    return 1.0 if n_features < 6 else 0.35


def _canonical(content: dict[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"))
