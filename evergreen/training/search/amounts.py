"""The power of an amount's mean that its variance is in proportion to, as the spec or the training rows say."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from evergreen.training.families.boosting import Fold
from evergreen.training.families.candidates import Recipe, canonical, make_estimator
from evergreen.training.families.learning import refit_estimator
from evergreen.training.families.loglinear import TWEEDIE_POWER, variance_power
from evergreen.training.families.prediction import LEAST
from evergreen.training.search.race import Race

logger = logging.getLogger(__name__)

#: What has a loss with a power.
_POWERED = ("lightgbm", "linear")


def powered(race: Race, recipes: Sequence[Recipe]) -> tuple[Recipe, ...]:
    """Recipes of an amount with its power; those of any other task as they are.

    Args:
        race: Its rows to fit on say the power, where the spec leaves it to them: those that a linear model predicts.
        recipes: What is going to be tried.
    """
    problem = race.problem
    power = problem.settings.power
    if problem.task != "amount" or problem.metric == "gamma_deviance" or not recipes:
        return tuple(recipes)
    if power == "auto":
        matrices = race.folds.parts[0][1]
        line = Recipe("linear", "linear", canonical({"strength": 1.0}), view=recipes[0].view)
        (y, weight), _ = matrices.labels(line)
        rows, x, _ = matrices.of(line.view)
        model = make_estimator(line, problem.task)
        refit_estimator(line, model, rows, Fold(x, y, weight))
        power = variance_power(y, np.maximum(model.predict(x), LEAST), weight)
        logger.info("the variance grows with the mean to the power of %.2f", power)
    if power == TWEEDIE_POWER:
        return tuple(recipes)
    return tuple(one.with_params(power=power) if one.family in _POWERED else one for one in recipes)
