from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import Pipeline

from evergreen import features, training
from evergreen.errors import UsageError
from evergreen.spec import ModelSpec

SPEC = ModelSpec.model_validate({"model": "m", "data": {"source": "s", "target": {"column": "y"}}})
CLASSES = {"binary": ("0", "1"), "multiclass": ("0", "1", "2"), "regression": ()}
RNG = np.random.default_rng(0)
ROWS = pd.DataFrame(
    {"x": RNG.normal(size=600), "noise": RNG.normal(size=600), "city": RNG.choice(["Rome", "Oslo", "Bonn"], 600)}
)
ROWS.loc[::7, "noise"] = np.nan
SIGNAL = 2 * ROWS["x"] + 2 * (ROWS["city"] == "Rome") + RNG.normal(size=600)
TARGETS = {"binary": SIGNAL > 0, "multiclass": np.digitize(SIGNAL, [-1, 1]), "regression": SIGNAL}


def fitted(family: str, task: Any) -> Pipeline:
    recipe = training.candidates(task, (family,), 600, 3, seed=0)[0]  # type: ignore[arg-type]
    if family != "linear":
        recipe = recipe.with_params(n_estimators=30)
    return training.refit(recipe, ROWS.assign(__target=np.asarray(TARGETS[task], dtype=float)), problem(task))


def problem(task: Any) -> training.Problem:
    return training.Problem(SPEC.training, task, CLASSES[task], partial(features.row_features, SPEC, list(ROWS)))


def raw(pipeline: Pipeline, family: str, task: str, row: pd.DataFrame) -> np.ndarray:
    model, matrix = pipeline.named_steps["model"], pipeline.named_steps["rows"].transform(row)
    if task == "regression":
        return np.atleast_1d(model.predict(matrix))
    if family == "lightgbm":
        scores = model.predict(matrix, raw_score=True)
    else:
        scores = model.estimator.decision_function(model.widened(matrix))
    return np.atleast_1d(np.squeeze(scores))


@pytest.mark.parametrize("family", ["lightgbm", "linear"])
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_contributions_add_up_to_the_raw_score(family: str, task: Any) -> None:
    pipeline = fitted(family, task)
    for at in (0, 1, 7):
        row = ROWS.iloc[[at]]
        found = training.explain(pipeline, task, row, CLASSES[task])
        score = raw(pipeline, family, task, row)
        assert found.adds_up
        assert found.score == pytest.approx(found.expected_score + sum(part.amount for part in found.contributions))
        assert found.score == pytest.approx(score.max() if task == "multiclass" else score[0])
        predicted = training.predict(pipeline, task, row, len(CLASSES[task]))[0]
        assert found.prediction == pytest.approx(np.max(predicted))
        sizes = [abs(part.amount) for part in found.contributions]
        assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize("family", ["lightgbm", "linear", "random_forest", "extra_trees"])
def test_the_input_that_matters_comes_first_and_inputs_are_those_of_the_table(family: str) -> None:
    row = pd.DataFrame({"x": [2.5], "noise": [0.0], "city": ["Oslo"]})
    found = training.explain(fitted(family, "binary"), "binary", row, ("no", "yes"))
    assert found.label == "yes"
    assert {part.name for part in found.contributions} == {"x", "noise", "city"}
    first = found.contributions[0]
    assert (first.name, first.value) == ("x", "2.5")
    assert first.amount > 0


def test_a_forest_is_explained_by_replacing_values_and_says_that_it_does_not_add_up() -> None:
    pipeline = fitted("random_forest", "regression")
    row = ROWS.iloc[[3]]
    found = training.explain(pipeline, "regression", row)
    assert not found.adds_up
    assert "does not add up" in found.method
    typical = row.assign(x=float(ROWS["x"].median()))
    change = training.predict(pipeline, "regression", row)[0] - training.predict(pipeline, "regression", typical)[0]
    assert {part.name: part.amount for part in found.contributions}["x"] == pytest.approx(change)


def test_of_two_classes_that_a_model_knows_of_three_either_can_be_explained() -> None:
    kept = np.flatnonzero(TARGETS["multiclass"] != 1)
    recipe = training.candidates("multiclass", ("lightgbm",), 400, 3, seed=0)[0].with_params(n_estimators=20)
    rows = ROWS.assign(__target=TARGETS["multiclass"]).iloc[kept]
    pipeline = training.refit(recipe, rows, problem("multiclass"))
    labels = set()
    for at in range(20):
        found = training.explain(pipeline, "multiclass", ROWS.iloc[[at]], CLASSES["multiclass"])
        assert found.prediction == pytest.approx(1 / (1 + np.exp(-found.score)))
        labels.add(found.label)
    assert labels == {"0", "2"}


def test_rows_that_share_a_key_are_refused() -> None:
    with pytest.raises(UsageError, match="2 rows share this key"):
        training.explain(fitted("linear", "binary"), "binary", ROWS.iloc[:2], ("0", "1"))


@pytest.mark.parametrize("family", ["lightgbm", "linear", "extra_trees"])
def test_all_that_was_made_of_an_input_counts_for_it(family: str) -> None:
    # Means of labels beside a code, parts of a text, the calendar of a time: each one input.
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        {
            "shop": pd.Series(rng.integers(0, 60, 1200)).map("s{}".format),
            "note": [
                " ".join(rng.choice(["good", "bad", "late", "soon", "never"], 5)) + f" {at}" for at in range(1200)
            ],
            "made": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 9000, 1200), unit="h"),
        }
    )
    target = rows["shop"].isin([f"s{at}" for at in range(30)]) ^ (rng.random(1200) < 0.1)
    recipe = training.candidates("binary", (family,), 1200, 3, seed=0)[0]  # type: ignore[arg-type]
    recipe = recipe if family == "linear" else recipe.with_params(n_estimators=30)
    asked = training.Problem(SPEC.training, "binary", ("0", "1"), partial(features.row_features, SPEC, list(rows)))
    pipeline = training.refit(recipe, rows.assign(__target=target.astype(float)), asked)
    assert len(pipeline.named_steps["rows"].columns_) > 10
    found = training.explain(pipeline, "binary", rows.iloc[[3]], ("0", "1"))
    assert {part.name for part in found.contributions} == {"shop", "note", "made"}
    assert family == "extra_trees" or found.contributions[0].name == "shop"
    (curve,) = training.partial_dependence(pipeline, "binary", rows, ["shop", "note", "made"], max_rows=200)
    assert curve.name == "shop"
    assert curve.grid == tuple(pipeline.named_steps["rows"].levels_["shop"][:12])
