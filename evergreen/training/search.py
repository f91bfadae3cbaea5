"""Find the best recipe within a budget: a portfolio, a search around its best, and a mix of what was fitted."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.handoffs import TIME
from evergreen.spec import Family
from evergreen.statistics import greater_is_better, metric_value
from evergreen.training import ensemble
from evergreen.training.candidates import Recipe
from evergreen.training.fit import Finished
from evergreen.training.folds import Folds
from evergreen.training.portfolio import candidates, matrix_cost, scoring_cost
from evergreen.training.problem import Problem
from evergreen.training.space import SPACES, proposals
from evergreen.training.watch import OutOfTime, Watch

logger = logging.getLogger(__name__)

#: The share of what is left of the budget that one candidate of the portfolio may take: the first, and later ones.
_FIRST_SHARE, _SHARE = 0.75, 0.5
#: What a fit has cost before it first looks at the clock, as a share of the longest one.
_BEGINNING = 0.1
#: Proposals in a row without a better one after which a search ends.
_PLATEAU = 40
#: Candidates that an ensemble is chosen from, rows it is chosen on, and parts of these that judge it in turn.
_POOL, _CHOOSING_ROWS, _PARTS = 12, 4000, 4
#: The share of the budget that choosing an ensemble may take.
_MIXING = 0.04
#: Tuning rows below which the choice of an ensemble is chance.
_FEWEST_ROWS = 200


class Memory(Protocol):
    """Keeps finished candidates, so that an interrupted search goes on from them."""

    def recall(self, recipe: Recipe, to_beat: float | None) -> Finished | None:
        """What the same candidate showed before, on the same rows, with the same value to beat."""

    def keep(self, recipe: Recipe, to_beat: float | None, finished: Finished) -> None:
        """Keep what a candidate showed."""


@dataclass(frozen=True)
class Found:
    """The best recipe, its value on the tuning rows, and every candidate in the order in which it was finished."""

    recipe: Recipe
    value: float
    finished: tuple[Finished, ...]


def find_recipe(
    train: pd.DataFrame,
    tuning: pd.DataFrame,
    problem: Problem,
    clock: Callable[[], float],
    memory: Memory | None = None,
    on_done: Callable[[Finished, float], None] = lambda finished, value: None,
) -> Found:
    """Try candidates until the budget is spent or nothing better turns up, and choose by the tuning rows.

    The budget decides only which candidates of the portfolio finish and how many proposals follow them; from these the
    result follows to the bit. Where not even the first one fits in, it is kept as far as it came.

    Args:
        train: Rows to fit on.
        tuning: Rows to compare on.
        problem: What is learned, the budget, and how to search.
        clock: Seconds, e.g. ``time.monotonic``.
        memory: Of an earlier, interrupted search.
        on_done: Called with each finished candidate and its value.

    Raises:
        TrainingError: no family suits the table, the space names an unknown parameter, labels cannot be used.
    """
    race = Race(train, tuning, problem, clock, memory, on_done)
    settings = problem.settings
    chosen: Sequence[Family] = list(settings.space) if settings.search in ("random", "grid") else settings.families
    recipes = candidates(
        problem.task, chosen or settings.families, len(train), len(problem.transformer_for("codes").inputs),
        settings.seed, settings.class_weight, settings.weight is not None,
    )  # fmt: skip
    if settings.search in ("random", "grid"):
        recipes = tuple({recipe.family: recipe for recipe in reversed(recipes)}.values())[::-1]
    race.run(recipes)
    if settings.search != "portfolio":
        race.search()
    best = race.best
    mixed = _mix(race, len(train)) if settings.ensemble == "auto" else None
    return Found(*(mixed or (race.done[best].recipe, race.values[best])), tuple(race.done))


class Race:
    """Candidates fitted one after the other on one split, within one budget."""

    def __init__(
        self, train: pd.DataFrame, tuning: pd.DataFrame, problem: Problem, clock: Callable[[], float],
        memory: Memory | None = None, on_done: Callable[[Finished, float], None] = lambda finished, value: None,
    ) -> None:  # fmt: skip
        self.problem, self.clock, self.memory, self.on_done = problem, clock, memory, on_done
        mixing = _MIXING if problem.settings.ensemble == "auto" else 0.0
        self.end = clock() + (1 - mixing) * problem.settings.budget.total_seconds()
        self.folds = Folds(train, tuning, problem)
        self.target = self.folds.target
        self.timed = TIME in tuning
        self.sign = 1 if greater_is_better(problem.metric) else -1
        self.done: list[Finished] = []
        self.values: list[float] = []

    @property
    def best(self) -> int:
        """The place of the best candidate, the first of equal ones."""
        return int(np.argmax(np.nan_to_num(self.sign * np.asarray(self.values), nan=-np.inf)))

    @property
    def to_beat(self) -> float | None:
        """The best value so far."""
        return self.values[self.best] if self.done else None

    @property
    def full(self) -> bool:
        """Whether as many candidates are done as the spec allows."""
        most = self.problem.settings.max_candidates
        return most is not None and len(self.done) >= most

    def run(self, recipes: Sequence[Recipe]) -> None:
        """Fit the recipes in their order; one that takes more than its share of the time is dropped."""
        for recipe in recipes:
            if self.full:
                break
            left = self.end - self.clock()
            taken = [one.seconds for one in self.done if one.recipe.family == recipe.family]
            # Even beginning costs something, in proportion to what the table has cost so far.
            beginning = _BEGINNING * max((one.seconds for one in self.done), default=0.0)
            short = left <= beginning or (taken and taken[-1] >= left)
            if self.done and short and self._recalled(recipe) is None:
                logger.info("%s: not begun, %.0f s of the budget are left", recipe.name, max(left, 0.0))
                continue
            self.attempt(recipe, _SHARE if self.done else _FIRST_SHARE)

    def search(self) -> None:
        """Go on by proposals around the best family of the portfolio that has a space, or around those of the spec."""
        settings = self.problem.settings
        spaces = settings.space or SPACES
        order = sorted(range(len(self.done)), key=lambda at: (-self.sign * self.values[at], at))
        families = list(dict.fromkeys(self.done[at].recipe.family for at in order))
        known = [family for family in families if family in spaces]
        for family in known if settings.space else known[:1]:
            self._propose(family, [at for at in order if self.done[at].recipe.family == family])

    def attempt(self, recipe: Recipe, share: float = 1.0) -> Finished | None:
        """Fit one candidate, or remember it; None where time ran out."""
        to_beat, found = self.to_beat, self._recalled(recipe)
        if found is None:
            now = self.clock()
            watch = Watch(self.clock, now + share * (self.end - now), not self.done, to_beat)
            try:
                found = self.folds.fit(recipe, watch)
            except OutOfTime:
                logger.info("%s: dropped, its share of the budget ran out", recipe.name)
                return None
            if found.cut:
                logger.warning(
                    "%s: its part of the budget of %s ran out in the first candidate, which is kept as far as it came; "
                    "give training.budget more", recipe.name, self.problem.settings.budget,
                )  # fmt: skip
            if self.memory and not found.cut:
                self.memory.keep(recipe, to_beat, found)
        self.done.append(found)
        self.values.append(metric_value(self.problem.metric, self.target, found.tuning))
        logger.info("%s: fitted in %.1f s", recipe.name, found.seconds)
        self.on_done(found, self.values[-1])
        return found

    def _recalled(self, recipe: Recipe) -> Finished | None:
        return self.memory.recall(recipe, self.to_beat) if self.memory else None

    def _propose(self, family: str, places: Sequence[int]) -> None:
        settings = self.problem.settings
        space = settings.space.get(family) or SPACES[family]  # type: ignore[call-overload,index]
        base = self.done[places[0]].recipe
        known = [(self.done[at].recipe, self.values[at]) for at in places if not np.isnan(self.values[at])]
        proposed = proposals(settings.search, base, space, known, self.sign > 0, settings.seed)
        since, recipe = 0, next(proposed, None)
        while recipe and not self.full and self.clock() < self.end:
            before = self.best
            if self.attempt(recipe) is None:
                break
            since = since + 1 if self.best == before else 0
            if settings.search == "bayes" and since >= _PLATEAU:
                logger.info("%s: %d proposals in a row brought nothing better", family, since)
                break
            try:
                recipe = proposed.send(self.values[-1])
            except StopIteration:
                break


def _mix(race: Race, n_rows: int) -> tuple[Recipe, float] | None:
    """The ensemble of the finished candidates and its value, where it gains on rows that did not choose it."""
    settings, problem, target = race.problem.settings, race.problem, race.target
    if len(race.done) < 2 or len(target) < _FEWEST_ROWS or np.isnan(race.values).any():
        return None
    order = np.argsort(-race.sign * np.asarray(race.values), kind="stable")[:_POOL].tolist()
    pool = [race.done[at] for at in order]
    costs = [matrix_cost() + scoring_cost(one.recipe, n_rows, len(problem.classes)) for one in pool]
    rows = _spread(len(target), settings.seed)

    def score(at: NDArray[np.int64], prediction: NDArray[np.float64]) -> float:
        return race.sign * metric_value(problem.metric, target[at], prediction)

    predictions = [one.tuning for one in pool]
    parts = np.array_split(rows if race.timed else np.random.default_rng(settings.seed).permutation(rows), _PARTS)
    most, factor = settings.max_members, settings.max_scoring_factor
    gains = ensemble.honest_gains(predictions, costs, score, [np.sort(part) for part in parts], most, factor)
    gain = float(np.mean(gains))
    if not gain > 0 or sum(one > 0 for one in gains) < _PARTS - 1:
        logger.info("an ensemble of the candidates gains nothing on rows that did not choose it")
        return None
    weights = ensemble.select(predictions, costs, score, rows, most, factor * costs[0])
    if len(weights) < 2:
        return None
    recipe = Recipe.mixing([pool[at].recipe for at in weights], list(weights.values()))
    mixed = ensemble.weighted([predictions[at] for at in weights], list(weights.values()))
    logger.info("ensemble of %d: gains %.4g on rows that did not choose it", len(weights), gain)
    return recipe, metric_value(problem.metric, target, mixed)


def _spread(n: int, seed: int) -> NDArray[np.int64]:
    """Positions of all rows, or of a random choice of them in their order."""
    if n <= _CHOOSING_ROWS:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, _CHOOSING_ROWS, replace=False))
