"""Successive halving: candidates meet where it costs little first, the promising ones where it says most.

Those of a large table begin on a part of the rows; those of a small one on one tuning part, before every row is
predicted in turn.

Jamieson and Talwalkar 2016, Non-stochastic best arm identification and hyperparameter optimization.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd

from evergreen.handoffs import TARGET
from evergreen.training.families.catalogue import family
from evergreen.training.families.learning import unstopped
from evergreen.training.families.recipe import Recipe
from evergreen.training.search.candidate_cache import ScopedCandidateCache
from evergreen.training.search.folds import Folds, times_longer
from evergreen.training.search.race import PATIENT, Race

logger = logging.getLogger(__name__)

#: Rows from which a table is large, those of the part that is tried first, and the rows that judge it.
LARGE, _PART, _JUDGING = 300_000, 30_000, 15_000
#: The share of the budget for that part, and how many candidates go on to all rows.
_SHARE, _GO_ON = 0.3, 4
#: The share of the budget for one tuning part, and how many candidates must go on to every row in turn: with fewer, one
#: part says more.
ONE_PART, _ENOUGH = 0.4, 5
#: Candidates below which a part of the rows has not said anything.
_FEWEST = 3
#: The learning rate from which boosting is done soon.
_LARGE_STEPS = 0.15
#: How much longer than in proportion to its rows a fit on all of them takes: more rows deserve more rounds.
_LONGER = 1.5


def ranked(race: Race, train: pd.DataFrame, tuning: pd.DataFrame, recipes: Sequence[Recipe]) -> tuple[Recipe, ...]:
    """The recipes that do best on a part of the rows, the best first; those that all rows leave no time for go last.

    Args:
        race: The race on all rows, not begun: its problem, its clock and its end count here too.
        train: Rows to fit on.
        tuning: Rows to compare on.
        recipes: What is tried, and searched around.

    Returns:
        At most four, to be fitted on all rows in this order; the first of them where hardly any was finished.
    """
    began = race.clock()
    until = began + _SHARE * (race.end - began)
    seed = race.problem.settings.seed
    part = Folds(some_rows(train, _PART, seed), some_rows(tuning, _JUDGING, seed), race.problem)
    few = Race(part, race.clock, until, race.memory and ScopedCandidateCache(race.memory, f"{_PART} rows"))
    if not race.timed:
        # On many rows boosting is what wins: the others come after it, and what takes large steps before all. Where
        # rows have a time, what learns least by heart stays before all.
        recipes = sorted(recipes, key=lambda one: (_learning_rate(one) < _LARGE_STEPS, not family(one.family).leads))
    few.run(recipes)
    if race.problem.settings.search == "bayes":
        few.search()
    if len(few.done) < _FEWEST:
        return tuple(recipes[:_GO_ON])
    longer = _LONGER * len(train) / min(len(train), _PART)
    left = (race.end - race.clock()) / (1 + race.refits)
    places = few.order[: min(2 * _GO_ON, (len(few.done) + 1) // 2)]
    in_time = [at for at in places if longer * few.done[at].seconds <= left]
    slow = sorted(set(places) - set(in_time), key=lambda at: few.done[at].seconds)
    chosen = [few.done[at].recipe for at in [*in_time, *slow][:_GO_ON]]
    logger.info("of %d candidates on %d rows go on: %s", len(few.done), _PART, ", ".join(one.name for one in chosen))
    return tuple(unstopped(recipe) for recipe in chosen)


def confirmed(first: Race, race: Race) -> Race:
    """The race of the promising candidates on every row in turn, and of what is proposed from there.

    Args:
        first: A race on one tuning part, which is over.
        race: On every row in turn, not begun.

    Returns:
        ``race``; or ``first``, gone on to the end of the other, where there is no time for that: the best candidate
        would be lost if even one fit of it was cut short.
    """
    search = race.problem.settings.search == "bayes"
    longer = (1 + race.refits) * times_longer(len(race.target), race.problem)
    no_time = first.done[first.best].cut or longer * sum(one.seconds for one in first.pool[:_ENOUGH]) > race.left
    if no_time or len(first.pool) < _ENOUGH:
        first.end, first.refits = race.end, race.refits
        if search:
            first.search(PATIENT)
        return first
    # The quickest begins: what comes first is kept as far as it came, where its time runs out.
    quickest = min(first.pool, key=lambda one: one.seconds)
    race.run([unstopped(one.recipe) for one in sorted(first.pool, key=lambda one: one is not quickest)])
    if search:
        race.search(PATIENT)
    return race


def _learning_rate(recipe: Recipe) -> float:
    return float(recipe.params.get("learning_rate", 0.0))


def some_rows(rows: pd.DataFrame, most: int, seed: int) -> pd.DataFrame:
    """All rows, or a random choice of them in their order, with a label of each kind where there are few kinds."""
    if len(rows) <= most:
        return rows
    chosen = np.random.default_rng(seed).choice(len(rows), most, replace=False)
    if rows[TARGET].nunique() < most // 100:
        chosen = np.concatenate([chosen, np.flatnonzero(~rows[TARGET].duplicated().to_numpy())])
    return rows.iloc[np.unique(chosen)]
