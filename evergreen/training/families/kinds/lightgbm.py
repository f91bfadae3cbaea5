"""Gradient-boosted trees by LightGBM: gaps are read as they are, up to 32 levels of a category are split as sets."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from evergreen.arrays import Floats
from evergreen.learning_tasks import TASKS
from evergreen.metrics import find_metric
from evergreen.spec import Task
from evergreen.training.families.boosting import LINKS, boost, patience, predicted
from evergreen.training.families.family import Entry, Family, Learned, Parts, Shape, Space, named
from evergreen.training.families.fold import Fold
from evergreen.training.families.loglinear import TWEEDIE_POWER
from evergreen.training.families.quantiles import Quantiles
from evergreen.training.families.recipe import Recipe
from evergreen.training.problem import Problem
from evergreen.training.watch import Watch

#: Rounds at which boosting ends if it does not stop early.
MAX_ROUNDS = 2000
#: Those whose score is the logarithm of a mean.
_LOGARITHMS = ("poisson", "tweedie", "gamma")
#: Microseconds that a tree costs a row, and each of its leaves.
_TREE, _LEAF = 0.004, 0.00015
#: Seconds of one core that a split's level takes for a value of the matrix; what a leaf takes beside them, in rows; and
#: the share of the inputs that costs without being drawn. Measured on 5,000 to 200,000 rows, 8 to 255 leaves: within
#: 15 %.
_LEVEL, _ROWS_OF_A_LEAF, _UNDRAWN = 1.2e-9, 2500, 0.25

_ENTRIES = (
    Entry("lightgbm", {"num_leaves": 15, "learning_rate": 0.04, "colsample_bytree": 0.5, "min_child_samples": 200,
                       "reg_lambda": 20.0, "cat_smooth": 50.0}, 40, {"timed": 0}),
    Entry("lightgbm-steady", {"num_leaves": 24, "learning_rate": 0.03, "colsample_bytree": 0.6, "subsample": 0.8,
                              "subsample_freq": 1, "min_child_samples": 10, "reg_lambda": 1.0}, 80),
    Entry("lightgbm-shallow", {"num_leaves": 8, "learning_rate": 0.05, "colsample_bytree": 0.5, "subsample": 0.7,
                               "subsample_freq": 1, "min_child_samples": 10}, 10, {"very many": 5}),
    Entry("lightgbm-additive", {"num_leaves": 4, "learning_rate": 0.08, "colsample_bytree": 0.5}, 160),
    Entry("lightgbm-wide", {"num_leaves": 31, "learning_rate": 0.05}, 0),
    Entry("lightgbm-random", {"num_leaves": 31, "learning_rate": 0.05, "colsample_bytree": 0.4,
                              "min_child_samples": 100, "reg_lambda": 10.0, "cat_smooth": 50.0,
                              "extra_trees": True}, 110),
    Entry("lightgbm-thorough", {"num_leaves": 63, "learning_rate": 0.03, "colsample_bytree": 0.4, "subsample": 0.8,
                                "subsample_freq": 1, "min_child_samples": 40, "reg_lambda": 10.0}, 60),
    Entry("lightgbm-deep", {"num_leaves": 127, "learning_rate": 0.05, "colsample_bytree": 0.7,
                            "min_child_samples": 50, "reg_lambda": 5.0}, 120),
    Entry("lightgbm-fine", {"num_leaves": 200, "learning_rate": 0.05, "colsample_bytree": 0.5, "min_child_samples": 5,
                            "extra_trees": True}, 90),
    Entry("lightgbm-quick", {"num_leaves": 63, "learning_rate": 0.2, "colsample_bytree": 0.7, "min_child_samples": 50,
                             "reg_lambda": 5.0}, 170, {"many": 5, "large": 1}),
    Entry("lightgbm-brisk", {"num_leaves": 31, "learning_rate": 0.1, "colsample_bytree": 0.7}, np.inf,
          {"many": 0, "very many": 3, "large": 0}),
)  # fmt: skip
#: What learns the ratio of quantities, which must not be negative and pays where their spread grows with them.
_OF_RATIOS = Entry(
    "lightgbm-ratio", {"num_leaves": 24, "learning_rate": 0.03, "colsample_bytree": 0.6, "subsample": 0.8,
                       "subsample_freq": 1, "min_child_samples": 10, "reg_lambda": 1.0, "objective": "poisson"}, 50,
)  # fmt: skip


class LightGBM(Family):
    """Boosting that stops early, on matrices that are binned once for all candidates of a split."""

    name = "lightgbm"
    requirements = ("lightgbm",)
    trusted = (
        "evergreen.training.families.boosting.Boosted", "lightgbm.basic.Booster", "lightgbm.sklearn.LGBMClassifier",
        "lightgbm.sklearn.LGBMRegressor",
    )  # fmt: skip
    estimators = ("lightgbm.sklearn.LGBMModel", "evergreen.training.families.boosting.Boosted")
    space: ClassVar[Space] = {
        "num_leaves": (4, 255), "min_child_samples": (2, 300), "colsample_bytree": (0.3, 1.0), "subsample": (0.5, 1.0),
        "reg_lambda": (0.01, 100.0), "learning_rate": (0.02, 0.15),
    }  # fmt: skip
    stopped_by = ("n_estimators", "rounds")
    leads = True
    pool = 8
    plateau = 40
    unsteady = True
    monotone = True
    powered = True
    explains = "TreeSHAP: exact for this model, adds up from expected to prediction"

    def learns(self, task: Task, shape: Shape) -> bool:
        """Every task."""
        return True

    def recipes(self, task: Task, shape: Shape, seed: int) -> Sequence[Entry]:
        """Leaves shrink with small tables."""
        entries = (*_ENTRIES, _OF_RATIOS) if shape.skewed and TASKS[task].any_sign else _ENTRIES
        return [Entry(one.name, _complete(one.params, shape.rows, seed), one.place, one.early) for one in entries]

    def unstopped(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """As many rounds as there may be."""
        return {name: value for name, value in params.items() if name != "rounds"} | {"n_estimators": MAX_ROUNDS}

    def proposed(self, params: Mapping[str, Any], point: Mapping[str, Any]) -> dict[str, Any]:
        """A share of the rows is drawn for each tree."""
        drawn = {"subsample_freq": 1} if "subsample" in point else {}
        return dict(params) | dict(point) | {"n_estimators": MAX_ROUNDS} | drawn

    def probe(self, rounds: int, shape: Shape, seed: int) -> Recipe:
        """A few rounds of small trees."""
        params = {"n_estimators": rounds, "num_leaves": 15, "learning_rate": 0.08}
        return named(self, "view", _complete(params, shape.rows, seed) | {"colsample_bytree": 0.7})

    def make(self, params: dict[str, Any], task: Task, metric: str | None) -> Any:
        """One estimator, or one a quantile."""
        params.pop("rounds", None)  # of each quantile, where there are several
        levels = find_metric(metric).levels if metric else ()
        if levels:
            return Quantiles([_estimator(params | {"alpha": level}, task, metric) for level in levels])
        return _estimator(params, task, metric)

    def fit(
        self, recipe: Recipe, model: Any, rows: Any, parts: tuple[Fold, Fold], problem: Problem, watch: Watch
    ) -> Learned:
        """Stops early by the primary metric, or by a loss."""
        boosted, rounds, cut = boost(model, rows.categorical_indices_, parts, problem, watch)
        return Learned(boosted, {"n_estimators": rounds}, cut)

    def refit(self, recipe: Recipe, model: Any, rows: Any, train: Fold, scale: float) -> None:
        """More rows deserve more rounds."""
        model.set_params(n_estimators=max(1, round(recipe.params["n_estimators"] * scale)), n_jobs=train.threads)
        model.fit(
            train.x, train.y, sample_weight=train.weight, categorical_feature=rows.categorical_indices_,
            callbacks=[_forget_threads],
        )  # fmt: skip
        model.set_params(n_jobs=1)

    def of_quantile(self, recipe: Recipe, number: int) -> Recipe:
        """Tails are learned in fewer rounds than the middle: each quantile has its own."""
        rounds = recipe.params.get("rounds")
        return recipe.with_params(n_estimators=rounds[number]) if rounds else recipe

    def of_quantiles(self, fixed: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The rounds of each, and their mean."""
        rounds = [one["n_estimators"] for one in fixed]
        return {"n_estimators": round(float(np.mean(rounds))), "rounds": rounds}

    def scoring_cost(self, params: Mapping[str, Any], n_rows: int, n_classes: int) -> float:
        """A tree a round, and of more than two classes one each."""
        trees = params["n_estimators"] * (n_classes if n_classes > 2 else 1)
        return float(trees * (_TREE + _LEAF * params["num_leaves"]))

    def effort(self, params: Mapping[str, Any], shape: Shape, way: float) -> float:
        """About the seconds of one core until it stops early."""
        rate, leaves = params["learning_rate"], params["num_leaves"]
        rounds = min(MAX_ROUNDS, way / rate + patience(rate))
        rows = shape.rows * (params["subsample"] if params["subsample_freq"] else 1.0)
        trees = rounds * (shape.classes if shape.classes > 2 else 1)
        values = (_UNDRAWN + params["colsample_bytree"]) * shape.inputs
        return float(_LEVEL * trees * values * (rows * math.log2(leaves) + _ROWS_OF_A_LEAF * leaves))

    def way(self, params: Mapping[str, Any]) -> float:
        """Rounds by the learning rate."""
        return float(params["n_estimators"] * params["learning_rate"])

    def predict(self, model: Any, predict: Callable[[Any], Any], matrix: Any) -> Floats:
        """Some rounds at a time, many rows by their leaves."""
        if model.objective_ in LINKS:
            return predicted(model, matrix)
        return super().predict(model, predict, matrix)

    def parts(self, model: Any, matrix: Any) -> Parts:
        """TreeSHAP (Lundberg et al. 2020, From local explanations to global understanding)."""
        flat = np.asarray(model.predict(matrix, pred_contrib=True), dtype=float)
        shaped = flat.reshape(len(matrix), -1, matrix.shape[1] + 1)
        return Parts(shaped[:, :, :-1], shaped[0, :, -1])

    def logs(self, model: Any) -> bool:
        """Of counts and amounts."""
        return model.objective_ in _LOGARITHMS

    def trees(self, model: Any) -> int:
        """All that were grown."""
        return max(1, int(model.booster_.num_trees()))

    def leaves(self, model: Any) -> int:
        """At most."""
        return int(model.num_leaves)

    def used(self, model: Any) -> NDArray[np.bool_]:
        """Columns that a tree splits by."""
        return np.asarray(model.booster_.feature_importance("split")) > 0


