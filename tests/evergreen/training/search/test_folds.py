from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from evergreen import features, training
from evergreen.spec import ModelSpec
from evergreen.training.search.folds import Folds, may_take_turns

N = 600


def rows(kinds: Any = None) -> pd.DataFrame:
    """Six hundred rows, ten a day, whose label is known a day after the event."""
    rng = np.random.default_rng(0)
    times = pd.Series(pd.date_range("2024-01-01", periods=N, freq="144min", tz="UTC"))
    x = rng.normal(size=N)
    label = (x + rng.normal(size=N) > 0).astype(int).astype(str) if kinds is None else kinds
    return pd.DataFrame(
        {"x": x, "__time": times, "__cut_off": times, "__known_at": times + timedelta(days=1),
         "__day": (times - times.min()).dt.days, "__target": label}
    )  # fmt: skip


def problem(task: str = "binary", classes: tuple[str, ...] = ("0", "1"), **settings: Any) -> training.Problem:
    settings = {"families": ["lightgbm", "linear"], "budget": "5min", "max_candidates": 6} | settings
    data = {"source": "s", "time": "when", "target": {"column": "y"}}
    spec = ModelSpec.model_validate({"model": "m", "data": data, "training": settings})
    return training.Problem(spec.training, task, classes, partial(features.row_features, spec, ["x"]))  # type: ignore[arg-type]


def test_each_step_is_predicted_from_what_was_known_before_its_first_cut_off() -> None:
    frame = rows()
    shuffled = frame.sample(frac=1, random_state=0)
    folds = Folds(shuffled[:480], shuffled[480:], problem(), in_turn=True)
    assert folds.count == 5
    judged = []
    for _, matrices in folds.parts:
        first = matrices.tuning["__cut_off"].min()
        assert (matrices.train["__known_at"] <= first).all()
        assert not set(matrices.train["__day"]) & set(matrices.tuning["__day"])
        assert len(matrices.train) == (frame["__known_at"] <= first).sum()
        judged += matrices.tuning["x"].tolist()
    assert judged == frame["x"].tolist()[-len(judged) :]
    assert 0.5 * N < len(judged) <= 0.6 * N + 10
    assert folds.target.tolist() == frame["__target"].astype(float).tolist()[-len(judged) :]
    assert folds.blocks.tolist() == frame["__day"].tolist()[-len(judged) :]


def test_a_small_table_with_a_time_is_searched_on_its_newest_part_and_of_a_large_one_the_tuning_part_says_enough() -> (
    None
):
    frame = rows()
    found = training.find_recipe(frame[:480], frame[480:], problem(), lambda: 0.0)
    assert {len(one.tuning) for one in found.finished} == {360}
    alone = training.find_recipe(frame[:480], frame[480:], problem(cross_validate="never"), lambda: 0.0)
    assert {len(one.tuning) for one in alone.finished} == {120}
    assert may_take_turns(5000, True, problem())
    assert not may_take_turns(5001, True, problem())
    assert may_take_turns(5001, False, problem())


def test_steps_before_which_few_rows_or_few_of_a_class_are_known_are_left_out() -> None:
    kinds = np.where(np.arange(N) % 2, "a", "b").astype(object)
    kinds[300:480:9] = "rare"
    frame = rows(kinds.astype(str))
    asked = problem("multiclass", ("a", "b", "rare"))
    folds = Folds(frame[:480], frame[480:], asked, in_turn=True)
    assert [matrices.tuning["__day"].min() for _, matrices in folds.parts] == [45, 52]
    late = frame.assign(__known_at=frame["__time"] + timedelta(days=20))
    folds = Folds(late[:480], late[480:], problem("multiclass", ("a", "b", "rare")), in_turn=True)
    assert folds.count == 1
    assert len(folds.target) == 120
    twos = late.assign(__target=rows()["__target"])
    folds = Folds(twos[:480], twos[480:], problem(), in_turn=True)
    assert [matrices.tuning["__day"].min() for _, matrices in folds.parts] == [38, 45, 52]
    assert min(len(matrices.train) for _, matrices in folds.parts) >= 150


def test_a_small_table_of_a_rare_class_and_one_of_late_labels_are_searched_by_families_that_need_some_rows() -> None:
    families = ["linear_svm", "neighbours", "naive_bayes", "linear", "extra_trees"]
    asked: dict[str, Any] = {"families": families, "max_candidates": 6, "search": "portfolio"}
    frame = rows(np.where(np.isin(np.arange(N), [20, 150, *range(250, 600, 14)]), "1", "0"))
    assert training.find_recipe(frame[:480], frame[480:], problem(**asked), lambda: 0.0).value > 0
    late = rows(np.arange(N) % 7 + rows()["x"].to_numpy())
    late = late.assign(__known_at=late["__time"] + timedelta(days=23))
    train = late[:480][late["__known_at"][:480] <= late["__cut_off"][480:].min()]
    assert training.find_recipe(train, late[480:], problem("regression", (), **asked), lambda: 0.0).value > 0
