"""A metric of one's own: one class and one entry in the table, and every stage knows it."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest

from evergreen.arrays import Floats
from evergreen.errors import SpecError
from evergreen.evaluation import evaluate, paired
from evergreen.features import row_features
from evergreen.handoffs import TARGET
from evergreen.metrics import METRICS, find_metric
from evergreen.metrics.sums import Mean
from evergreen.monitoring import estimate, fit_estimator
from evergreen.spec import ModelSpec
from evergreen.statistics import metric_interval
from evergreen.training import Problem, find_recipe, predict, refit


class Within(Mean):
    """The share of predictions within 1 of the target."""

    name, tasks = "within", ("regression",)
    greater_is_better, most = True, 1.0
    estimated_from: Literal["means"] = "means"

    def loss(self, target: Floats, prediction: Floats) -> Floats:
        """1 where the prediction is near."""
        return (np.abs(target - prediction) <= 1).astype(np.float64)


@pytest.fixture(autouse=True)
def _in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METRICS, "within", Within())


def spec_of(**training: Any) -> ModelSpec:
    data = {"source": "x", "target": {"column": "y"}}
    return ModelSpec.model_validate({"model": "m", "data": data, "training": training})


def test_candidates_are_chosen_by_it_and_judged_by_it() -> None:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"x": rng.normal(size=600), "z": rng.normal(size=600)})
    rows[TARGET] = 4 * rows["x"] + rng.normal(size=600)
    spec = spec_of(task="regression", metric="within", families=["linear", "naive_bayes", "lightgbm"],
                   max_candidates=2, search="portfolio", ensemble="never", cross_validate="never")  # fmt: skip
    problem = Problem(spec.training, "regression", (), partial(row_features, spec, ("x", "z"), task="regression"))
    found = find_recipe(rows.iloc[:400], rows.iloc[400:500], problem, lambda: 0.0)
    tuning = rows[TARGET].iloc[400:500]
    assert found.value == max(find_metric("within").value(tuning, one.tuning) for one in found.finished)
    rest = rows.iloc[500:]
    ours = predict(refit(found.recipe, rows.iloc[:500], problem), "regression", rest)
    evidence = paired("regression", "within", rest[TARGET], ours, np.zeros(100), None, "trivial")
    assert evidence.ours.value == evidence.values["within"] > 0.5
    assert evidence.gain.low > 0  # greater is better


def test_a_spec_its_interval_and_its_estimate_know_it() -> None:
    rng = np.random.default_rng(1)
    prediction = rng.uniform(0, 5, 4000)
    target = prediction + rng.normal(0, 0.2 + prediction / 2)
    assert evaluate("regression", target, prediction).values["within"] == np.mean(np.abs(target - prediction) <= 1)
    interval = metric_interval("within", target, prediction)
    assert 0 <= interval.low < interval.value < interval.high <= 1
    estimator = fit_estimator("regression", "within", target, prediction)
    low = prediction < 1  # where it is more often near
    assert estimate(estimator, prediction[low]).value == pytest.approx(
        np.mean(np.abs(target - prediction)[low] <= 1), abs=0.1
    )
    with pytest.raises(ValueError, match="within does not fit a binary model"):
        spec_of(task="binary", metric="within")
    with pytest.raises(SpecError, match="did you mean within"):
        find_metric("withn")
