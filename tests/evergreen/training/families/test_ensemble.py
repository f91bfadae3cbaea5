from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest
import skops.io
from numpy.typing import NDArray

from evergreen import features, training
from evergreen.arrays import Floats
from evergreen.io.registry.models import trusted_types
from evergreen.metrics import find_metric
from evergreen.spec import ModelSpec
from evergreen.training.families.ensemble import Price, honest_gains, select

SMALL = {"lightgbm": {"n_estimators": 20}, "extra_trees": {"n_estimators": 10}, "random_forest": {"n_estimators": 10}}
RNG = np.random.default_rng(0)
TRUTH = RNG.normal(size=400)
ROWS = np.arange(400)
#: Three that err independently, and one that is far off.
GOOD = [TRUTH + RNG.normal(size=400) for _ in range(3)]
BAD = TRUTH + 5 * RNG.normal(size=400)


def score(rows: NDArray[np.int64], prediction: Floats) -> float:
    return -float(np.mean((TRUTH[rows] - prediction) ** 2))


def test_models_that_err_independently_are_mixed_and_a_bad_one_is_not() -> None:
    weights = select([*GOOD, BAD], [Price(1.0)] * 4, score, ROWS, 5, 10.0)
    assert sum(weights.values()) == 1
    assert set(weights) == {0, 1, 2}
    mixed = sum(weight * GOOD[at] for at, weight in weights.items())
    assert score(ROWS, mixed) > max(score(ROWS, one) for one in GOOD) + 0.3


def test_members_and_their_cost_stay_within_their_bounds() -> None:
    assert len(select(GOOD, [Price(1.0)] * 3, score, ROWS, 2, 10.0)) == 2
    best = int(np.argmax([score(ROWS, one) for one in GOOD]))
    assert select(GOOD, [Price(2.0)] * 3, score, ROWS, 5, 3.0) == {best: 1.0}


def test_each_fit_of_a_bag_is_a_member() -> None:
    assert len(select(GOOD, [Price(1.0, 3)] * 3, score, ROWS, 8, 10.0)) == 2
    assert len(select(GOOD, [Price(1.0, 3)] * 3, score, ROWS, 9, 10.0)) == 3


def test_a_gain_counts_only_on_rows_that_did_not_choose() -> None:
    parts = np.array_split(ROWS, 4)
    assert min(honest_gains(GOOD, [Price(1.0)] * 3, score, parts, 5, 3.0)) > 0.2
    noise = [TRUTH + 0.01 * RNG.normal(size=400)] * 2
    assert honest_gains(noise, [Price(1.0)] * 2, score, parts, 5, 3.0) == pytest.approx([0.0] * 4, abs=1e-12)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_an_ensemble_of_all_kinds_is_stored_explained_and_drawn_like_any_model(task: str) -> None:
    rng = np.random.default_rng(0)
    x, city = rng.normal(size=300), rng.choice(["Rome", "Oslo"], 300)
    signal = x + (city == "Rome")
    target = {"binary": signal > 0.5, "multiclass": np.digitize(signal, [0, 1]), "regression": signal}[task]
    rows = pd.DataFrame({"x": x, "city": city, "__target": target})
    model = ModelSpec.model_validate({"model": "m", "data": {"source": "s", "target": {"column": "y"}}})
    y, classes = training.encode_target(rows["__target"], task)
    transformer_for = partial(features.row_features, model, ["x", "city"])
    problem = training.Problem(model.training, task, tuple(classes), transformer_for)
    every = training.candidates(task, model.training.families, 300, 2, 0)
    members = [recipe.with_params(**SMALL.get(recipe.family, {})) for recipe in every]
    pipeline = training.refit(training.Recipe.mixing(members, [1 / len(members)] * len(members)), rows, problem)
    found = training.predict(pipeline, task, rows, len(classes))
    loaded = skops.io.loads(skops.io.dumps(pipeline), trusted=trusted_types())
    assert training.predict(loaded, task, rows, len(classes)).tobytes() == found.tobytes()
    explained = training.explain(pipeline, task, rows[:1], classes)
    assert not explained.adds_up
    assert {one.name for one in explained.contributions} == {"x", "city"}
    importances = training.permutation_importance(
        pipeline, task, rows, y, lambda truth, p: find_metric("log_loss" if p.ndim > 1 else "rmse").value(truth, p) * -1
    )
    assert set(importances) == {"x", "city"}
    assert training.tree_shap(pipeline, rows) is None
    drawn = training.partial_dependence(pipeline, task, rows, ["x", "city"], len(classes))
    assert [one.name for one in drawn] == ["x", "city"]
