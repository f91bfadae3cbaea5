from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import Pipeline

from evergreen import features, training
from evergreen.spec import ModelSpec

SPEC = ModelSpec.model_validate({"model": "m", "data": {"source": "s", "time": "at", "target": {"column": "y"}}})
RNG = np.random.default_rng(0)
N = 800
ROWS = pd.DataFrame(
    {
        "x": RNG.normal(size=N),
        "noise": RNG.normal(size=N),
        "city": RNG.choice(["Rome", "Oslo", "Bonn"], N, p=[0.5, 0.3, 0.2]),
        "__time": pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(RNG.integers(0, 60 * 1440, N), unit="min"),
    }
)
MORNING = ROWS["__time"].dt.hour < 12
TARGET = (ROWS["x"] + 2 * MORNING + (ROWS["city"] == "Rome") + RNG.normal(size=N) * 0.5 > 1.5).to_numpy(dtype=float)


def fitted(family: str) -> Pipeline:
    recipe = training.candidates("binary", (family,), N, 3, seed=0)[0]  # type: ignore[arg-type]
    if family != "linear":
        recipe = recipe.with_params(n_estimators=40)
    transformer_for = partial(features.row_features, SPEC, ["x", "noise", "city"])
    problem = training.Problem(SPEC.training, "binary", ("0", "1"), transformer_for)
    return training.refit(recipe, ROWS.assign(__target=TARGET), problem)


def hits(labels: Any, predicted: Any) -> float:
    return float(((predicted > 0.5) == labels).mean())


@pytest.mark.parametrize("family", ["lightgbm", "linear", "extra_trees"])
def test_the_calendar_is_shuffled_like_any_input_and_all_that_was_made_of_one_together(family: str) -> None:
    found = training.permutation_importance(fitted(family), "binary", ROWS, TARGET, hits)
    assert set(found) == {"x", "noise", "city", "minute_of_day", "weekday"}
    assert found["minute_of_day"] > 0.1
    assert found["noise"] < found["minute_of_day"] / 2


def test_tree_shap_gives_each_row_its_raw_score() -> None:
    pipeline = fitted("lightgbm")
    found = training.tree_shap(pipeline, ROWS, max_rows=N)
    assert found is not None
    assert found.contributions.shape == (N, len(found.names))
    matrix = pipeline.named_steps["rows"].transform(ROWS)
    raw = pipeline.named_steps["model"].predict(matrix, raw_score=True)
    assert np.ptp(raw - found.contributions.sum(axis=1)) == pytest.approx(0, abs=1e-9)
    assert np.isnan(found.values[:, found.names.index("city")]).all()


def test_tree_shap_is_for_boosted_trees_and_a_sample_of_them() -> None:
    assert training.tree_shap(fitted("linear"), ROWS) is None
    found = training.tree_shap(fitted("lightgbm"), ROWS, max_rows=50)
    assert found is not None
    assert len(found.values) == 50


@pytest.mark.parametrize("family", ["lightgbm", "linear", "extra_trees"])
def test_partial_dependence_is_the_mean_prediction_with_the_input_replaced(family: str) -> None:
    pipeline = fitted(family)
    number, city = training.partial_dependence(pipeline, "binary", ROWS, ["x", "city"], max_rows=N)
    assert len(number.grid) == 20
    assert number.means[-1] > number.means[0] + 0.2
    for curve, at in ((number, 5), (city, 1)):
        replaced = ROWS.assign(**{curve.name: curve.grid[at]})
        assert curve.means[at] == pytest.approx(training.predict(pipeline, "binary", replaced).mean(), abs=1e-6)
    assert city.grid == ("Rome", "Oslo", "Bonn")


def test_partial_dependence_takes_the_first_inputs_that_it_can_draw() -> None:
    names = ["weekday", "unknown", "minute_of_day", "x"]
    for family in ("lightgbm", "linear"):
        drawn = training.partial_dependence(fitted(family), "binary", ROWS, names, most=2)
        assert [curve.name for curve in drawn] == ["weekday", "minute_of_day"]
