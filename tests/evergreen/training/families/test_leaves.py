import gc
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import lightgbm
import numpy as np
import pytest

from evergreen.training.families import leaves, prediction
from evergreen.training.families.leaves import Leaves, leaves_of
from evergreen.training.families.trees import splits_of, trees_of

Floats = np.ndarray[Any, np.dtype[Any]]

MANY = 12_000


def _rows(n: int, seed: int = 0) -> Floats:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6)).astype(np.float32)
    x[:, 1] = rng.integers(0, 4, n)  # ties at thresholds
    x[:, 2] = rng.integers(0, 70, n)  # codes of levels, over more than two words of a set
    x[:, 3] = np.where(rng.random(n) < 0.3, np.nan, x[:, 3])
    x[:, 4] = np.where(rng.random(n) < 0.5, 0, x[:, 4])
    return x


def _boosted(task: str, leaves: int, rounds: int = 45, gaps: bool = True, **settings: Any) -> Any:
    x = _rows(3000)
    if not gaps:
        x = np.nan_to_num(x)
    noise = np.random.default_rng(1).normal(size=len(x))
    y = x[:, 0] * np.nan_to_num(x[:, 3]) + np.sin(x[:, 2]) + (x[:, 1] == 2) + x[:, 4] + noise
    kind: Any = lightgbm.LGBMRegressor if task == "regression" else lightgbm.LGBMClassifier
    classes = {"binary": 2, "multiclass": 5, "many classes": 30}.get(task)
    if classes:
        y = np.searchsorted(np.quantile(y, np.linspace(0, 1, classes + 1)[1:-1]), y)
    model = kind(n_estimators=rounds, num_leaves=leaves, min_child_samples=3, verbosity=-1, n_jobs=1, **settings)
    return model.fit(x, y, categorical_feature=[2])


def _by_lightgbm(model: Any, x: Floats, step: int) -> Floats:
    booster = model.booster_
    total = np.zeros((len(x), booster.num_model_per_iteration()))
    for first in range(0, booster.current_iteration(), step):
        part = booster.predict(x, raw_score=True, start_iteration=first, num_iteration=step)
        total += part.reshape(total.shape)
    return total


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("most", [2, 7, 16, 31, 64, 65, 150])
@pytest.mark.parametrize("gaps", [True, False])
def test_sums_have_the_bits_of_lightgbm(task: str, most: int, gaps: bool) -> None:
    model = _boosted(task, most, rounds=12 if most > 31 else 45, gaps=gaps)
    x = _rows(2501, seed=3)
    x[:50] = np.float32(1e-36)
    x[50:80] = -3.7  # of levels none that was seen
    x[80:85], x[85:90] = 1e7, -0.4  # LightGBM cuts the latter to level 0
    x[90:100] = np.nan
    for step in (1, 4, 100):
        made = leaves._made(model.booster_, model.booster_.current_iteration(), step)
        assert made is not None
        np.testing.assert_array_equal(made.sums(x), _by_lightgbm(model, x, step))


@pytest.mark.parametrize("task", ["binary", "multiclass", "many classes"])
def test_a_row_has_the_same_bits_alone_and_among_many(task: str) -> None:
    model, x = _boosted(task, 31, rounds=12), _rows(MANY, seed=5)
    many = prediction.in_halves(model, model.predict_proba, x)
    booster = model.booster_
    assert isinstance(leaves._KNOWN[booster][1], leaves.Leaves)
    for part in (slice(0, 1), slice(7, 9), slice(0, 1999), slice(0, 2048), slice(5000, 9097), slice(0, 11_999)):
        np.testing.assert_array_equal(prediction.in_halves(model, model.predict_proba, x[part]), many[part])


def test_trees_are_made_ready_only_after_as_many_rows_as_pay_for_it() -> None:
    model = _boosted("regression", 15)
    asked = [leaves_of(model.booster_, 45, 100, 4000) is not None for _ in range(4)]
    assert asked == [False, False, True, True]
    assert leaves_of(model.booster_, 20, 100, 4000) is None  # of other rounds nothing is known


def test_only_the_rounds_that_predict_are_added_up() -> None:
    model, x = _boosted("regression", 15), _rows(2500)
    made = leaves_of(model.booster_, 20, 100, MANY)
    assert made is not None
    np.testing.assert_array_equal(made.sums(x)[:, 0], model.booster_.predict(x, raw_score=True, num_iteration=20))


def test_trees_without_a_split_say_what_they_say() -> None:
    x, y = _rows(300), np.zeros(300)
    y[:150] = 1
    model: Any = lightgbm.LGBMClassifier(n_estimators=4, min_child_samples=3, verbosity=-1, n_jobs=1).fit(
        np.ones_like(x), y
    )
    assert leaves_of(model.booster_, 4, 4, MANY) is None
    shrunk: Any = lightgbm.LGBMRegressor(n_estimators=9, min_split_gain=40.0, learning_rate=0.9, verbosity=-1, n_jobs=1)
    shrunk.fit(x, x[:, 0])
    made = leaves._made(shrunk.booster_, shrunk.booster_.current_iteration(), 3)
    assert made is None or np.array_equal(made.sums(x), _by_lightgbm(shrunk, x, 3))


def test_what_lightgbm_does_as_well_is_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).normal(size=(600, 400)).astype(np.float32)
    wide: Any = lightgbm.LGBMRegressor(n_estimators=60, verbosity=-1, n_jobs=1, min_child_samples=3).fit(
        x, x.sum(axis=1)
    )
    assert leaves_of(wide.booster_, 60, 60, MANY) is None
    assert leaves_of(_boosted("binary", 15, zero_as_missing=True).booster_, 45, 45, MANY) is None
    assert leaves_of(_boosted("regression", 15, linear_tree=True).booster_, 45, 45, MANY) is None
    monkeypatch.setattr(leaves, "_MOST_BYTES", 1000)
    assert leaves_of(_boosted("binary", 15).booster_, 45, 45, MANY) is None


def test_a_booster_that_is_gone_takes_its_words_with_it() -> None:
    model = _boosted("regression", 15)
    made = weakref.ref(leaves_of(model.booster_, 45, 45, MANY))
    assert made() is not None
    del model
    gc.collect()
    assert made() is None


def test_threads_that_ask_at_once_get_the_same() -> None:
    model, x = _boosted("multiclass", 15), _rows(MANY)
    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(lambda _: prediction.in_halves(model, model.predict_proba, x), range(4))
    for one in others:
        np.testing.assert_array_equal(one, first)


@pytest.mark.parametrize(("task", "most"), [("binary", 31), ("many classes", 7), ("regression", 100)])
def test_what_words_will_take_up_is_known_before_they_are_made(task: str, most: int) -> None:
    booster = _boosted(task, most, rounds=12).booster_
    trees = trees_of(booster, 12)
    n_words = -(-most // 63) if most > 64 else 1
    bits = 64 if most > 32 else 32 if most > 16 else 8
    made = Leaves(splits_of(trees, bits, n_words), booster.num_model_per_iteration(), 5)
    built = sum(words.nbytes for lookup in made.lookups for words in lookup.words)
    assert built == leaves._rows_of_words(trees) * len(trees.leaves) * n_words * bits // 8
