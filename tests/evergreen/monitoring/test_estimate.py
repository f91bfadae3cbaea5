from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from evergreen.arrays import Floats
from evergreen.metrics import METRICS, find_metric
from evergreen.monitoring import (
    ASSUMPTION,
    Estimator,
    build_profile,
    describe,
    estimate,
    estimator_from_json,
    estimator_to_json,
    fit_estimator,
    why_unknown,
)

ROWS = 10_000
START = datetime(2026, 1, 1, tzinfo=UTC)
OF_CLASSES = sorted(name for name, metric in METRICS.items() if metric.estimated_from == "chances")


def sure(log_odds: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-log_odds)))


def binary(seed: int, rows: int = ROWS, shift: float = 0.0, sign: float = 1.0) -> tuple[Floats, Floats]:
    """Target and the predictions of an over-confident model; ``shift`` moves the input, ``sign`` turns the relation."""
    rng = np.random.default_rng(seed)
    x = rng.normal(shift, 1, rows)
    target = (rng.random(rows) < sure(sign * x - 0.5)).astype(np.float64)
    return target, sure(1.8 * x - 0.4)


def regression(seed: int, rows: int = ROWS, shift: float = 0.0, noise: float = 1.0) -> tuple[Floats, Floats]:
    """Target and predictions whose error grows with the prediction."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(1, 5, rows) if not shift else rng.uniform(1 + shift, 5, rows)
    return x + rng.normal(0, 0.15 * noise * x), x


def multiclass(seed: int, shift: float = 0.0) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(ROWS, 3)) * 1.2 + [shift, 0, 0]
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    target = (rng.random(ROWS)[:, None] > np.cumsum(chances, axis=1)).sum(axis=1).clip(max=2)
    sharper = chances**1.5
    return target.astype(np.float64), sharper / sharper.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("metric", OF_CLASSES)
@pytest.mark.parametrize("classes", [2, 4])
def test_the_metric_of_rows_known_for_sure_is_the_metric(metric: str, classes: int) -> None:
    rng = np.random.default_rng(3)
    target = rng.integers(0, classes, 300)
    scores = rng.dirichlet(np.ones(classes), 300).round(2)  # with ties
    scores[:, -1] = 1 - scores[:, :-1].sum(axis=1)
    prediction = scores[:, 1] if classes == 2 else scores
    expected = find_metric(metric).from_chances(np.eye(classes)[target], prediction)
    assert expected == pytest.approx(find_metric(metric).value(target, prediction), abs=1e-12)


@pytest.mark.parametrize("metric", OF_CLASSES)
def test_the_estimate_follows_the_metric_when_the_rows_change(metric: str) -> None:
    estimator = fit_estimator("binary", metric, *binary(1))
    target, predictions = binary(2, 20_000, shift=0.8)
    was, realised = find_metric(metric).value(*binary(1)), find_metric(metric).value(target, predictions)
    found = estimate(estimator, predictions)
    assert abs(found.value - realised) < max(abs(was - realised) / 2, 0.012)


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss", "brier", "accuracy", "f1"])
def test_the_estimate_follows_the_metric_of_several_classes(metric: str) -> None:
    estimator = fit_estimator("multiclass", metric, *multiclass(1))
    target, predictions = multiclass(2, shift=1.0)
    assert abs(estimate(estimator, predictions).value - find_metric(metric).value(target, predictions)) < 0.02


@pytest.mark.parametrize("metric", ["mae", "rmse", "r2", "mape", "pinball"])
def test_the_estimate_follows_the_loss_of_quantities(metric: str) -> None:
    estimator = fit_estimator("regression", metric, *regression(1))
    target, predictions = regression(2, 20_000, shift=2.0)
    was, realised = find_metric(metric).value(*regression(1)), find_metric(metric).value(target, predictions)
    assert abs(estimate(estimator, predictions).value - realised) < max(abs(was - realised) / 3, 0.01)


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss", "mae"])
def test_on_the_reference_itself_the_estimate_is_the_realised_value(metric: str) -> None:
    target, predictions = regression(1) if metric == "mae" else binary(1)
    estimator = fit_estimator("regression" if metric == "mae" else "binary", metric, target, predictions)
    assert estimate(estimator, predictions).value == pytest.approx(find_metric(metric).value(target, predictions))


def test_under_concept_change_it_is_wrong_and_says_that_it_cannot_know() -> None:
    estimator = fit_estimator("binary", "roc_auc", *binary(1))
    target, predictions = binary(2, sign=0.0)
    found = estimate(estimator, predictions)
    assert find_metric("roc_auc").value(target, predictions) < 0.55
    assert found.low > 0.68
    assert describe(estimator, predictions).endswith(ASSUMPTION)
    assert "cannot know" in ASSUMPTION


def test_a_louder_loss_at_equal_predictions_and_inputs_is_not_seen_either() -> None:
    estimator = fit_estimator("regression", "mae", *regression(1))
    target, predictions = regression(2, noise=2.0)
    assert find_metric("mae").value(target, predictions) > 1.8 * estimate(estimator, predictions).value
    assert "cannot know" in describe(estimator, predictions)


def uneven(seed: int, loud: float = 0.2, rows: int = ROWS) -> tuple[pd.DataFrame, Floats, Floats]:
    """Inputs, target and predictions whose error depends on an input and a level, and not on the prediction."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"age": rng.uniform(0, 1, rows), "kind": rng.choice(["a", "b"], rows, p=[1 - loud, loud])})
    prediction = rng.uniform(1, 5, rows)
    error = np.where(frame["kind"] == "b", 1.0, 0.1) * (0.5 + frame["age"].to_numpy())
    return frame, prediction + rng.normal(0, 1, rows) * error, prediction


