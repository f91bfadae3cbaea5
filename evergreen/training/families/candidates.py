"""What a candidate is before it sees a row, and the estimator that it stands for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from evergreen.spec import TASKS, Family, Task
from evergreen.statistics import quantile_levels
from evergreen.training.families.calibration import EVEN
from evergreen.training.families.encoders import with_encoder
from evergreen.training.families.ensemble import Ensemble
from evergreen.training.families.loglinear import TWEEDIE_POWER, LogLinear
from evergreen.training.families.quantiles import Quantiles
from evergreen.training.rows.recency import ALL

#: What LightGBM learns, by the primary metric, else by the task.
_OBJECTIVE = {
    "mae": "regression_l1", "mape": "regression_l1", "gamma_deviance": "gamma",
    "regression": "regression", "quantile": "quantile", "count": "poisson", "amount": "tweedie",
}  # fmt: skip
#: Rounds at which boosting ends if it does not stop early.
MAX_ROUNDS = 2000
#: Epochs at which a network ends if it does not stop early.
MAX_EPOCHS = 100
#: The weight of squared coefficients beside a mean loss, at a strength of 1.
_LOG_ALPHA = 1e-3


@dataclass(frozen=True)
class Recipe:
    """Everything that is fixed about a candidate before it sees a row.

    ``params_json`` is canonical JSON text of the estimator's parameters: hashable, comparable, storable. Those of an
    ensemble are its members' recipes and their weights. ``recency`` says how far back a fit looks (see
    ``training.rows.recency``), ``shifts`` by how much quantiles are moved, ``view`` which inputs are used (see
    ``training.search.input_selection``), ``calibration`` how probabilities are bent, ``threshold`` from which
    probability class 1 is decided (see ``calibration``), and ``bag`` which random weights rows have (see ``bagging``),
    0 for none.
    """

    name: str
    family: Family | Literal["ensemble"]
    params_json: str
    class_weight: str = "none"
    recency: str = ALL
    shifts: tuple[float, ...] = ()
    view: str = ""
    calibration: tuple[float, ...] = ()
    threshold: float = EVEN
    bag: int = 0

    @property
    def params(self) -> dict[str, Any]:
        """The estimator's parameters."""
        return dict(json.loads(self.params_json))

    @property
    def members(self) -> tuple[Recipe, ...]:
        """The recipes that an ensemble mixes; none of a single model."""
        if self.family != "ensemble":
            return ()
        return tuple(Recipe.from_json(json.dumps(member)) for member in self.params["members"])

    @property
    def shares(self) -> tuple[float, ...]:
        """What each member counts; of a single model 1."""
        return tuple(self.params["weights"]) if self.family == "ensemble" else (1.0,)

    def with_params(self, **changed: Any) -> Recipe:
        """The same recipe with other parameters."""
        return replace(self, params_json=canonical(self.params | changed))

    def to_json(self) -> str:
        """Canonical JSON text, equal for equal recipes."""
        rest: dict[str, Any] = {"recency": self.recency} if self.recency != ALL else {}
        rest |= {"shifts": list(self.shifts)} if self.shifts else {}
        rest |= {"view": self.view} if self.view else {}
        rest |= {"calibration": list(self.calibration)} if self.calibration else {}
        rest |= {"threshold": self.threshold} if self.threshold != EVEN else {}
        rest |= {"bag": self.bag} if self.bag else {}
        return canonical(
            {"name": self.name, "family": self.family, "class_weight": self.class_weight, "params": self.params} | rest
        )

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """The recipe that ``to_json`` wrote."""
        content = json.loads(text)
        return cls(
            content["name"], content["family"], canonical(content["params"]), content["class_weight"],
            content.get("recency", ALL), tuple(content.get("shifts", ())), content.get("view", ""),
            tuple(content.get("calibration", ())), content.get("threshold", EVEN), content.get("bag", 0),
        )  # fmt: skip

    @classmethod
    def mixing(cls, members: Sequence[Recipe], weights: Sequence[float]) -> Recipe:
        """The recipe of an ensemble; of one that is mixed in, the members."""
        parts = [
            (part, weight * share)
            for member, weight in zip(members, weights, strict=True)
            for part, share in zip(member.members or [member], member.shares, strict=True)
        ]
        content = {"members": [json.loads(one.to_json()) for one, _ in parts], "weights": [share for _, share in parts]}
        return cls("ensemble", "ensemble", canonical(content), members[0].class_weight, view=members[0].view)


