from __future__ import annotations

from datetime import timedelta
from functools import partial

import numpy as np
import pandas as pd
import pytest

from evergreen import features, training
from evergreen.errors import TrainingError
from evergreen.spec import ModelSpec
from evergreen.training import Recipe
from evergreen.training.families.kinds.lightgbm import MAX_ROUNDS
from evergreen.training.search.champion_recipe import remembered, still_does


def problem(**settings: object) -> training.Problem:
    given = {"cross_validate": "never", "families": ["lightgbm", "linear"], "budget": timedelta(days=9)} | settings
    model = ModelSpec.model_validate(
        {"model": "m", "data": {"source": "s", "target": {"column": "y"}}, "training": given}
    )
    return training.Problem(model.training, "binary", ("0", "1"), partial(features.row_features, model, ["x", "z"]))


def rows(n: int = 600, seed: int = 0, weight: float = 2.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=n), rng.normal(size=n)
    return pd.DataFrame({"x": x, "z": z, "__target": weight * x + rng.normal(size=n) > 0})


def champion() -> Recipe:
    one = training.candidates("binary", ["lightgbm"], 600, 2, 0)[0].with_params(n_estimators=60, num_leaves=5)
    return Recipe(one.name, one.family, one.params_json, calibration=(2.0, 0.1), threshold=0.3)


def test_the_champions_recipe_is_tried_first_and_finds_its_rounds_anew() -> None:
    found = training.find_recipe(
        rows(), rows(seed=1), problem(max_candidates=3, ensemble="never"), lambda: 0.0, first=champion()
    )
    first = found.finished[0].recipe
    assert first.name == "champion-1"
    assert first.params["num_leaves"] == 5
    assert first.params["n_estimators"] not in (60, MAX_ROUNDS)
    assert (first.calibration, first.threshold) == ((), 0.5)


def test_members_of_a_champion_come_first_each_once_where_their_family_is_allowed() -> None:
    line = next(one for one in training.candidates("binary", ["linear"], 600, 2, 0))
    forest = training.candidates("binary", ["extra_trees"], 600, 2, 0)[0]
    mixed = Recipe.mixing([champion(), line, forest], [0.5, 0.3, 0.2])
    found = remembered(mixed, [line], problem())
    assert [one.name for one in found] == ["champion-1", "champion-2"]
    assert remembered(None, [line], problem()) == [line]


def test_a_recipe_that_still_does_what_it_did_is_kept_and_one_that_does_not_is_not() -> None:
    line = training.candidates("binary", ["linear"], 600, 2, 0)[0]
    before = 0.9
    assert still_does(line, rows(), rows(seed=1), problem(), before)
    assert not still_does(line, rows(weight=0.2), rows(seed=1, weight=0.2), problem(), before)


def test_a_prediction_only_rises_with_a_monotone_input() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, 800)
    frame = pd.DataFrame(
        {"x": x, "z": rng.normal(size=800), "__target": np.sin(2 * x) + 0.3 * rng.normal(size=800) > 0}
    )
    learned = problem(monotone={"x": 1}, max_candidates=4)
    found = training.find_recipe(frame[:600], frame[600:], learned, lambda: 0.0)
    assert {one.recipe.family for one in found.finished} == {"lightgbm"}
    line = pd.DataFrame({"x": np.linspace(-2, 2, 50), "z": 0.0})
    drawn = training.predict(training.refit(found.recipe, frame, learned), "binary", line)
    assert (np.diff(drawn) >= 0).all()
    free = training.refit(found.recipe, frame, problem())
    assert (np.diff(training.predict(free, "binary", line)) < 0).any()


def test_a_direction_for_what_is_no_input_is_refused_by_name() -> None:
    with pytest.raises(TrainingError, match=r"training\.monotone\.zz: no such input; did you mean z"):
        training.refit(champion(), rows(), problem(monotone={"zz": 1}))


def test_weights_by_class_move_what_is_learned_and_a_strange_class_is_refused() -> None:
    line = training.candidates("binary", ["linear"], 600, 2, 0)[0]
    heavy = problem(class_weight={"1": 5.0})
    weighted = Recipe(line.name, line.family, line.params_json, heavy.class_weight)
    plain = training.predict(training.refit(line, rows(), problem()), "binary", rows(seed=1))
    moved = training.predict(training.refit(weighted, rows(), heavy), "binary", rows(seed=1))
    assert moved.mean() > plain.mean() + 0.05
    strange = Recipe(line.name, line.family, line.params_json, problem(class_weight={"yes": 2.0}).class_weight)
    with pytest.raises(TrainingError, match=r"training\.class_weight\.yes: no such class"):
        training.refit(strange, rows(), problem())