def _complete(params: Mapping[str, Any], n_rows: int, seed: int) -> dict[str, Any]:
    """All parameters for a table of ``n_rows``."""
    base: dict[str, Any] = {
        "n_estimators": MAX_ROUNDS, "random_state": seed, "min_child_samples": 20, "colsample_bytree": 1.0,
        "subsample": 1.0, "subsample_freq": 0, "reg_lambda": 0.0,
    }  # fmt: skip
    settings = base | dict(params)
    # A leaf of 200 rows is a rule for large tables; in small ones it would forbid every split.
    settings["min_child_samples"] = max(3, min(settings["min_child_samples"], n_rows // 50))
    return settings


def _forget_threads(env: Any) -> None:
    """After the last round: what is stored does not say how many threads there were."""
    if env.iteration + 1 == env.end_iteration:
        env.model.reset_parameter({"num_threads": 1})


def _estimator(params: dict[str, Any], task: Task, metric: str | None) -> Any:
    import lightgbm

    fixed: dict[str, Any] = {"deterministic": True, "force_row_wise": True, "n_jobs": 1, "verbosity": -1}
    if TASKS[task].classes:
        return lightgbm.LGBMClassifier(**params, **fixed)
    objective = (find_metric(metric).objective if metric else "") or TASKS[task].objective
    power = params.pop("power", TWEEDIE_POWER)
    if objective == "tweedie":
        fixed["tweedie_variance_power"] = power
    return lightgbm.LGBMRegressor(**{"objective": objective} | params | fixed)


FAMILY = LightGBM()