def unstopped(recipe: Recipe) -> Recipe:
    """The recipe as it was before early stopping said how many rounds are best."""
    most = {"n_estimators": MAX_ROUNDS} if recipe.family == "lightgbm" else {"epochs": MAX_EPOCHS}
    settings = {name: most.get(name, value) for name, value in recipe.params.items() if name != "rounds"}
    return replace(recipe, params_json=canonical(settings))


def make_estimator(recipe: Recipe, task: Task, metric: str | None = None) -> Any:
    """The recipe's estimator, unfitted, for labels as ``encode_target`` gives them.

    Args:
        recipe: What to make.
        task: What is predicted.
        metric: The primary metric; some estimators have a loss of their own for it.
    """
    settings, quantity = recipe.params, not TASKS[task].classes
    if recipe.family == "ensemble":
        return Ensemble([make_estimator(one, task, metric) for one in recipe.members], settings["weights"])
    if recipe.family == "lightgbm":
        settings.pop("rounds", None)  # of each quantile, where there are several
        levels = quantile_levels(metric or "")
        if levels:
            return Quantiles([_lightgbm(settings | {"alpha": level}, task, metric) for level in levels])
        return _lightgbm(settings, task, metric)
    if recipe.family == "linear":
        models = [with_encoder("linear", one, quantity=quantity) for one in _linear(settings, task, metric)]
        return Quantiles(models) if quantile_levels(metric or "") else models[0]
    if recipe.family in ("extra_trees", "random_forest"):
        return with_encoder(recipe.family, _forest(recipe.family, settings, task))
    how = {name: settings.pop(name) for name in ("bent", "log") if name in settings}
    return with_encoder(recipe.family, _small(recipe.family, settings, task), quantity=quantity, **how)


def _lightgbm(settings: dict[str, Any], task: Task, metric: str | None) -> Any:
    import lightgbm

    fixed: dict[str, Any] = {"deterministic": True, "force_row_wise": True, "n_jobs": 2, "verbosity": -1}
    if TASKS[task].classes:
        return lightgbm.LGBMClassifier(**settings, **fixed)
    objective = _OBJECTIVE.get(metric or "", _OBJECTIVE[task])
    power = settings.pop("power", TWEEDIE_POWER)
    if objective == "tweedie":
        fixed["tweedie_variance_power"] = power
    return lightgbm.LGBMRegressor(**{"objective": objective} | settings | fixed)


def _linear(settings: Mapping[str, Any], task: Task, metric: str | None) -> list[Any]:
    """A linear model of the scaled matrix; of quantiles one each."""
    strength = settings["strength"]
    from sklearn.linear_model import LogisticRegression, QuantileRegressor, Ridge

    if TASKS[task].rises:
        power = 2.0 if metric == "gamma_deviance" else settings.get("power", TWEEDIE_POWER) if task == "amount" else 1.0
        # The loss is a mean over rows, so that the weight of the coefficients must not grow with them.
        return [LogLinear(power, _LOG_ALPHA / strength)]
    if TASKS[task].classes:
        return [LogisticRegression(C=strength, max_iter=200, tol=1e-3)]
    levels = quantile_levels(metric or "")
    models = [QuantileRegressor(quantile=level, alpha=_LOG_ALPHA / strength) for level in levels]
    return models or [Ridge(alpha=1.0 / strength)]


def _forest(family: str, settings: dict[str, Any], task: Task) -> Any:
    from sklearn import ensemble

    kind = "ExtraTrees" if family == "extra_trees" else "RandomForest"
    suffix = "Classifier" if TASKS[task].classes else "Regressor"
    # A mean squared error would let the few largest numbers decide where to split.
    criterion = {"criterion": "poisson"} if TASKS[task].rises else {}
    return getattr(ensemble, kind + suffix)(n_jobs=2, bootstrap=family == "random_forest", **criterion, **settings)


def _small(family: str, settings: dict[str, Any], task: Task) -> Any:
    """Estimators for tables of moderate size, on a scaled matrix."""
    suffix = "Classifier" if TASKS[task].classes else "Regressor"
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
