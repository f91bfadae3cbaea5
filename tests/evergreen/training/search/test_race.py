from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial

import numpy as np
import pandas as pd
import pytest

from evergreen import features, training
from evergreen.metrics import find_metric
from evergreen.spec import ModelSpec
from evergreen.training.fit import Finished, Matrices
from evergreen.training.search import halving
from evergreen.training.search.folds import Folds
from evergreen.training.search.mixing import mix
from evergreen.training.search.proposing import Proposing
from evergreen.training.search.race import Race

FIT = {"families": ["lightgbm", "linear"], "cross_validate": "never"}


def problem(task: str = "binary", **settings: object) -> training.Problem:
    model = ModelSpec.model_validate(
        {"model": "m", "data": {"source": "s", "target": {"column": "y"}}, "training": FIT | settings}
    )
    classes = ("0", "1") if task == "binary" else ()
    transformer_for = partial(features.row_features, model, ["x", "z"])
    return training.Problem(model.training, task, classes, transformer_for, threads=2)


def rows(n: int = 500, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=n), rng.normal(size=n)
    return pd.DataFrame({"x": x, "z": z, "__target": x * np.where(z > 0, 1, -1) + rng.normal(size=n) > 0})


class Slow:
    """A clock that fits move: so many seconds for each thousand rows; looking at it costs nothing."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
        self.now, self.fits = 0.0, list[tuple[str, int]]()
        from evergreen.training.search import folds

        def fit_on(recipe: training.Recipe, matrices: Matrices, watch: object) -> Finished:
            took = seconds * len(matrices.train) / 1000
            self.now += took
            self.fits.append((recipe.name, len(matrices.train)))
            rng = np.random.default_rng(len(self.fits))
            return Finished(recipe, rng.random(len(matrices.tuning)), took)

        monkeypatch.setattr(folds, "fit_on", fit_on)

    def __call__(self) -> float:
        return self.now


def test_a_search_leaves_time_to_fit_what_it_finds_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Slow(monkeypatch, 2.0)
    budget = timedelta(seconds=60)
    for refits in (0, 1):
        clock.now, began = 0.0, len(clock.fits)
        found = training.find_recipe(rows(1000), rows(seed=1), problem(budget=budget), clock, refits=refits)
        members = len(found.recipe.members) or 1
        assert clock.now + refits * 2.2 * members <= 1.1 * 60
        assert clock.now >= 0.6 * 60
        assert len(clock.fits) - began > 10


def test_a_large_table_meets_its_candidates_on_a_part_of_the_rows_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(halving, "LARGE", 3000)
    monkeypatch.setattr(halving, "_PART", 500)
    clock = Slow(monkeypatch, 2.0)
    found = training.find_recipe(rows(4000), rows(seed=1), problem(budget=timedelta(seconds=90)), clock)
    sizes = [size for _, size in clock.fits]
    few = sizes[0]
    assert 500 <= few <= 502  # the first row of each class is always among them
    assert sizes == sorted(sizes)
    assert sizes.count(few) > 10
    assert {len(one.tuning) for one in found.finished} == {500}
    assert 1 <= len(found.finished) == sizes.count(4000)
    assert clock.now <= 1.1 * 90


def test_the_first_candidate_of_a_large_table_is_one_that_all_rows_leave_time_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(halving, "_PART", 500)
    clock = Slow(monkeypatch, 2.0)
    race = Race(Folds(rows(4000), rows(seed=1), problem(max_candidates=6)), clock, 30.0)
    recipes = training.candidates("binary", ["lightgbm"], 4000, 2, 0)
    chosen = halving.ranked(race, rows(4000), rows(seed=1), recipes)
    assert 1 <= len(chosen) <= 4
    assert all(one.params["n_estimators"] == 2000 for one in chosen)
    assert not race.done


def test_a_large_table_is_not_left_to_what_is_quick_and_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    from evergreen.training.search import folds

    monkeypatch.setattr(halving, "_PART", 500)
    clock = Slow(monkeypatch, 0.0)

    def fit_on(recipe: training.Recipe, matrices: Matrices, watch: object) -> Finished:
        boosts = recipe.family == "lightgbm"
        clock.now += 2.0 if boosts else 0.1
        target = matrices.tuning["__target"].to_numpy(dtype=float)
        return Finished(recipe, target if boosts else 1 - target, 2.0 if boosts else 0.1)

    monkeypatch.setattr(folds, "fit_on", fit_on)
    learned = problem(search="portfolio", families=["lightgbm", "linear"])
    race = Race(Folds(rows(4000), rows(seed=1), learned), clock, 60.0)
    recipes = training.candidates("binary", ["lightgbm", "linear"], 4000, 2, 0)
    # All boosting takes longer on all rows than there is: the best still goes first, and is kept as far as it comes.
    assert halving.ranked(race, rows(4000), rows(seed=1), recipes)[0].family == "lightgbm"


class Kept:
    """Finished candidates in memory."""

    def __init__(self) -> None:
        self.found: dict[str, Finished] = {}

    def recall(self, recipe: training.Recipe, to_beat: float | None) -> Finished | None:
        return self.found.get(f"{recipe.to_json()}{to_beat!r}")

    def keep(self, recipe: training.Recipe, to_beat: float | None, finished: Finished) -> None:
        self.found[f"{recipe.to_json()}{to_beat!r}"] = finished


def test_a_search_of_a_large_table_that_goes_on_remembers_what_a_part_of_the_rows_showed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(halving, "LARGE", 3000)
    monkeypatch.setattr(halving, "_PART", 500)
    clock, memory = Slow(monkeypatch, 2.0), Kept()
    learned = problem(budget=timedelta(seconds=90), search="portfolio")
    first = training.find_recipe(rows(4000), rows(seed=1), learned, clock, memory)
    fits, clock.now = list(clock.fits), 0.0
    again = training.find_recipe(rows(4000), rows(seed=1), learned, clock, memory)
    # What the time did not allow for before comes on top; nothing is fitted twice.
    assert len({size for _, size in fits}) == 2
    assert not set(clock.fits[len(fits) :]) & set(fits)
    assert len(again.finished) >= len(first.finished)


def test_promising_candidates_of_few_rows_meet_again_on_every_row_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Slow(monkeypatch, 0.1)
    learned = problem(cross_validate="auto", budget=timedelta(seconds=20))
    found = training.find_recipe(rows(2000), rows(400, seed=1), learned, clock, refits=1)
    one_part = [name for name, size in clock.fits if size == 2000]
    in_turn = [name for name, size in clock.fits if size == 1920]
    assert len(one_part) > 10
    assert len(in_turn) > 5 * 5
    assert clock.fits.index((in_turn[0], 1920)) == len(one_part)
    assert {len(one.tuning) for one in found.finished} == {2400}
    assert set(in_turn[: 5 * 5]) <= set(one_part)
    assert clock.now <= 1.1 * 20


def test_where_time_is_short_one_tuning_part_has_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Slow(monkeypatch, 1.0)
    learned = problem(cross_validate="auto", budget=timedelta(seconds=20))
    found = training.find_recipe(rows(2000), rows(400, seed=1), learned, clock, refits=1)
    assert {len(one.tuning) for one in found.finished} == {400}
    assert 0.6 * 20 <= clock.now <= 1.1 * 20


def test_an_ensemble_is_chosen_from_a_few_of_each_family() -> None:
    race = Race(Folds(rows(), rows(seed=1), problem()), lambda: 0.0, 1e9)
    line = training.candidates("binary", ["linear"], 500, 2, 0)[0]
    boosted = training.candidates("binary", ["lightgbm"], 500, 2, 0)[0]
    rng = np.random.default_rng(0)
    signal = race.target + rng.normal(size=500)
    for number, recipe in enumerate([line] * 5 + [boosted] * 12):
        race.done.append(Finished(recipe, signal + rng.normal(size=500) * (1 + number / 10), 0.0))
        race.values.append(find_metric("roc_auc").value(race.target, race.done[-1].tuning))
    families = [one.recipe.family for one in race.pool]
    assert (families.count("linear"), families.count("lightgbm")) == (3, 8)
    mixed = mix(race, 500)
    assert mixed is not None
    assert len(mixed[0].members) > 1
    assert find_metric("roc_auc").value(race.target, mixed[1]) > max(race.values)


def test_folds_fitted_several_at_a_time_give_the_bits_of_one_after_the_other() -> None:
    from evergreen.training.search import folds

    learned = problem(cross_validate="auto", budget=timedelta(days=9))
    recipe = training.candidates("binary", ["lightgbm"], 500, 2, 0)[0]
    found = []
    for threads in (1, 2, 4):
        several = replace(learned, threads=threads)
        found.append(folds.Folds(rows(), rows(200, seed=1), several).fit(recipe, folds.Watch()))
    assert len({one.tuning.tobytes() for one in found}) == 1
    assert len({one.recipe for one in found}) == 1
    assert len(found[0].tuning) == 700


def test_bins_are_made_once_for_all_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    import lightgbm

    made = itertools.count()

    def counted(*args: object, **kwargs: object) -> Iterator[object]:
        next(made)
        return real(*args, **kwargs)

    real = lightgbm.Dataset
    monkeypatch.setattr(lightgbm, "Dataset", counted)
    learned = problem(families=["lightgbm"], max_candidates=5, budget=timedelta(days=9))
    found = training.find_recipe(rows(), rows(seed=1), learned, lambda: 0.0)
    assert len(found.finished) == 5
    assert next(made) == 2


def test_what_learns_ratios_is_tried_where_a_quantity_is_skewed() -> None:
    from evergreen.training.search.portfolio import is_skewed

    rng = np.random.default_rng(0)
    assert is_skewed(np.exp(rng.normal(size=300)))
    assert not is_skewed(rng.normal(size=300))
    assert not is_skewed(rng.uniform(1, 2, size=300))
    every = {one.name for one in training.candidates("regression", ["lightgbm", "mlp"], 500, 2, 0, skewed=True)}
    plain = {one.name for one in training.candidates("regression", ["lightgbm", "mlp"], 500, 2, 0)}
    assert every - plain == {"lightgbm-ratio", "mlp-log"}


def test_of_many_classes_large_steps_begin_and_of_very_many_what_does_not_boost() -> None:
    from evergreen.training.search.portfolio import first_of_many

    budget = timedelta(seconds=30)
    families = ["lightgbm", "extra_trees"]
    for n_classes, names in ((26, ["lightgbm-brisk", "extra-trees"]), (200, ["extra-trees", "lightgbm-brisk"])):
        first = first_of_many(16_000, 16, n_classes, budget)
        recipes = training.candidates("multiclass", families, 16_000, 16, 0, first=first, n_classes=n_classes)
        assert [one.name for one in recipes[:2]] == names
    assert not first_of_many(16_000, 16, 2, budget)
    assert "lightgbm-brisk" not in {one.name for one in training.candidates("multiclass", families, 16_000, 16, 0)}


def test_a_proposal_that_takes_too_long_ends_no_search(monkeypatch: pytest.MonkeyPatch) -> None:
    from evergreen.training.search import folds
    from evergreen.training.watch import OutOfTime, Watch

    clock = Slow(monkeypatch, 2.0)
    quick, tried = folds.fit_on, list[str]()

    def fit_on(recipe: training.Recipe, matrices: Matrices, watch: Watch) -> Finished:
        tried.append(recipe.name)
        if recipe.name == "lightgbm-1":
            clock.now += 1.0
            raise OutOfTime
        return quick(recipe, matrices, watch)

    monkeypatch.setattr(folds, "fit_on", fit_on)
    race = Race(Folds(rows(), rows(seed=1), problem(families=["lightgbm"])), clock, 60.0)
    race.run(training.candidates("binary", ["lightgbm"], 500, 2, 0)[:2])
    Proposing(race).go_on()
    assert tried[2] == "lightgbm-1"
    assert len(tried) > 20
    assert len(race.done) == len(tried) - 1
    assert clock.now <= 61.0


def test_boosting_that_will_not_get_there_in_time_is_given_up_early() -> None:
    from evergreen.training.watch import OutOfTime, Watch

    ticks = itertools.count(0.0, 1.0)
    seen: list[float] = []

    def clock() -> float:
        seen.append(next(ticks))
        return seen[-1]

    recipe = training.candidates("binary", ["lightgbm"], 500, 2, 0)[0].with_params(learning_rate=0.01)
    folds = Folds(rows(), rows(seed=1), problem())
    with pytest.raises(OutOfTime):
        folds.fit(recipe, Watch(clock, 900.0, way=50.0))
    assert len(seen) < 50
