"""The fixed part of a search: settings that complement each other, the likeliest to win first, and what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from evergreen.errors import TrainingError
from evergreen.spec import Task
from evergreen.training.families.catalogue import FAMILIES, family
from evergreen.training.families.family import Shape, named
from evergreen.training.families.recipe import Recipe

#: About how long boosting takes for a value of the matrix and each of its outputs, in small steps and in large ones (of
#: 26 letters 9.5 and 5 CPU seconds), and the share of the budget up to which it begins, in large steps three times it.
SECONDS_A_VALUE, _SECONDS_IN_LARGE_STEPS, _PATIENT_SHARE = 5e-6, 1e-6, 0.1
#: Standard deviations by which the mean of skewed quantities exceeds their median.
_SKEW = 0.1
#: Microseconds that making the matrix takes a row of many, measured on one core.
_MATRIX = 1.0


def candidates(
    task: Task, families: Sequence[str], n_rows: int, n_features: int, seed: int, class_weight: str = "none",
    weighted: bool = False, skewed: bool = False, first: str = "", timed: bool = False, n_classes: int = 0,
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
        first: What begins, as ``first_of_many`` says.
        timed: Whether rows have an order in time.
        n_classes: How many classes there are: a forest keeps a number a class in each of its nodes.

    Raises:
        TrainingError: no family is left.
    """
    weighs = weighted or class_weight != "none"
    shape = Shape(n_rows, n_features, n_classes, weighs, skewed)
    allowed = [one for name, one in FAMILIES.items() if name in families and one.can_learn(task, shape)]
    entries = [(one, entry) for one in allowed for entry in one.recipes(task, shape, seed)]
    begin = first or ("timed" if timed else "")
    early = sorted((pair for pair in entries if begin in pair[1].early), key=lambda pair: pair[1].early[begin])
    later = sorted((pair for pair in entries if np.isfinite(pair[1].place)), key=lambda pair: pair[1].place)
    chosen = [
        named(one, entry.name, entry.params, class_weight)
        for one, entry in {entry.name: (one, entry) for one, entry in [*early, *later]}.values()
    ]
    if not chosen:
        raise TrainingError(
            f"training.families: none of {', '.join(families) or 'no family'} suits {n_rows:,} rows of a {task} task; "
            f"there are {', '.join(one.name for one in FAMILIES.values() if one.can_learn(task, shape))}"
        )
    return tuple(chosen)


def first_of_many(n_rows: int, n_features: int, n_classes: int, budget: timedelta) -> str:
    """Whether classes are ``many``, so that boosting's trees would eat up the budget in small steps, or ``very many``.

    By the table and the spec alone: a clock would let the machine's load decide what is found.
    """
    values, patience = n_rows * n_features * n_classes, _PATIENT_SHARE * budget.total_seconds()
    if n_classes <= 2 or SECONDS_A_VALUE * values <= patience:
        return ""
    return "many" if _SECONDS_IN_LARGE_STEPS * values <= 3 * patience else "very many"


def is_skewed(quantities: NDArray[np.float64]) -> bool:
    """Whether none of the quantities (n,) is negative and their mean lies well above their median."""
    middle = float(np.median(quantities))
    return bool(quantities.min() >= 0 and quantities.mean() - middle > _SKEW * quantities.std())


def scoring_cost(recipe: Recipe, n_rows: int, n_classes: int = 0) -> float:
    """About how long scoring a row takes in microseconds, the making of its matrix left out.

    An estimate from the recipe alone: a measured time would let the machine's load decide what is found.

    Args:
        recipe: A single model's, as ``fit_candidate`` returned it.
        n_rows: Rows that it is fitted on.
        n_classes: Boosting grows a tree a round and class where there are more than two.
    """
    if recipe.members:
        return sum(scoring_cost(member, n_rows, n_classes) for member in recipe.members)
    return family(recipe.family).scoring_cost(recipe.params, n_rows, n_classes)


def matrix_cost() -> float:
    """About how long making a row's matrix takes, in microseconds."""
    return _MATRIX
