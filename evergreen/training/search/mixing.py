"""The ensemble of what a search has fitted anyway, where it gains on rows that did not choose it."""

from __future__ import annotations

import logging
from functools import partial

import numpy as np
from numpy.typing import NDArray

from evergreen.arrays import Floats
from evergreen.learning_tasks import TASKS
from evergreen.metrics import find_metric
from evergreen.training.families import ensemble
from evergreen.training.families.recipe import Recipe
from evergreen.training.search.portfolio import matrix_cost, scoring_cost
from evergreen.training.search.race import Race

logger = logging.getLogger(__name__)

Positions = NDArray[np.int64]

#: Rows that an ensemble is chosen on, and parts of these that judge it in turn.
_CHOOSING_ROWS, _PARTS = 3000, 4
#: Tuning rows below which the choice of an ensemble is chance.
_FEWEST_ROWS = 100


def mix(race: Race, n_rows: int) -> tuple[Recipe, Floats] | None:
    """The ensemble of the finished candidates and its predictions of the tuning rows; None where it brings nothing.

    Args:
        race: A race that is over.
        n_rows: Rows of the training part, on which scoring times depend.
    """
    settings, problem, pool = race.problem.settings, race.problem, race.pool
    if min(len(race.done), len(pool)) < 2 or len(race.target) < _FEWEST_ROWS or np.isnan(race.values).any():
        return None
    prices = [
        ensemble.Price(matrix_cost() + scoring_cost(one.recipe, n_rows, len(problem.classes)), len(one.recipe.shares))
        for one in pool
    ]
    rows = _spread(len(race.target), settings.seed)
    predictions = [one.tuning for one in pool]
    gains = _gains(race, predictions, prices, rows)
    if not gains:
        return None
    gain, doubt = float(np.mean(gains)), float(np.std(gains)) / _PARTS**0.5
    # The best of many candidates flatters itself by having been chosen; a mean of several hardly does. So it stays
    # unless rows that did not choose it speak against it.
    if not gain + doubt > 0:
        logger.info("an ensemble of the candidates loses %.4g on rows that did not choose it", -gain)
        return None
    bound = ensemble.highest_cost(prices[0], settings.max_scoring_factor)
    weights = ensemble.select(predictions, prices, partial(_score, race), rows, settings.max_members, bound)
    kept = _in_time(race, weights, [race.again(one) for one in pool])
    if len(kept) < 2:
        return None
    recipe = Recipe.mixing([pool[at].recipe for at in kept], list(kept.values()))
    mixed = ensemble.weighted([predictions[at] for at in kept], list(kept.values()))
    judged = len(kept) == len(weights) and pool[0] is race.done[race.best]
    if not judged and not _beats_the_best(race, mixed):
        logger.info("the ensemble that time allows for is no better than the best candidate, which is kept")
        return None
    logger.info("ensemble of %d: gains %.4g on rows that did not choose it", len(kept), gain)
    return recipe, mixed


def _beats_the_best(race: Race, mixed: Floats) -> bool:
    """Whether predictions are better than those of the best candidate, though it was cut short: it counts as seen."""
    value = find_metric(race.problem.metric).value(race.target, mixed)
    return race.sign * value > race.sign * race.values[race.best]


def _score(race: Race, at: Positions, prediction: Floats) -> float:
    """The value of predictions for rows by position, larger is better."""
    return race.sign * find_metric(race.problem.metric).value(race.target[at], prediction)


def _gains(race: Race, predictions: list[Floats], prices: list[ensemble.Price], rows: Positions) -> list[float]:
    """What ensembles gain on rows that did not choose them; nothing where classes are too rare."""
    settings = race.problem.settings
    parts = np.array_split(rows if race.timed else np.random.default_rng(settings.seed).permutation(rows), _PARTS)
    if TASKS[race.problem.task].classes and any(len(np.unique(race.target[part])) < 2 for part in parts):
        return []
    return ensemble.honest_gains(
        predictions, prices, partial(_score, race), [np.sort(part) for part in parts], settings.max_members,
        settings.max_scoring_factor,
    )  # fmt: skip


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


def _spread(n: int, seed: int) -> Positions:
    """Positions of all rows, or of a random choice of them in their order."""
    if n <= _CHOOSING_ROWS:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, _CHOOSING_ROWS, replace=False))
