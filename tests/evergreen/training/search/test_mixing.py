from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from evergreen import features, training
from evergreen.metrics import find_metric
from evergreen.spec import ModelSpec
from evergreen.training.fit import Finished
from evergreen.training.search.folds import Folds
from evergreen.training.search.halving import confirmed
from evergreen.training.search.mixing import mix
from evergreen.training.search.proposing import Proposing
from evergreen.training.search.race import Race

SETTINGS = {"task": "regression", "search": "portfolio", "families": ["lightgbm"]}


def rows(n: int = 400, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=(2, n))
    return pd.DataFrame({"x": x, "z": z, "__target": 3 * x + z})


def race_of(spreads: list[float], cut: list[bool], refits: int = 0) -> Race:
    """A race that is over: each candidate errs by so much, and some were cut short by the budget."""
    spec = ModelSpec.model_validate(
        {"model": "m", "data": {"source": "s", "target": {"column": "y"}}, "training": SETTINGS}
    )
    problem = training.Problem(spec.training, "regression", (), partial(features.row_features, spec, ["x", "z"]))
    race = Race(Folds(rows(), rows(seed=1), problem, in_turn=False), lambda: 0.0, 10.0, refits=refits)
    boosted = training.candidates("regression", ["lightgbm"], 400, 2, 0)[0]
    rng = np.random.default_rng(0)
    for number, (spread, is_cut) in enumerate(zip(spreads, cut, strict=True)):
        recipe = boosted.with_params(num_leaves=4 + number)
        tuning = race.target + rng.normal(scale=spread, size=len(race.target))
        race.done.append(Finished(recipe, tuning, 4.0 if is_cut else 0.1, is_cut))
        race.values.append(find_metric("rmse").value(race.target, tuning))
    return race


def test_the_best_candidate_is_not_replaced_by_a_worse_ensemble_of_others_because_the_budget_cut_it_short() -> None:
    assert mix(race_of([0.24, 9.4, 9.6, 9.9], [True, False, False, False]), 400) is None


def test_an_ensemble_of_others_that_is_better_than_what_the_budget_cut_short_replaces_it() -> None:
    race = race_of([9.3, 9.4, 9.6, 9.9], [True, False, False, False])
    mixed = mix(race, 400)
    assert mixed is not None
    assert find_metric("rmse").value(race.target, mixed[1]) < race.values[race.best]


def test_members_that_remain_when_there_is_no_time_to_fit_the_others_again_must_beat_the_best_candidate() -> None:
    race = race_of([1.0, 0.5, 5.0], [False, False, False], refits=1)
    best, half, apart = (one.tuning - race.target for one in race.done)
    # The two others make each other's errors good; without the slow one the quick one only does harm.
    errors = [best, half + apart, half - apart]
    race.done = [
        Finished(one.recipe, race.target + error, 90.0 if number == 2 else 0.1)
        for number, (one, error) in enumerate(zip(race.done, errors, strict=True))
    ]
    race.values = [find_metric("rmse").value(race.target, one.tuning) for one in race.done]
    assert mix(race, 400) is None
    race.end = 1e9
    assert mix(race, 400) is not None


def test_what_was_best_on_one_part_and_was_cut_short_there_is_not_lost_to_those_that_take_turns() -> None:
    first = race_of([0.24, *np.linspace(9.4, 9.9, 6)], [True, *[False] * 6])
    learned = first.problem
    race = Race(Folds(rows(), rows(seed=1), learned, in_turn=True), lambda: 0.0, 1e9)
    assert confirmed(first, race, Proposing(first)).values[0] == first.values[0]
