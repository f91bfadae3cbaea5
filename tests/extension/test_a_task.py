"""A kind of task of one's own: one class and one entry in the table, and every stage knows it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from evergreen import scoring
from evergreen.arrays import Floats
from evergreen.errors import TrainingError
from evergreen.evaluation import evaluate, figures, paired, trivial_prediction
from evergreen.features import row_features
from evergreen.handoffs import KEY, TARGET
from evergreen.learning_tasks import DECISION, PREDICTION, TASKS
from evergreen.learning_tasks.regression import OfNumbers
from evergreen.metrics import Watched
from evergreen.monitoring import fit_estimator
from evergreen.spec import ModelSpec, json_schema
from evergreen.training import Problem, encode_target, find_recipe, predict, refit


class Rating(OfNumbers):
    """Stars from 1 to 5: a prediction is their mean, (n,), and what is decided is a whole number of them."""

    name, metric = "rating", "mae"
    more_metrics = ("mae", "rmse", "r2")
    objective, watched = "regression", Watched("rmse", "rmse")

    def encode(self, series: pd.Series, classes: Sequence[str] | None = None) -> tuple[Floats, tuple[str, ...]]:
        """The number of stars."""
        stars, none = super().encode(series, classes)
        if not np.isin(stars[~np.isnan(stars)], range(1, 6)).all():
            raise TrainingError("task: rating needs whole numbers from 1 to 5")
        return stars, none

    def of_numbers(self, numbers: Floats) -> Floats:
        """Never outside the scale."""
        return np.clip(numbers, 1, 5)

    def baseline(self, target: Floats, n: int, *_: Any, **__: Any) -> Floats:
        """The median."""
        return np.full(n, np.median(target))

    def ledger(self, prediction: Floats, classes: Sequence[str], threshold: float) -> dict[str, Any]:
        """The mean, and the nearest number of stars."""
        return {PREDICTION: prediction, DECISION: np.round(prediction)}

    def figures(self, truth: Floats, prediction: Floats, classes: Sequence[str] | None = None) -> dict[str, Figure]:
        """How far off it is."""
        from evergreen.figures.quantities import residuals

        return {"residuals": residuals(truth, prediction)}


@pytest.fixture(autouse=True)
def _in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TASKS, "rating", Rating())


def rows_of(rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({KEY: np.arange(rows).astype(str), "x": rng.normal(size=rows), "z": rng.normal(size=rows)})
    return table.assign(**{TARGET: np.clip(np.round(3 + 1.5 * table["x"] + 0.3 * rng.normal(size=rows)), 1, 5)})


def spec_of(**training: Any) -> ModelSpec:
    data = {"source": "x", "target": {"column": "y"}}
    return ModelSpec.model_validate({"model": "m", "data": data, "training": {"task": "rating", **training}})


def test_it_is_trained_judged_and_written_to_the_ledger() -> None:
    rows, spec = rows_of(600), spec_of(max_candidates=3, search="portfolio", ensemble="never")
    problem = Problem(spec.training, "rating", (), partial(row_features, spec, ("x", "z"), task="rating"))
    assert problem.metric == "mae"
    found = find_recipe(rows.iloc[:400], rows.iloc[400:500], problem, lambda: 0.0)
    rest = rows.iloc[500:]
    ours = predict(refit(found.recipe, rows.iloc[:500], problem), "rating", rest)
    assert ours.min() >= 1
    assert ours.max() <= 5
    target, _ = encode_target(rest[TARGET], "rating")
    constant = trivial_prediction("rating", rows[TARGET].iloc[:500], len(rest))
    evidence = paired("rating", "mae", target, ours, constant, None, "trivial")
    assert evidence.gain.low > 0
    assert set(evidence.values) == set(evaluate("rating", target, ours).values) == {"mae", "rmse", "r2"}
    version: Any = SimpleNamespace(task="rating", classes=(), threshold=0.5, version=1, fitted_until=None)
    ledger = scoring.predictions(rest, ours, version, (), pd.Timestamp("2026-01-01", tz="UTC"))
    assert set(ledger[DECISION]) <= {1.0, 2.0, 3.0, 4.0, 5.0}
    assert (scoring.values(ledger, version) == ours).all()
    assert "residuals" in figures("rating", target, ours)


def test_a_spec_names_it_and_labels_that_it_cannot_learn_are_refused() -> None:
    assert "rating" in str(json_schema())
    with pytest.raises(ValueError, match="did you mean rating"):
        spec_of(task="ratings")
    with pytest.raises(ValueError, match="poisson_deviance does not fit a rating model; choose from mae, rmse, r2"):
        spec_of(metric="poisson_deviance")
    with pytest.raises(TrainingError, match="whole numbers from 1 to 5"):
        encode_target(pd.Series([1, 2, 6]), "rating")


def test_its_metric_is_estimated_without_labels() -> None:
    rng = np.random.default_rng(2)
    prediction = rng.uniform(1, 5, 1000)
    assert not fit_estimator("rating", "mae", prediction + rng.normal(size=1000), prediction).reason