def looking(metric: str, seed: int = 1) -> Estimator:
    frame, target, prediction = uneven(seed)
    windows = np.arange(ROWS) // 500
    cells = build_profile(frame, ["age", "kind"], (), np.zeros(ROWS, np.int64), [(START, START + timedelta(days=1))])
    return fit_estimator("regression", metric, target, prediction, windows, (frame, cells.columns))


@pytest.mark.parametrize("metric", ["mae", "rmse", "r2"])
def test_a_loss_that_depends_on_the_inputs_is_followed_where_they_are_looked_at(metric: str) -> None:
    estimator = looking(metric)
    frame, target, prediction = uneven(2, loud=0.7)
    realised, kept = find_metric(metric).value(target, prediction), find_metric(metric).value(*uneven(1)[1:])
    found = estimate(estimator, prediction, frame)
    assert abs(found.value - realised) < abs(kept - realised) / 10
    # The predictions alone are as they were, and say so; a column that is gone counts as missing.
    assert abs(estimate(estimator, prediction).value - kept) < abs(kept - realised) / 5
    assert np.isfinite(estimate(estimator, prediction, frame[["age"]]).value)


def test_the_interval_holds_the_realised_loss_of_windows_where_inputs_are_looked_at() -> None:
    estimator, held = looking("rmse"), []
    for seed in range(100, 160):
        frame, target, prediction = uneven(seed, loud=0.2 + 0.5 * (seed % 2), rows=1000)
        found = estimate(estimator, prediction, frame)
        held.append(found.low <= find_metric("rmse").value(target, prediction) <= found.high)
    assert np.mean(held) > 0.85


