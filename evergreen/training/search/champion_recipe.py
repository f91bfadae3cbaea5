"""What was learned before: the champion's recipe as the first candidate, and whether it still does what it did."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from evergreen.handoffs import DAY, TARGET
from evergreen.metrics import find_metric
from evergreen.statistics import metric_interval
from evergreen.training.families.bagging import unbagged
from evergreen.training.families.calibration import EVEN
from evergreen.training.families.learning import unstopped
from evergreen.training.families.recipe import Recipe, canonical
from evergreen.training.fit import predict, refit
from evergreen.training.problem import Problem
from evergreen.training.rows.recency import ALL
from evergreen.training.rows.targets import encode_target

logger = logging.getLogger(__name__)


def remembered(first: Recipe | None, recipes: Sequence[Recipe], problem: Problem) -> list[Recipe]:
    """The champion's recipe, or those of its members, as candidates before others; what is the same is left out.

    Args:
        first: The champion's recipe; None where there is no champion.
        recipes: What is tried otherwise.
        problem: What is learned; families that it does not allow are left out.
    """
    found: dict[str, Recipe] = {}
    for at, one in enumerate((first.members or (first,)) if first else ()):
        if one.family not in problem.settings.families:
            continue
        one = unbagged(one, problem.settings.seed)
        plain = unstopped(replace(one, recency=ALL, shifts=(), calibration=(), threshold=EVEN))
        # The power of an amount is said anew by the spec or the rows.
        plain = replace(plain, params_json=canonical({k: value for k, value in plain.params.items() if k != "power"}))
        found.setdefault(plain.params_json, replace(plain, name=f"champion-{at + 1}"))
    return [*found.values(), *(one for one in recipes if one.params_json not in found)]


def still_does(recipe: Recipe, train: pd.DataFrame, tuning: pd.DataFrame, problem: Problem, before: float) -> bool:
    """Whether a recipe, fitted again, does on new rows what it did when it was crowned.

    Args:
        recipe: The champion's.
        train: Rows to fit on.
        tuning: Newer rows, which the fit does not see.
        problem: What is learned.
        before: The metric that its evidence showed.

    Returns:
        False where the 95 % interval on the tuning rows lies wholly on the worse side of ``before``, or there is none.
    """
    pipeline = refit(recipe, train, problem)
    predictions = predict(pipeline, problem.task, tuning, len(problem.classes))
    target, _ = encode_target(tuning[TARGET], problem.task, problem.classes)
    now = metric_interval(problem.metric, target, predictions, tuning.get(DAY))
    best = now.high if find_metric(problem.metric).greater_is_better else -now.low
    does = bool(np.isfinite(best) and best >= (before if find_metric(problem.metric).greater_is_better else -before))
    logger.info("%s: the champion's recipe %s what it did (%s, it was %.4g)", problem.metric,
                "still does" if does else "no longer does", now, before)  # fmt: skip
    return does
