"""Successive halving: candidates meet where it costs little first, the promising ones where it says most.

Those of a large table begin on a part of the rows; those of a small one on one tuning part, before every row is
predicted in turn.

Jamieson and Talwalkar 2016, Non-stochastic best arm identification and hyperparameter optimization.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pandas as pd

from evergreen.handoffs import TARGET
from evergreen.training.families.learning import unstopped
from evergreen.training.families.recipe import Recipe
from evergreen.training.search.candidate_cache import ScopedCandidateCache
from evergreen.training.search.folds import Folds, times_longer
from evergreen.training.search.portfolio import SECONDS_A_VALUE
from evergreen.training.search.proposing import PATIENT, Proposing
from evergreen.training.search.race import Race

logger = logging.getLogger(__name__)

#: Rows from which a table is large, and from which a costly one is: of fewer a part saves little; rows of the part that
#: is tried first, and the rows that judge it.
LARGE, _LARGE_IF_COSTLY, _PART, _JUDGING = 300_000, 120_000, 30_000, 15_000
#: The share of the budget for that part, and how many candidates go on to all rows.
_SHARE, _GO_ON = 0.3, 4
#: The share of the budget for one tuning part, and how many candidates must go on to every row in turn: with fewer, one
#: part says more.
ONE_PART, _ENOUGH = 0.4, 5
#: Candidates below which a part of the rows has not said anything.
_FEWEST = 3
#: The share of the budget from which one boosting in small steps is costly.
_COSTLY = 0.05


def ranked(race: Race, train: pd.DataFrame, tuning: pd.DataFrame, recipes: Sequence[Recipe]) -> tuple[Recipe, ...]:
    """The recipes that do best on a part of the rows, the best first, of those that all rows leave time for.

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
    # Two fits on all rows at least, and one more of what is found.
    few.all_rows = race.folds.shape, (race.end - until) / (2 + race.refits)
    few.run(recipes)
    if race.problem.settings.search == "bayes":
        Proposing(few).go_on()
    if len(few.done) < _FEWEST:
        return tuple(recipes[:_GO_ON])
    chosen = [few.done[at].recipe for at in few.order[: min(_GO_ON, (len(few.done) + 1) // 2)]]
    logger.info("of %d candidates on %d rows go on: %s", len(few.done), _PART, ", ".join(one.name for one in chosen))
    return tuple(unstopped(recipe) for recipe in chosen)


def is_large(n_rows: int, n_inputs: int, n_classes: int, budget: timedelta) -> bool:
    """Whether candidates meet on a part of the rows first: there are very many, or each takes too much of the budget.

    By the table and the spec alone: a clock would let the machine's load decide what is found.

    Args:
        n_rows: Of the training part.
        n_inputs: Of the model.
        n_classes: 0 for a quantity.
        budget: Of the search.
    """
    seconds = SECONDS_A_VALUE * n_rows * n_inputs * (n_classes if n_classes > 2 else 1)
    return n_rows > LARGE or (n_rows > _LARGE_IF_COSTLY and seconds > _COSTLY * budget.total_seconds())


def confirmed(first: Race, race: Race, proposing: Proposing) -> Race:
    """The race of the promising candidates on every row in turn, and of what is proposed from there.

    Args:
        first: A race on one tuning part, which is over.
        race: On every row in turn, not begun.
        proposing: What the first race was searched by.

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
            proposing.go_on(PATIENT)
        return first
    # The quickest begins: what comes first is kept as far as it came, where its time runs out.
    quickest = min(first.pool, key=lambda one: one.seconds)
    race.run([unstopped(one.recipe) for one in sorted(first.pool, key=lambda one: one is not quickest)])
    if search:
        Proposing(race).go_on(PATIENT)
    return race


def some_rows(rows: pd.DataFrame, most: int, seed: int) -> pd.DataFrame:
    """All rows, or a random choice of them in their order, with a label of each kind where there are few kinds."""
    if len(rows) <= most:
        return rows
    chosen = np.random.default_rng(seed).choice(len(rows), most, replace=False)
    if rows[TARGET].nunique() < most // 100:
        chosen = np.concatenate([chosen, np.flatnonzero(~rows[TARGET].duplicated().to_numpy())])
    return rows.iloc[np.unique(chosen)]
