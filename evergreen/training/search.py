"""Try a fixed sequence of candidates within a budget, and choose the one that does best on the tuning rows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from evergreen.handoffs import TARGET
from evergreen.statistics import greater_is_better, metric_value
from evergreen.training.candidates import Recipe
from evergreen.training.fit import Fitted, OutOfTime, Problem, fit_candidate
from evergreen.training.targets import encode_target

logger = logging.getLogger(__name__)


def fit_all(
    recipes: Sequence[Recipe],
    train: pd.DataFrame,
    tuning: pd.DataFrame,
    problem: Problem,
    clock: Callable[[], float],
    on_done: Callable[[Fitted], None] = lambda fitted: None,
) -> list[Fitted]:
    """Fit the recipes in their order until the budget is spent.

    The budget decides only how many finish: the first always does, one that is not finished in time is dropped, and one
    whose family took longer than what is left is not begun. Passing the finished ones alone gives the same bits.

    Args:
        recipes: The fixed sequence.
        train: Rows to fit on.
        tuning: Rows to compare on.
        problem: What is learned, and the budget: wall time for all of them.
        clock: Seconds, e.g. ``time.monotonic``.
        on_done: Called with each finished candidate.
    """
    budget = problem.settings.budget
    end = clock() + budget.total_seconds()
    done: list[Fitted] = []
    taken: dict[str, float] = {}
    for recipe in recipes:
        left = end - clock()
        if done and taken.get(recipe.family, 0.0) >= left:
            logger.info("%s: not begun, %.0f s of the budget are left", recipe.name, max(left, 0.0))
            continue
        deadline = end if done else float("inf")
        try:
            fitted = fit_candidate(recipe, train, tuning, problem, clock, deadline)
        except OutOfTime:
            logger.info("%s: dropped, the budget of %s ran out", recipe.name, budget)
            break
        taken[recipe.family] = fitted.seconds
        done.append(fitted)
        logger.info("%s: fitted in %.1f s", recipe.name, fitted.seconds)
        on_done(fitted)
    return done


def choose(fitted: Sequence[Fitted], tuning: pd.DataFrame, problem: Problem) -> tuple[Fitted, float]:
    """The candidate with the best primary metric on the tuning rows, the first of equal ones, and its value."""
    target, _ = encode_target(tuning[TARGET], problem.task, problem.classes)
    values = [metric_value(problem.metric, target, one.tuning) for one in fitted]
    sign = 1 if greater_is_better(problem.metric) else -1
    best = int(np.argmax(sign * np.asarray(values)))
    return fitted[best], values[best]
