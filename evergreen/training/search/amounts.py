"""The power of an amount's mean that its variance is in proportion to, as the spec or the training rows say."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from evergreen.learning_tasks import LEAST, TASKS
from evergreen.metrics import find_metric
from evergreen.training.families.catalogue import family
from evergreen.training.families.family import fit_plainly
from evergreen.training.families.fold import Fold
from evergreen.training.families.loglinear import TWEEDIE_POWER, log_linear, variance_power
from evergreen.training.families.recipe import Recipe
from evergreen.training.rows.recency import ALL
from evergreen.training.search.race import Race

logger = logging.getLogger(__name__)


def powered(race: Race, recipes: Sequence[Recipe]) -> tuple[Recipe, ...]:
    """Recipes of an amount with its power; those of any other task as they are.

    Args:
        race: Its rows to fit on say the power, where the spec leaves it to them: those that a linear model predicts.
        recipes: What is going to be tried.
    """
    problem = race.problem
    power = problem.settings.power
    if not recipes or not TASKS[problem.task].has_power or find_metric(problem.metric).fixed_power:
        return tuple(recipes)
    if power == "auto":
        matrices = race.folds.parts[0][1]
        (y, weight), _ = matrices.labels(replace(recipes[0], bag=0, recency=ALL))
        rows, x, _ = matrices.of(recipes[0].view)
        model = log_linear(TWEEDIE_POWER)
        model.layout = rows.layout()
        fit_plainly(model, Fold(x, y, weight))
        power = variance_power(y, np.maximum(model.predict(x), LEAST), weight)
        logger.info("the variance grows with the mean to the power of %.2f", power)
    if power == TWEEDIE_POWER:
        return tuple(recipes)
    return tuple(one.with_params(power=power) if family(one.family).powered else one for one in recipes)
