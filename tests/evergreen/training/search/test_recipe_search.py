from __future__ import annotations

import itertools
from datetime import timedelta
from functools import partial

import numpy as np
import pandas as pd
import pytest

from evergreen import features, training
from evergreen.errors import SpecError, TrainingError
from evergreen.handoffs import GROUP
from evergreen.spec import ModelSpec
from evergreen.training import Finished, Recipe
from evergreen.training.fit import Matrices, fit_on
from evergreen.training.search.folds import _codes
from evergreen.training.watch import Watch

INPUTS = ["x", "z", "city"]


def problem(**settings: object) -> training.Problem:
    model = ModelSpec.model_validate(
        {
            "model": "m",
            "data": {"source": "s", "target": {"column": "y"}},
            "training": {"cross_validate": "never"} | settings,
        }
    )
    return training.Problem(model.training, "binary", ("0", "1"), partial(features.row_features, model, INPUTS))


def rows(n: int = 500, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x, z, city = rng.normal(size=n), rng.normal(size=n), rng.choice(["Rome", "Oslo", "Bonn"], n)
    signal = x * np.where(z > 0, 1, -1) + (city == "Rome") + rng.normal(size=n)
    return pd.DataFrame({"x": x, "z": z, "city": city, "__target": signal > 0})


def find(memory: training.CandidateCache | None = None, tick: float = 0.0, **settings: object) -> training.Found:
    clock = itertools.count(0.0, tick)
    return training.find_recipe(rows(), rows(seed=1), problem(**settings), lambda: next(clock), memory)


class Kept:
    """Finished candidates in memory; ``asked`` counts those that had to be fitted."""

    def __init__(self, most: int | None = None) -> None:
        self.found: dict[str, Finished] = {}
        self.most = most
        self.fitted: list[str] = []

    def recall(self, recipe: Recipe, to_beat: float | None) -> Finished | None:
        return self.found.get(f"{recipe.to_json()}{to_beat!r}")

    def keep(self, recipe: Recipe, to_beat: float | None, finished: Finished) -> None:
        self.fitted.append(recipe.name)
        self.found[f"{recipe.to_json()}{to_beat!r}"] = finished
        if self.most and len(self.found) == self.most:
            raise KeyboardInterrupt


TREES = {"families": ["lightgbm", "linear"], "budget": timedelta(days=9)}


def names(found: training.Found) -> list[str]:
    return [one.recipe.name for one in found.finished]


def test_a_spent_budget_still_leaves_the_first_candidate_as_far_as_it_came() -> None:
    found = find(tick=100, budget=timedelta(seconds=1))
    assert names(found) == ["lightgbm-wide"]
    assert found.finished[0].cut


def test_the_budget_decides_how_many_finish_and_nothing_else() -> None:
    settings = {"search": "portfolio", "families": ["lightgbm", "linear", "extra_trees"]}
    few = find(tick=1, budget=timedelta(seconds=900), **settings)
    every = find(budget=timedelta(days=9), **settings)
    assert 1 < len(few.finished) < len(every.finished) == 13
    by_name = {one.recipe.name: one for one in every.finished}
    for one in few.finished:
        assert one.recipe == by_name[one.recipe.name].recipe
        assert one.tuning.tobytes() == by_name[one.recipe.name].tuning.tobytes()


def test_a_search_with_as_many_candidates_finds_the_same_again() -> None:
    first, again = find(max_candidates=9, **TREES), find(max_candidates=9, **TREES)
    assert names(first) == names(again)
    assert len(first.finished) == 9
    assert first.finished[-1].recipe.name.startswith("lightgbm-")
    assert first.recipe == again.recipe
    assert first.value == again.value


def test_an_interrupted_search_goes_on_from_its_candidates_and_ends_as_if_nothing_had_been() -> None:
    memory = Kept(most=8)
    with pytest.raises(KeyboardInterrupt):
        find(memory, max_candidates=10, **TREES)
    memory.most, done = None, list(memory.fitted)
    resumed, undisturbed = find(memory, max_candidates=10, **TREES), find(max_candidates=10, **TREES)
    assert names(resumed) == names(undisturbed)
    assert resumed.recipe == undisturbed.recipe
    assert memory.fitted == names(undisturbed)
    assert len(memory.fitted) - len(done) == 2


def test_the_search_goes_around_the_best_family_and_does_better_than_the_portfolio() -> None:
    settings = {"metric": "log_loss", "ensemble": "never"} | TREES
    short = find(search="portfolio", **settings)
    long = find(search="bayes", max_candidates=30, **settings)
    assert long.value < short.value
    assert len(long.finished) == 30
    assert names(long)[: len(short.finished)] == names(short)


def test_a_grid_tries_exactly_what_the_spec_says() -> None:
    space = {"linear": {"strength": [0.1, 1.0, 10.0]}}
    found = find(search="grid", space=space, ensemble="never", budget=timedelta(days=9))
    assert [one.recipe.params["strength"] for one in found.finished] == [1.0, 0.1, 1.0, 10.0]


def test_a_random_search_stays_inside_the_space() -> None:
    space = {"lightgbm": {"num_leaves": [4, 9], "learning_rate": [0.1, 0.2]}}
    found = find(search="random", space=space, max_candidates=8, **TREES)
    drawn = [one.recipe.params for one in found.finished[1:]]
    assert all(4 <= one["num_leaves"] <= 9 and 0.1 <= one["learning_rate"] <= 0.2 for one in drawn)
    assert len({one["learning_rate"] for one in drawn}) == 7


def test_an_unknown_parameter_is_refused_by_name() -> None:
    with pytest.raises(TrainingError, match=r"training\.space\.lightgbm\.num_leafs: no such parameter; did you mean"):
        find(search="random", space={"lightgbm": {"num_leafs": [4, 9]}}, **TREES)


def test_a_search_that_needs_a_space_is_refused_without_one() -> None:
    with pytest.raises((SpecError, ValueError), match=r"say in training\.space what is searched"):
        problem(search="grid")


def test_boosting_that_cannot_win_ends_early_and_still_counts() -> None:
    recipe = training.candidates("binary", ["lightgbm"], 500, 3, 0)[0].with_params(learning_rate=0.002)
    matrices = Matrices(rows(), rows(seed=1), problem(metric="log_loss"))
    patient, hopeless = fit_on(recipe, matrices, Watch()), fit_on(recipe, matrices, Watch(to_beat=0.1))
    assert hopeless.recipe.params["n_estimators"] <= 200 < patient.recipe.params["n_estimators"]
    again = training.refit(hopeless.recipe, rows(), problem())
    assert training.predict(again, "binary", rows(seed=1)).tobytes() == hopeless.tuning.tobytes()


def test_an_ensemble_is_fitted_again_and_stored_like_any_recipe() -> None:
    found = find(max_candidates=10, budget=timedelta(days=9))
    recipe = Recipe.mixing([one.recipe for one in found.finished[:4]], [0.4, 0.3, 0.2, 0.1])
    assert Recipe.from_json(recipe.to_json()) == recipe
    learned = problem()
    one, two = (training.predict(training.refit(recipe, rows(), learned), "binary", rows(seed=1)) for _ in range(2))
    assert one.tobytes() == two.tobytes()
    parts = [weight * single.tuning for weight, single in zip([0.4, 0.3, 0.2, 0.1], found.finished[:4], strict=True)]
    np.testing.assert_allclose(one, sum(parts), atol=1e-4)


def test_a_small_table_is_compared_on_all_its_rows_in_turn() -> None:
    settings = {"search": "portfolio", "families": ["lightgbm", "linear"], "budget": timedelta(days=9)}
    frame = rows(300)
    found = training.find_recipe(
        frame[:240], frame[240:], problem(cross_validate="auto", ensemble="never", **settings), lambda: 0.0
    )
    assert all(len(one.tuning) == 300 for one in found.finished)
    assert 0.5 < found.value < 0.95
    assert found.finished[0].recipe.params["n_estimators"] < 2000


def test_rows_of_a_group_share_a_fold() -> None:
    frame = rows(300).assign(**{GROUP: [f"g{number % 40}" for number in range(300)]})
    codes = _codes(frame, frame["__target"].to_numpy(dtype=float), problem(cross_validate="auto"))
    assert codes is not None
    assert pd.Series(codes).groupby(frame[GROUP]).nunique().max() == 1
    assert len(np.unique(codes)) == 5
