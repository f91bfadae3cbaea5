"""What a candidate is before it sees a row, and the estimator that it stands for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from sklearn.base import TransformerMixin
from sklearn.pipeline import Pipeline

from evergreen.spec import Family, Task
from evergreen.training.ensemble import Ensemble
from evergreen.training.standardised import Standardised

#: Standard deviations beyond which a value counts as so many, for estimators that one wild value would lead astray.
_CLIP = 6.0


@dataclass(frozen=True)
class Recipe:
    """Everything that is fixed about a candidate before it sees a row.

    ``params`` is canonical JSON text of the estimator's parameters: hashable, comparable, storable. Those of an
    ensemble are its members' recipes and their weights.
    """

    name: str
    family: Family | Literal["ensemble"]
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

    @property
    def members(self) -> tuple[Recipe, ...]:
        """The recipes that an ensemble mixes; none of a single model."""
        if self.family != "ensemble":
            return ()
        return tuple(Recipe.from_json(json.dumps(member)) for member in self.settings["members"])

    def with_settings(self, **changed: Any) -> Recipe:
        """The same recipe with other parameters."""
        return replace(self, params=canonical(self.settings | changed))

    def to_json(self) -> str:
        """Canonical JSON text, equal for equal recipes."""
        return canonical(
            {"name": self.name, "family": self.family, "class_weight": self.class_weight, "params": self.settings}
        )

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """The recipe that ``to_json`` wrote."""
        content = json.loads(text)
        return cls(content["name"], content["family"], canonical(content["params"]), content["class_weight"])

    @classmethod
    def mixing(cls, members: Sequence[Recipe], weights: Sequence[float]) -> Recipe:
        """The recipe of an ensemble."""
        content = {"members": [json.loads(member.to_json()) for member in members], "weights": list(weights)}
        return cls("ensemble", "ensemble", canonical(content), members[0].class_weight)


def make_pipeline(recipe: Recipe, task: Task, transformer: TransformerMixin, metric: str | None = None) -> Pipeline:
    """An unfitted Pipeline of steps ``rows`` (the transformer) and ``model`` (the recipe's estimator)."""
    return Pipeline([("rows", transformer), ("model", make_estimator(recipe, task, metric))])


def make_estimator(recipe: Recipe, task: Task, metric: str | None = None, member: bool = False) -> Any:
    """The recipe's estimator, unfitted, for labels as ``encode_target`` gives them.

    Args:
        recipe: What to make.
        task: What is predicted.
        metric: The primary metric; some estimators have a loss of their own for it.
        member: Of an ensemble, which gives all its members the matrix of codes.
    """
    settings = recipe.settings
    if recipe.family == "ensemble":
        return Ensemble([make_estimator(one, task, metric, True) for one in recipe.members], settings["weights"])
    if recipe.family == "lightgbm":
        return _lightgbm(settings, task, metric)
    if recipe.family == "linear":
        model = _linear(settings["strength"], task)
        return Standardised(model, quantity=task == "regression") if member else model
    if recipe.family in ("extra_trees", "random_forest"):
        return _forest(recipe.family, settings, task)
    return Standardised(_small(recipe.family, settings, task), clip=_CLIP, quantity=task == "regression")


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


def _forest(family: str, settings: dict[str, Any], task: Task) -> Any:
    from sklearn import ensemble

    kind = "ExtraTrees" if family == "extra_trees" else "RandomForest"
    suffix = "Regressor" if task == "regression" else "Classifier"
    return getattr(ensemble, kind + suffix)(n_jobs=2, bootstrap=family == "random_forest", **settings)


def _small(family: str, settings: dict[str, Any], task: Task) -> Any:
    """Estimators for tables of moderate size, on a scaled matrix."""
    suffix = "Regressor" if task == "regression" else "Classifier"
    if family == "mlp":
        from sklearn import neural_network

        layers = (settings.pop("width"),) * settings.pop("layers")
        kept = {name: value for name, value in settings.items() if name != "epochs"}
        return getattr(neural_network, f"MLP{suffix}")(hidden_layer_sizes=layers, **kept)
    if family == "neighbours":
        from sklearn import neighbors

        # Brute force: a tree of neighbours is slower from some ten columns on.
        return getattr(neighbors, f"KNeighbors{suffix}")(weights="distance", algorithm="brute", **settings)
    if family == "naive_bayes":
        from sklearn.naive_bayes import GaussianNB

        return GaussianNB(**settings)
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.svm import LinearSVC

    return CalibratedClassifierCV(LinearSVC(**settings), cv=3, ensemble=False)


def canonical(content: Mapping[str, Any]) -> str:
    """JSON text that is equal for equal content."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"))
