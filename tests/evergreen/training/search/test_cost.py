from __future__ import annotations

import numpy as np
import pytest

from evergreen import training
from evergreen.training.families.family import Shape
from evergreen.training.fit import Finished
from evergreen.training.search.cost import expected_seconds, expected_way

SHAPE = Shape(20_000, 10)


def boosted(rounds: int, **params: object) -> training.Recipe:
    recipe = training.candidates("regression", ["lightgbm"], 20_000, 10, 0)[0]
    return recipe.with_params(n_estimators=rounds, **params)


def finished(recipe: training.Recipe, seconds: float, is_cut: bool = False) -> Finished:
    return Finished(recipe, np.zeros(1), seconds, is_cut)


def test_nothing_is_expected_of_a_family_that_nothing_is_known_of() -> None:
    linear = training.candidates("regression", ["linear"], 20_000, 10, 0)[0]
    cut = finished(boosted(300), 5.0, is_cut=True)
    bag = training.Recipe.mixing([boosted(300)], [1.0])
    for done in ([], [finished(linear, 1.0)], [cut]):
        assert expected_seconds(boosted(2000), done, SHAPE) is None
        assert expected_way(boosted(2000), done) == 0
    assert expected_seconds(bag, [finished(boosted(300), 5.0)], SHAPE) is None


def test_what_was_fitted_is_expected_to_take_as_long_again() -> None:
    recipe = boosted(300, learning_rate=0.05)
    assert expected_seconds(recipe, [finished(recipe, 7.0)], SHAPE) == pytest.approx(7.0)
    linear = training.candidates("regression", ["linear"], 20_000, 10, 0)[0]
    assert expected_seconds(linear, [finished(linear, 0.5)], SHAPE) == pytest.approx(0.5)


def test_small_steps_more_leaves_and_all_inputs_take_longer() -> None:
    done = [finished(boosted(300, learning_rate=0.05), 6.0)]
    seconds = [
        expected_seconds(boosted(2000, learning_rate=0.05) if not changed else boosted(2000, **changed), done, SHAPE)
        for changed in ({"learning_rate": 0.2}, {}, {"learning_rate": 0.02}, {"num_leaves": 255})
    ]
    assert seconds[0] < seconds[1] < seconds[2]
    assert seconds[1] < seconds[3]
    drawn = expected_seconds(boosted(2000, colsample_bytree=0.3), done, SHAPE)
    assert drawn < seconds[1]


def test_all_rows_take_longer_than_a_part_of_them_and_deserve_more_rounds() -> None:
    all_rows = Shape(200_000, 10)
    for name in ("lightgbm", "linear"):
        recipe = training.candidates("regression", [name], 20_000, 10, 0)[0]
        done = [finished(recipe.with_params(n_estimators=300) if name == "lightgbm" else recipe, 1.0)]
        seconds = expected_seconds(recipe, done, SHAPE, all_rows)
        assert 5 < seconds <= 15
