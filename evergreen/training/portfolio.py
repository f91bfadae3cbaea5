"""The fixed part of a search: settings that complement each other, the likeliest to win first, and what they cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from evergreen.errors import TrainingError
from evergreen.spec import Family, Task
from evergreen.training.candidates import Recipe, canonical

#: Rounds at which boosting ends if it does not stop early.
MAX_ROUNDS = 2000
_LIGHTGBM: dict[str, dict[str, Any]] = {
    "lightgbm": {"num_leaves": 15, "learning_rate": 0.04, "colsample_bytree": 0.5, "min_child_samples": 200,
                 "reg_lambda": 20.0, "cat_smooth": 50.0},
    "lightgbm-wide": {"num_leaves": 31, "learning_rate": 0.05},
    "lightgbm-random": {"num_leaves": 31, "learning_rate": 0.05, "colsample_bytree": 0.4, "min_child_samples": 100,
                        "reg_lambda": 10.0, "cat_smooth": 50.0, "extra_trees": True},
    "lightgbm-deep": {"num_leaves": 127, "learning_rate": 0.05, "colsample_bytree": 0.7, "min_child_samples": 50,
                      "reg_lambda": 5.0},
}  # fmt: skip
_TREES = 200
#: The most rows, and values of the matrix, with which a family is tried: beyond, it costs more than it ever wins.
_LARGEST: dict[Family, tuple[int, int]] = {
    "mlp": (100_000, 5_000_000),
    "neighbours": (20_000, 1_000_000),
    "naive_bayes": (200_000, 20_000_000),
    "linear_svm": (10_000, 1_000_000),
}
#: Microseconds a row, measured on one core: making the matrix, then by family what an estimator adds.
_MATRIX, _LEVEL_OF_A_TREE, _OTHERS = 4.0, 0.02, 0.5


def candidates(
    task: Task, families: Sequence[Family], n_rows: int, n_features: int, seed: int, class_weight: str = "none",
    weighted: bool = False,
) -> tuple[Recipe, ...]:  # fmt: skip
    """The recipes for a table, in the order in which they are tried.

    Args:
        task: What is predicted.
        families: The families allowed; their order does not matter.
        n_rows: Rows of the training part: leaves shrink with small tables, and some families are for small ones only.
        n_features: Inputs of the model.
        seed: Seed of every recipe.
        class_weight: ``none`` or ``balanced``.
        weighted: Whether rows have weights.

    Raises:
        TrainingError: no family is left.
    """
    boosted = [("lightgbm", name, boosting(params, n_rows, seed)) for name, params in _LIGHTGBM.items()]
    leaf = max(2, min(50, n_rows // 2000))
    forest = {"n_estimators": _TREES, "min_samples_leaf": leaf, "random_state": seed}
    network = {"layers": 2, "width": 64, "alpha": 1e-3, "learning_rate_init": 2e-3, "random_state": seed, "epochs": 100}
    others: list[tuple[Family, str, dict[str, Any]]] = [
        ("linear", "linear", {"strength": 1.0}),
        ("extra_trees", "extra-trees", {**forest, "max_features": _features_a_split(n_features)}),
        ("mlp", "mlp", network),
        ("random_forest", "random-forest", {**forest, "max_samples": 0.5}),
        ("linear", "linear-shrunk", {"strength": 0.01}),
        ("linear_svm", "linear-svm", {"C": 0.05, "random_state": seed}),
        ("neighbours", "neighbours", {"n_neighbors": 15}),
        ("naive_bayes", "naive-bayes", {"var_smoothing": 1e-3}),
    ]
    # One of each strong family before the second of any: a run cut short has still compared kinds of models.
    order = [boosted[0], *others[:2], boosted[1], *others[2:4], boosted[2], others[4], boosted[3], *others[5:]]
    unweighted = class_weight == "none" and not weighted
    chosen = [
        Recipe(name, family, canonical(params), class_weight)  # type: ignore[arg-type]
        for family, name, params in order
        if family in families and fits(family, task, n_rows, n_features, unweighted)  # type: ignore[arg-type]
    ]
    if not chosen:
        raise TrainingError(
            f"training.families: none of {', '.join(families) or 'no family'} suits {n_rows:,} rows of a {task} task; "
            "name lightgbm, random_forest or linear"
        )
    return tuple(chosen)


def fits(family: Family, task: Task, n_rows: int, n_features: int, unweighted: bool = True) -> bool:
    """Whether a family is worth trying on a table of this size, and can learn its task."""
    rows, values = _LARGEST.get(family, (n_rows, n_rows * n_features))
    if n_rows > rows or n_rows * n_features > values:
        return False
    if family == "neighbours":
        return unweighted  # neighbours know no weights
    return family not in ("naive_bayes", "linear_svm") or task != "regression"


def boosting(params: dict[str, Any], n_rows: int, seed: int) -> dict[str, Any]:
    """All parameters of LightGBM for a table of ``n_rows``."""
    base: dict[str, Any] = {
        "n_estimators": MAX_ROUNDS, "random_state": seed, "min_child_samples": 20, "colsample_bytree": 1.0,
        "subsample": 1.0, "subsample_freq": 0, "reg_lambda": 0.0,
    }  # fmt: skip
    settings = base | params
    # A leaf of 200 rows is a rule for large tables; in small ones it would forbid every split.
    settings["min_child_samples"] = max(3, min(settings["min_child_samples"], n_rows // 50))
    return settings


def scoring_cost(recipe: Recipe, n_rows: int, n_classes: int = 0) -> float:
    """About how long scoring a row takes in microseconds, the making of its matrix left out.

    An estimate from the recipe alone: a measured time would let the machine's load decide what is found.

    Args:
        recipe: A single model's, as ``fit_candidate`` returned it.
        n_rows: Rows that it is fitted on.
        n_classes: Boosting grows a tree a round and class where there are more than two.
    """
    settings = recipe.settings
    if recipe.family == "lightgbm":
        trees = settings["n_estimators"] * (n_classes if n_classes > 2 else 1)
        return float(trees * _LEVEL_OF_A_TREE * math.log2(settings["num_leaves"] + 1))
    if recipe.family in ("extra_trees", "random_forest"):
        depth = 1 + math.log2(max(2.0, n_rows / settings["min_samples_leaf"]))
        return float(settings["n_estimators"] * _LEVEL_OF_A_TREE * depth)
    return n_rows / 100 if recipe.family == "neighbours" else _OTHERS


def matrix_cost() -> float:
    """About how long making a row's matrix takes, in microseconds."""
    return _MATRIX


def _features_a_split(n_features: int) -> float:
    """A third of the features, and all of them where there are few."""
    return 1.0 if n_features < 6 else 0.35
