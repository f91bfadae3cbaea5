"""Quantiles, counts and amounts as estimators: in order, in proportion, and stored without pickle."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from pydantic import ValidationError
from sklearn.datasets import load_diabetes

from evergreen.errors import DataError, TrainingError
from evergreen.features import row_features
from evergreen.handoffs import TARGET
from evergreen.io.registry.models import trusted_types
from evergreen.metrics import find_metric
from evergreen.spec import ModelSpec
from evergreen.training import (
    Problem,
    Recipe,
    candidates,
    encode_target,
    find_recipe,
    fit_candidate,
    predict,
    refit,
)
from evergreen.training.families.quantiles import shifts_for

LEVELS = ("0.1", "0.5", "0.9")
RNG = np.random.default_rng(0)
ROWS = pd.DataFrame(
    {"x": RNG.normal(size=1200), "kind": RNG.choice(["a", "b"], 1200), "days": RNG.uniform(0.2, 3.0, 1200)}
)
MEANS = ROWS["days"] * np.exp(0.5 * ROWS["x"] + (ROWS["kind"] == "a"))


def problem_of(task: Any, inputs: tuple[str, ...], **settings: Any) -> Problem:
    spec = ModelSpec.model_validate(
        {"model": "m", "data": {"source": "x", "target": {"column": "y"}}, "training": {"task": task, **settings}}
    )
    classes = LEVELS if task == "quantile" else ()
    return Problem(spec.training, task, classes, partial(row_features, spec, inputs, task=task))


def recipes(task: Any, *names: str) -> list[Recipe]:
    every = candidates(task, ("lightgbm", "linear", "random_forest"), 900, 2, 0)
    return [one for one in every if one.name in names]


def test_quantiles_of_a_real_table_are_in_order_and_cover_what_they_say() -> None:
    data = load_diabetes(as_frame=True)  # Efron et al. 2004, shipped with scikit-learn
    rows = data.frame.rename(columns={"target": TARGET}).sample(frac=1, random_state=0)
    train, rest = rows.iloc[:300], rows.iloc[300:]
    trivial = np.tile(np.quantile(train[TARGET], [0.1, 0.5, 0.9]), (len(rest), 1))
    for family in ("lightgbm", "linear"):
        problem = problem_of("quantile", tuple(data.feature_names), families=[family], max_candidates=1,
                             search="portfolio", ensemble="never")  # fmt: skip
        found = find_recipe(train.iloc[:240], train.iloc[240:], problem, lambda: 0.0)
        said = predict(refit(found.recipe, train, problem), "quantile", rest, 3)
        assert said.shape == (142, 3)
        assert (np.diff(said, axis=1) >= 0).all()
        loss = find_metric(problem.metric).value(rest[TARGET], said)
        assert loss < find_metric(problem.metric).value(rest[TARGET], trivial)
        assert 0.65 < find_metric("coverage").value(rest[TARGET], said) < 0.9  # boosting that is not moved: 0.54


def test_quantiles_that_cover_too_little_are_moved_and_true_ones_are_not() -> None:
    target = RNG.normal(size=2000)
    metric, parts = "pinball_10_50_90", np.arange(2000) // 20
    narrow = np.tile([-0.5, 0.0, 0.5], (2000, 1))
    moved = shifts_for((0.1, 0.5, 0.9), metric, target, narrow, parts)
    assert moved == pytest.approx((-0.78, 0.0, 0.78), abs=0.1)
    best = np.quantile(target, [0.1, 0.5, 0.9])
    assert shifts_for((0.1, 0.5, 0.9), metric, target, np.tile(best, (2000, 1)), parts) == ()
    assert shifts_for((0.1, 0.5, 0.9), metric, target[:100], narrow[:100], parts[:100]) == ()


@pytest.mark.parametrize("task", ["count", "amount"])
def test_a_mean_is_in_proportion_to_its_exposure_and_near_the_truth(task: str) -> None:
    counts = RNG.poisson(MEANS).astype(float)
    target = counts if task == "count" else counts * RNG.gamma(2.0, 0.5, 1200)
    rows = ROWS.assign(**{TARGET: target})
    problem = problem_of(task, ("x", "kind"), exposure="days")
    train, rest = rows.iloc[:900], rows.iloc[900:]
    for recipe in recipes(task, "lightgbm", "linear", "random-forest"):
        pipeline = fit_candidate(recipe, train.iloc[:700], train.iloc[700:], problem).pipeline
        said = predict(pipeline, task, rest)  # type: ignore[arg-type]
        doubled = predict(pipeline, task, rest.assign(days=2 * rest["days"]))  # type: ignore[arg-type]
        assert doubled == pytest.approx(2 * said)
        assert np.corrcoef(said, MEANS.iloc[900:])[0, 1] > 0.85
        assert said.sum() == pytest.approx(MEANS.iloc[900:].sum(), rel=0.15)


def test_what_predicts_is_stored_without_pickle_and_predicts_the_same() -> None:
    rows = ROWS.assign(**{TARGET: RNG.poisson(MEANS).astype(float)})
    for task, settings in (("quantile", {}), ("count", {"exposure": "days"})):
        problem = problem_of(task, ("x", "kind"), **settings)
        single = [one.with_params(n_estimators=20) if one.family == "lightgbm" else one
                  for one in recipes(task, "lightgbm", "linear")]  # fmt: skip
        moved = Recipe.from_json(
            Recipe(single[0].name, single[0].family, single[0].params_json, shifts=(-1.0, 0.0, 1.0)).to_json()
        )
        for recipe in (*single, Recipe.mixing(single, [0.5, 0.5]), *([moved] if task == "quantile" else [])):
            pipeline = refit(recipe, rows, problem)
            again = skops.io.loads(skops.io.dumps(pipeline), trusted=trusted_types())
            said = predict(pipeline, task, rows, 3)  # type: ignore[arg-type]
            assert np.array_equal(said, again.predict(rows))  # as a server would ask it


def test_a_row_without_exposure_is_named() -> None:
    rows = ROWS.assign(**{TARGET: RNG.poisson(MEANS).astype(float)})
    problem = problem_of("count", ("x", "kind"), exposure="days")
    pipeline = refit(recipes("count", "linear")[0], rows, problem)
    with pytest.raises(DataError, match=r"training.exposure: days: 1 rows hold no number above 0 \(first: 0.0\)"):
        predict(pipeline, "count", rows.assign(days=rows["days"].where(rows.index != 3, 0.0)))


def test_numbers_below_zero_are_no_counts() -> None:
    with pytest.raises(TrainingError, match="holds -2; task: count needs numbers from 0 up"):
        encode_target(pd.Series([1.0, -2.0]), "count")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"task": "quantile", "quantiles": [0.9, 0.1]}, "ascending"),
        ({"quantiles": [0.2, 0.8]}, "write task: quantile"),
        ({"task": "count", "power": 1.2}, "write task: amount"),
        ({"task": "regression", "exposure": "days"}, "write task: count, or task: amount"),
        ({"half_life": "30d"}, "write window: weighted"),
    ],
)
def test_a_setting_that_does_not_fit_the_task_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ModelSpec.model_validate(
            {"model": "m", "data": {"source": "x", "target": {"column": "y"}}, "training": settings}
        )


def _amounts(power: float, means: Any, days: Any) -> Any:
    """Compound Poisson amounts of these means a day, whose variance grows by a power of the mean (Jørgensen 1987)."""
    rng = np.random.default_rng(1)
    counts = rng.poisson(days * means ** (2 - power) / (2 - power))
    shape = (2 - power) / (power - 1)
    return rng.gamma(np.maximum(counts, 1) * shape, (power - 1) * means ** (power - 1)) * (counts > 0)


@pytest.mark.parametrize("power", [1.2, 1.5, 1.8])
def test_the_power_of_an_amount_is_found_on_the_training_rows(power: float) -> None:
    rng = np.random.default_rng(2)
    x, days = rng.uniform(-2, 2, 6000), rng.uniform(0.5, 2.0, 6000)
    rows = pd.DataFrame({"x": x, "kind": "a", "days": days, TARGET: _amounts(power, np.exp(x), days)})
    problem = problem_of("amount", ("x",), exposure="days", power="auto", families=["linear", "lightgbm"],
                         max_candidates=2, search="portfolio", ensemble="never")  # fmt: skip
    found = find_recipe(rows.iloc[:4800], rows.iloc[4800:], problem, lambda: 0.0)
    assert found.recipe.params.get("power", 1.5) == pytest.approx(power, abs=0.15)
    assert {one.recipe.params.get("power", 1.5) for one in found.finished} == {found.recipe.params.get("power", 1.5)}


def test_the_power_of_the_spec_reaches_the_loss() -> None:
    rows = ROWS.assign(**{TARGET: _amounts(1.5, np.exp(ROWS["x"].to_numpy()), ROWS["days"].to_numpy())})
    made = []
    for power in (1.1, 1.9):
        problem = problem_of("amount", ("x",), power=power, families=["lightgbm"], max_candidates=1,
                             search="portfolio", cross_validate="never")  # fmt: skip
        found = find_recipe(rows.iloc[:900], rows.iloc[900:], problem, lambda: 0.0)
        made.append(refit(found.recipe, rows, problem))
    for power, pipeline in zip((1.1, 1.9), made, strict=True):
        assert f"[tweedie_variance_power: {power}]" in pipeline.named_steps["model"].booster_.model_to_string()
