"""The ensemble of what a search has fitted anyway, where it gains on rows that did not choose it."""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

from evergreen.spec import TASKS
from evergreen.statistics import metric_value
from evergreen.training import ensemble
from evergreen.training.candidates import Recipe
from evergreen.training.portfolio import matrix_cost, scoring_cost
from evergreen.training.race import Race

logger = logging.getLogger(__name__)

#: Rows that an ensemble is chosen on, and parts of these that judge it in turn.
_CHOOSING_ROWS, _PARTS = 3000, 4
#: Tuning rows below which the choice of an ensemble is chance.
_FEWEST_ROWS = 100


def mix(race: Race, n_rows: int) -> tuple[Recipe, NDArray[np.float64]] | None:
    """The ensemble of the finished candidates and its predictions of the tuning rows; None where it brings nothing.

    Args:
        race: A race that is over.
        n_rows: Rows of the training part, on which scoring times depend.
    """
    settings, problem, target = race.problem.settings, race.problem, race.target
    if len(race.done) < 2 or len(target) < _FEWEST_ROWS or np.isnan(race.values).any():
        return None
    pool = race.pool
    if len(pool) < 2:
        return None
    prices = [
        ensemble.Price(matrix_cost() + scoring_cost(one.recipe, n_rows, len(problem.classes)), len(one.recipe.shares))
        for one in pool
    ]
    rows = _spread(len(target), settings.seed)

    def score(at: NDArray[np.int64], prediction: NDArray[np.float64]) -> float:
        return race.sign * metric_value(problem.metric, target[at], prediction)

    predictions = [one.tuning for one in pool]
    parts = np.array_split(rows if race.timed else np.random.default_rng(settings.seed).permutation(rows), _PARTS)
    if TASKS[problem.task].classes and any(len(np.unique(target[part])) < 2 for part in parts):
        return None
    most, factor = settings.max_members, settings.max_scoring_factor
    gains = ensemble.honest_gains(predictions, prices, score, [np.sort(part) for part in parts], most, factor)
    gain, doubt = float(np.mean(gains)), float(np.std(gains)) / _PARTS**0.5
    # The best of many candidates flatters itself by having been chosen; a mean of several hardly does. So it stays
    # unless rows that did not choose it speak against it.
    if not gain + doubt > 0:
        logger.info("an ensemble of the candidates loses %.4g on rows that did not choose it", -gain)
        return None
    weights = ensemble.select(predictions, prices, score, rows, most, ensemble.highest_cost(prices[0], factor))
    weights = _in_time(race, weights, [race.again(one) for one in pool])
    if len(weights) < 2:
        return None
    recipe = Recipe.mixing([pool[at].recipe for at in weights], list(weights.values()))
    mixed = ensemble.weighted([predictions[at] for at in weights], list(weights.values()))
    logger.info("ensemble of %d: gains %.4g on rows that did not choose it", len(weights), gain)
    return recipe, mixed


def _in_time(race: Race, weights: dict[int, float], seconds: list[float]) -> dict[int, float]:
    """The members that can be fitted once more in the time that is left, where that is asked for; the first always."""
    if not race.refits:
        return weights
    left, kept = race.end - race.clock(), dict[int, float]()
    for at, weight in weights.items():
        if not kept or seconds[at] <= left:
            kept[at] = weight
            left -= seconds[at]
    total = sum(kept.values())
    return {at: weight / total for at, weight in kept.items()}


def _spread(n: int, seed: int) -> NDArray[np.int64]:
    """Positions of all rows, or of a random choice of them in their order."""
    if n <= _CHOOSING_ROWS:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, _CHOOSING_ROWS, replace=False))
