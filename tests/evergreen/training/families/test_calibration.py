from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import numpy as np
import pandas as pd
import pytest
import skops.io

from evergreen import features, training
from evergreen.handoffs import ModelVersion
from evergreen.io.registry.models import trusted_types
from evergreen.metrics import find_metric
from evergreen.spec import Costs, ModelSpec
from evergreen.training.families.calibration import calibrate, calibrated, cost, threshold_for

RNG = np.random.default_rng(0)
TRUE = RNG.beta(1, 3, size=4000)
TARGET = (RNG.random(4000) < TRUE).astype(float)
ROWS = np.arange(4000)
ODDS = np.log(TRUE / (1 - TRUE))


def test_probabilities_that_are_too_sure_are_bent_back() -> None:
    sure = 1 / (1 + np.exp(-3 * ODDS))
    found = calibrate(TARGET, sure, ROWS)
    assert found[0] == pytest.approx(1 / 3, abs=0.05)
    bent = calibrated(sure, found)
    assert find_metric("log_loss").value(TARGET, bent) < find_metric("log_loss").value(TARGET, sure) - 0.05
    assert find_metric("roc_auc").value(TARGET, bent) == find_metric("roc_auc").value(TARGET, sure)


def test_true_probabilities_stay_as_they_are() -> None:
    assert calibrate(TARGET, TRUE, ROWS) == ()
    assert calibrated(TRUE, ()) is TRUE


def test_a_few_rows_move_nothing() -> None:
    assert calibrate(TARGET[:100], 1 / (1 + np.exp(-3 * ODDS[:100])), ROWS[:100]) == ()


def test_several_classes_are_cooled_by_one_temperature() -> None:
    scores = RNG.normal(size=(3000, 3))
    true = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    target = (RNG.random(3000)[:, None] > true.cumsum(axis=1)).sum(axis=1).astype(float)
    sure = np.exp(2 * scores) / np.exp(2 * scores).sum(axis=1, keepdims=True)
    found = calibrate(target, sure, np.arange(3000))
    assert found[0] == pytest.approx(0.5, abs=0.1)
    np.testing.assert_allclose(calibrated(sure, found).sum(axis=1), 1)


def test_a_dear_miss_lowers_the_threshold_and_what_errors_cost() -> None:
    costs = Costs(false_positive=1, false_negative=5)
    found = threshold_for(TARGET, TRUE, costs, ROWS)
    assert found == pytest.approx(1 / 6, abs=0.05)
    assert cost(TARGET, TRUE, found, costs) < cost(TARGET, TRUE, 0.5, costs)


def test_a_version_decides_by_the_threshold_of_its_recipe() -> None:
    def version(recipe: dict[str, object]) -> ModelVersion:
        return ModelVersion("m", 1, "", "", "", json.dumps(recipe), None, datetime(2026, 1, 1, tzinfo=UTC))

    assert version({"threshold": 0.2}).threshold == 0.2
    assert version({}).threshold == 0.5


def test_a_calibrated_model_is_stored_and_explained_as_it_predicts() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=400), "z": rng.normal(size=400)})
    frame["__target"] = frame["x"] + rng.normal(size=400) > 0
    model = ModelSpec.model_validate({"model": "m", "data": {"source": "s", "target": {"column": "y"}}})
    problem = training.Problem(model.training, "binary", ("0", "1"), partial(features.row_features, model, ["x", "z"]))
    for family in ("lightgbm", "linear", "extra_trees"):
        plain = training.candidates("binary", [family], 400, 2, 0)[0]  # type: ignore[list-item]
        plain = plain.with_params(n_estimators=20) if family != "linear" else plain
        bent = replace(plain, calibration=(0.5, 0.2))
        pipeline = training.refit(training.Recipe.from_json(bent.to_json()), frame, problem)
        found = training.predict(pipeline, "binary", frame)
        uncalibrated = training.predict(training.refit(plain, frame, problem), "binary", frame)
        np.testing.assert_allclose(found, calibrated(uncalibrated, (0.5, 0.2)))
        np.testing.assert_allclose(pipeline.predict_proba(frame)[:, 1], found)
        loaded = skops.io.loads(skops.io.dumps(pipeline), trusted=trusted_types())
        assert training.predict(loaded, "binary", frame).tobytes() == found.tobytes()
        explained = training.explain(pipeline, "binary", frame[:1], ("no", "yes"))
        assert explained.prediction == pytest.approx(found[0])
        if explained.adds_up:
            total = explained.expected_score + sum(one.amount for one in explained.contributions)
            assert 1 / (1 + np.exp(-total)) == pytest.approx(found[0], abs=1e-6)