def test_inputs_that_say_nothing_about_the_loss_are_left_out() -> None:
    rng, (target, prediction) = np.random.default_rng(5), regression(1)
    frame = pd.DataFrame({"noise": rng.normal(size=ROWS)})
    cells = build_profile(frame, ["noise"], (), np.zeros(ROWS, np.int64), [(START, START + timedelta(days=1))])
    looks = (frame, cells.columns)
    assert fit_estimator("regression", "mae", target, prediction, np.arange(ROWS) // 500, looks).losses is None


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss", "f1"])
def test_the_interval_holds_the_realised_value_of_windows_of_independent_rows(metric: str) -> None:
    estimator = fit_estimator("binary", metric, *binary(1))
    held = []
    for seed in range(100, 200):
        target, predictions = binary(seed, 1_000)
        interval = estimate(estimator, predictions)
        held.append(interval.low <= find_metric(metric).value(target, predictions) <= interval.high)
    assert np.mean(held) >= 0.88


def test_windows_that_differ_widen_the_interval_and_rows_alone_do_not_see_it() -> None:
    rng = np.random.default_rng(4)

    def window() -> tuple[Floats, Floats]:
        x = rng.normal(size=500)
        return (rng.random(500) < sure(x + rng.normal(0, 1.0))).astype(np.float64), sure(x)

    parts = [window() for _ in range(26)]
    target, predictions = (np.concatenate(side) for side in zip(*parts, strict=True))
    blind = fit_estimator("binary", "log_loss", target, predictions)
    seeing = fit_estimator("binary", "log_loss", target, predictions, np.repeat(np.arange(26), 500))
    assert seeing.by_window > 0
    live = [window() for _ in range(100)]

    def coverage(estimator: Estimator) -> float:
        intervals = [estimate(estimator, scores) for _, scores in live]
        values = [find_metric("log_loss").value(*each) for each in live]
        return float(np.mean([i.low <= value <= i.high for i, value in zip(intervals, values, strict=True)]))

    assert coverage(seeing) >= 0.88
    assert coverage(blind) < 0.8


def test_too_few_windows_give_a_value_without_an_interval() -> None:
    target, predictions = binary(1)
    found = estimate(fit_estimator("binary", "brier", target, predictions, np.arange(ROWS) % 3), predictions)
    assert np.isfinite(found.value)
    assert np.isnan([found.low, found.high]).all()


@pytest.mark.parametrize(
    ("estimator", "reason"),
    [
        (fit_estimator("binary", "mae", *binary(1)), "mae of a binary model cannot be estimated"),
        (fit_estimator("regression", "roc_auc", *regression(1)), "roc_auc of a regression model cannot be estimated"),
        (fit_estimator("binary", "brier", *binary(1, 150)), "150 labelled rows, under 200"),
        (fit_estimator("binary", "brier", np.ones(500), np.full(500, 0.5)), "all labelled rows .* of class 1"),
        (fit_estimator("regression", "mape", np.zeros(500), np.ones(500)), "mape is undefined on the reference"),
    ],
)
def test_what_cannot_be_estimated_is_nan_and_says_why(estimator: Estimator, reason: str) -> None:
    assert np.isnan(estimate(estimator, np.full(300, 0.5)).value)
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(describe(estimator, np.full(300, 0.5)))


def test_rows_without_a_label_are_left_out_of_the_reference() -> None:
    target, predictions = binary(1)
    gaps = np.where(np.arange(2 * ROWS) < ROWS, np.resize(target, 2 * ROWS), np.nan)
    assert fit_estimator("binary", "brier", gaps, np.resize(predictions, 2 * ROWS)) == fit_estimator(
        "binary", "brier", target, predictions
    )


def test_no_rows_and_missing_predictions_have_no_estimate() -> None:
    estimator = fit_estimator("binary", "brier", *binary(1))
    assert why_unknown(estimator, []) == "there are no rows"
    assert why_unknown(estimator, [0.5, np.nan]) == "a prediction is missing"
    assert np.isnan(estimate(estimator, [0.5, np.nan]).value)


def test_predictions_that_are_all_alike_teach_one_point() -> None:
    target, _ = binary(1)
    estimator = fit_estimator("binary", "log_loss", target, np.full(ROWS, 0.4))
    realised = find_metric("log_loss").value(target, np.full(ROWS, 0.4))
    assert estimate(estimator, np.full(50, 0.4)).value == pytest.approx(realised)


def test_an_estimator_that_looks_at_inputs_comes_back_from_json_as_it_was() -> None:
    estimator = looking("rmse")
    assert estimator.losses is not None
    again = estimator_from_json(estimator_to_json(estimator))
    assert again == estimator
    frame, _, prediction = uneven(2)
    assert estimate(again, prediction, frame) == estimate(estimator, prediction, frame)


def test_an_estimator_comes_back_from_json_as_it_was() -> None:
    estimator = fit_estimator("multiclass", "f1", *multiclass(1))
    assert estimator_from_json(estimator_to_json(estimator)) == estimator
