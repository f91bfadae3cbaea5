"""The fixed part of a search: settings that complement each other, the likeliest to win first, and what they cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evergreen.errors import TrainingError
from evergreen.spec import TASKS, Family, Task
from evergreen.training.families.candidates import MAX_EPOCHS, MAX_ROUNDS, Recipe, canonical

_LIGHTGBM: dict[str, dict[str, Any]] = {
    "lightgbm": {"num_leaves": 15, "learning_rate": 0.04, "colsample_bytree": 0.5, "min_child_samples": 200,
                 "reg_lambda": 20.0, "cat_smooth": 50.0},
    "lightgbm-steady": {"num_leaves": 24, "learning_rate": 0.03, "colsample_bytree": 0.6, "subsample": 0.8,
                        "subsample_freq": 1, "min_child_samples": 10, "reg_lambda": 1.0},
    "lightgbm-shallow": {"num_leaves": 8, "learning_rate": 0.05, "colsample_bytree": 0.5, "subsample": 0.7,
                         "subsample_freq": 1, "min_child_samples": 10},
    "lightgbm-additive": {"num_leaves": 4, "learning_rate": 0.08, "colsample_bytree": 0.5},
    "lightgbm-wide": {"num_leaves": 31, "learning_rate": 0.05},
    "lightgbm-random": {"num_leaves": 31, "learning_rate": 0.05, "colsample_bytree": 0.4, "min_child_samples": 100,
                        "reg_lambda": 10.0, "cat_smooth": 50.0, "extra_trees": True},
    "lightgbm-thorough": {"num_leaves": 63, "learning_rate": 0.03, "colsample_bytree": 0.4, "subsample": 0.8,
                          "subsample_freq": 1, "min_child_samples": 40, "reg_lambda": 10.0},
    "lightgbm-deep": {"num_leaves": 127, "learning_rate": 0.05, "colsample_bytree": 0.7, "min_child_samples": 50,
                      "reg_lambda": 5.0},
    "lightgbm-fine": {"num_leaves": 200, "learning_rate": 0.05, "colsample_bytree": 0.5, "min_child_samples": 5,
                      "extra_trees": True},
    "lightgbm-quick": {"num_leaves": 63, "learning_rate": 0.2, "colsample_bytree": 0.7, "min_child_samples": 50,
                       "reg_lambda": 5.0},
    "lightgbm-brisk": {"num_leaves": 31, "learning_rate": 0.1, "colsample_bytree": 0.7},
    "lightgbm-ratio": {"num_leaves": 24, "learning_rate": 0.03, "colsample_bytree": 0.6, "subsample": 0.8,
                       "subsample_freq": 1, "min_child_samples": 10, "reg_lambda": 1.0, "objective": "poisson"},
}  # fmt: skip
#: The order in which they are tried: kinds that complement each other first. What it is worth on tables left out,
#: beside an order that is learned from the others and one by chance, says ``benchmarks/portfolio_order.py``.
ORDER = (
    "lightgbm-wide", "lightgbm-shallow", "linear", "extra-trees", "lightgbm", "lightgbm-ratio", "lightgbm-thorough",
    "mlp", "lightgbm-steady", "lightgbm-fine", "mlp-log", "lightgbm-random", "lightgbm-deep", "mlp-wide",
    "linear-shrunk", "random-forest", "lightgbm-additive", "lightgbm-quick", "neighbours", "linear-svm", "naive-bayes",
)  # fmt: skip
#: Those that begin where rows have a time, under whose drift less is learned by heart; where boosting, a tree a round
#: and class, would take much of the budget in small steps; and where it would in large ones too.
_FIRST_OF_TIMED = ("lightgbm", "linear")
_FIRST_OF_MANY = ("lightgbm-brisk", "extra-trees", "mlp", "linear", "neighbours", "lightgbm-quick", "mlp-wide")
_FIRST_OF_VERY_MANY = ("extra-trees", "mlp", "linear", "lightgbm-brisk", "neighbours", "lightgbm-shallow", "mlp-wide")
#: About how long boosting takes for a value of the matrix and each of its outputs, in small steps and in large ones (of
#: 26 letters 9.5 and 5 CPU seconds), and the share of the budget up to which it begins, in large steps three times it.
SECONDS_A_VALUE, _SECONDS_IN_LARGE_STEPS, _PATIENT_SHARE = 5e-6, 1e-6, 0.1
#: What learns the ratio of quantities, which must not be negative and pays where their spread grows with them.
_OF_RATIOS = ("lightgbm-ratio", "mlp-log")
_TREES = 200
#: What the nodes of a forest may take up; a node is as large as there are classes.
_FOREST_BYTES = 4e8
#: Standard deviations by which the mean of skewed quantities exceeds their median.
_SKEW = 0.1
#: The most rows, and values of the matrix, with which a family is tried: beyond, it costs more than it ever wins.
_LARGEST: dict[Family, tuple[int, int]] = {
    "mlp": (100_000, 5_000_000),
    "neighbours": (20_000, 1_000_000),
    "naive_bayes": (200_000, 20_000_000),
    "linear_svm": (10_000, 1_000_000),
}
#: The most rows of a linear programme, which a linear quantile is.
_PROGRAMME_ROWS = 5_000
#: Microseconds a row of many, measured on one core: making the matrix, then by family what an estimator adds: a tree
#: that is boosted and each of its leaves, a level of a forest's tree, a class in a forest's leaf, a row that may be a
#: neighbour, and all of any other family.
_MATRIX, _TREE, _LEAF, _FOREST_LEVEL, _FOREST_CLASS, _NEIGHBOUR, _OTHERS = 1.0, 0.004, 0.00015, 0.004, 0.001, 0.003, 0.5


def candidates(
    task: Task, families: Sequence[Family], n_rows: int, n_features: int, seed: int, class_weight: str = "none",
    weighted: bool = False, skewed: bool = False, first: Sequence[str] = (), timed: bool = False, n_classes: int = 0,
) -> tuple[Recipe, ...]:  # fmt: skip
    """The recipes for a table, in the order in which they are tried.

    Args:
        task: What is predicted.
        families: The families allowed; their order does not matter.
        n_rows: Rows of the training part: leaves shrink with small tables, and some families are for small ones only.
        n_features: Inputs of the model.
        seed: Seed of every recipe.
        class_weight: ``none``, ``balanced``, or JSON of weights by class.
        weighted: Whether rows have weights.
        skewed: Whether a quantity is never negative, and a few of its values are far above the others.
        first: Names of recipes that begin, as ``first_of_many`` gives them.
        timed: Whether rows have an order in time.
        n_classes: How many classes there are: a forest keeps a number a class in each of its nodes.

    Raises:
        TrainingError: no family is left.
    """
    known = _known(n_rows, n_features, n_classes, seed)
    unweighted = class_weight == "none" and not weighted
    chosen = [
        Recipe(name, known[name][0], canonical(known[name][1]), class_weight)
        for name in dict.fromkeys([*(first or (_FIRST_OF_TIMED if timed else ())), *ORDER])
        if known[name][0] in families
        and fits(known[name][0], task, n_rows, n_features, unweighted)
        and (name not in _OF_RATIOS or (skewed and task == "regression"))
    ]
    if not chosen:
        raise TrainingError(
            f"training.families: none of {', '.join(families) or 'no family'} suits {n_rows:,} rows of a {task} task; "
            "name lightgbm, random_forest or linear"
        )
    return tuple(chosen)


def _known(n_rows: int, n_features: int, n_classes: int, seed: int) -> dict[str, tuple[Family, dict[str, Any]]]:
    """Every recipe of the portfolio by name: its family and its parameters for a table of this size."""
    # Of 200 classes and 16,000 rows, leaves of 8 rows took 1.3 GB, and 5.9 GB while the model was read.
    smallest = math.ceil(2 * n_rows * n_classes * 8 * _TREES / _FOREST_BYTES) if n_classes > 2 else 2
    leaf = max(2, min(50, n_rows // 2000), smallest)
    forest = {"n_estimators": _TREES, "min_samples_leaf": leaf, "random_state": seed}
    network = {"layers": 2, "width": 64, "alpha": 1e-3, "learning_rate_init": 2e-3, "random_state": seed,
               "epochs": MAX_EPOCHS, "bent": True}  # fmt: skip
    known: dict[str, tuple[Family, dict[str, Any]]] = {
        name: ("lightgbm", boosting(params, n_rows, seed)) for name, params in _LIGHTGBM.items()
    }
    return known | {
        "linear": ("linear", {"strength": 1.0}),
        "linear-shrunk": ("linear", {"strength": 0.01}),
        "extra-trees": ("extra_trees", {**forest, "max_features": _features_a_split(n_features)}),
        "random-forest": ("random_forest", {**forest, "max_samples": 0.5}),
        "mlp": ("mlp", network),
        "mlp-wide": ("mlp", network | {"width": 128, "alpha": 0.1, "learning_rate_init": 1e-3}),
        "mlp-log": ("mlp", network | {"log": True}),
        "linear-svm": ("linear_svm", {"C": 0.05, "random_state": seed}),
        "neighbours": ("neighbours", {"n_neighbors": 15}),
        "naive-bayes": ("naive_bayes", {"var_smoothing": 1e-3}),
    }


def first_of_many(n_rows: int, n_features: int, n_classes: int, budget: timedelta) -> tuple[str, ...]:
    """What begins where boosting grows so many trees a round that it would eat up the budget; nothing elsewhere.

    By the table and the spec alone: a clock would let the machine's load decide what is found.
    """
    values, patience = n_rows * n_features * n_classes, _PATIENT_SHARE * budget.total_seconds()
    if n_classes <= 2 or SECONDS_A_VALUE * values <= patience:
        return ()
    return _FIRST_OF_MANY if _SECONDS_IN_LARGE_STEPS * values <= 3 * patience else _FIRST_OF_VERY_MANY


def is_skewed(quantities: NDArray[np.float64]) -> bool:
    """Whether none of the quantities (n,) is negative and their mean lies well above their median."""
    middle = float(np.median(quantities))
    return bool(quantities.min() >= 0 and quantities.mean() - middle > _SKEW * quantities.std())


def fits(family: Family, task: Task, n_rows: int, n_features: int, unweighted: bool = True) -> bool:
    """Whether a family is worth trying on a table of this size, and can learn its task."""
    rows, values = _LARGEST.get(family, (n_rows, n_rows * n_features))
    if n_rows > rows or n_rows * n_features > values:
        return False
    if task == "quantile":
        return family == "lightgbm" or (family == "linear" and n_rows <= _PROGRAMME_ROWS)
    if TASKS[task].rises:
        return family in ("lightgbm", "linear", "extra_trees", "random_forest")
    if family == "neighbours":
        return unweighted  # neighbours know no weights
    return TASKS[task].classes or family not in ("naive_bayes", "linear_svm")


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
    settings = recipe.params
    if recipe.members:
        return sum(scoring_cost(member, n_rows, n_classes) for member in recipe.members)
    if recipe.family == "lightgbm":
        trees = settings["n_estimators"] * (n_classes if n_classes > 2 else 1)
        return float(trees * (_TREE + _LEAF * settings["num_leaves"]))
    if recipe.family in ("extra_trees", "random_forest"):
        depth = 1 + math.log2(max(2.0, n_rows / settings["min_samples_leaf"]))
        return float(settings["n_estimators"] * (_FOREST_LEVEL * depth + _FOREST_CLASS * n_classes))
    return n_rows * _NEIGHBOUR if recipe.family == "neighbours" else _OTHERS


def matrix_cost() -> float:
    """About how long making a row's matrix takes, in microseconds."""
    return _MATRIX


def _features_a_split(n_features: int) -> float:
    """A third of the features, and all of them where there are few."""
    return 1.0 if n_features < 6 else 0.35
