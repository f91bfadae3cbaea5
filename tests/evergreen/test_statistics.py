from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
from sklearn import metrics as sk

from evergreen.errors import SpecError
from evergreen.statistics import METRIC_NAMES, metric_interval, metric_value, paired_interval
from evergreen.statistics.estimates import deletions

RNG = np.random.default_rng


def draw(rng: np.random.Generator, metric: str, days: int, rows: int, effect: float):
    """Rows of days that differ by an effect which no model knows."""
    day = np.repeat(np.arange(days), rows)
    known, unknown = rng.normal(size=len(day)), rng.normal(0, effect, days)[day]
    if metric == "rmse":
        return known + unknown + rng.normal(size=len(day)), known, day
    target = (rng.random(len(day)) < 1 / (1 + np.exp(0.5 - known - unknown))).astype(float)
    return target, 1 / (1 + np.exp(0.5 - known)), day


def coverage(metric: str, days: int, rows: int, effect: float, blocked: bool = True, draws: int = 1500) -> float:
    truth = metric_value(metric, *draw(RNG(99), metric, 200_000, 3, effect)[:2])
    rng, held = RNG(days), 0
    for _ in range(draws):
        target, prediction, day = draw(rng, metric, days, rows, effect)
        interval = metric_interval(metric, target, prediction, day if blocked else None)
        held += interval.low <= truth <= interval.high
    return held / draws


@pytest.mark.parametrize("days", [7, 14, 60])
@pytest.mark.parametrize("metric", ["roc_auc", "log_loss", "rmse"])
def test_intervals_over_days_hold_the_truth_as_often_as_they_say(metric: str, days: int) -> None:
    assert 0.93 <= coverage(metric, days, rows=30, effect=0.4) <= 0.97


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss", "rmse", "pr_auc"])
def test_intervals_over_independent_rows_hold_the_truth_as_often_as_they_say(metric: str) -> None:
    assert 0.93 <= coverage(metric, 60, rows=5, effect=0.0, blocked=False) <= 0.97


def test_taking_dependent_rows_for_independent_is_far_too_sure() -> None:
    assert coverage("log_loss", 14, rows=100, effect=0.6, blocked=False, draws=300) < 0.85


def test_equal_models_are_found_better_in_one_of_twenty_contests() -> None:
    rng, found, draws = RNG(3), 0, 2000
    for _ in range(draws):
        target, signal, day = draw(rng, "rmse", 7, 40, 0.4)
        ours, theirs = signal + rng.normal(0, 0.3, (2, len(day))) + rng.normal(0, 0.2, (2, 7))[:, day]
        found += paired_interval("rmse", target, ours, theirs, day).low > 0
    assert 0.03 <= found / draws <= 0.065


BINARY: dict[str, Callable] = {
    "roc_auc": sk.roc_auc_score,
    "pr_auc": sk.average_precision_score,
    "log_loss": sk.log_loss,
    "brier": sk.brier_score_loss,
    "accuracy": lambda y, p: sk.accuracy_score(y, p >= 0.5),
    "balanced_accuracy": lambda y, p: sk.balanced_accuracy_score(y, p >= 0.5),
    "precision": lambda y, p: sk.precision_score(y, p >= 0.5),
    "recall": lambda y, p: sk.recall_score(y, p >= 0.5),
    "f1": lambda y, p: sk.f1_score(y, p >= 0.5),
    "mcc": lambda y, p: sk.matthews_corrcoef(y, p >= 0.5),
    "mae": sk.mean_absolute_error,
    "rmse": sk.root_mean_squared_error,
    "r2": sk.r2_score,
    "pinball": sk.mean_pinball_loss,
    "mape": lambda y, p: sk.mean_absolute_percentage_error(y, p),
    "poisson_deviance": sk.mean_poisson_deviance,
    "tweedie_deviance": lambda y, p: sk.mean_tweedie_deviance(y, p, power=1.5),
    "gamma_deviance": sk.mean_gamma_deviance,
    "bias": lambda y, p: p.sum() / y.sum(),
}
#: Where a target of 0 has no place.
POSITIVE = ("mape", "gamma_deviance")


# Coverage and width are of intervals: see statistics/test_sums.py.
@pytest.mark.parametrize("metric", [name for name in METRIC_NAMES if name not in ("coverage", "width")])
def test_a_value_and_its_deletions_equal_those_of_scikit_learn_on_the_rows_that_are_left(metric: str) -> None:
    rng = RNG(1)
    target = rng.integers(0, 2, 300) + (1.0 if metric in POSITIVE else 0.0)
    prediction = np.round(np.clip(0.2 * target + 0.8 * rng.random(300), 0, 1), 2)  # rounded: ties
    prediction += 0.01 if metric.endswith("deviance") else 0.0
    block = rng.integers(0, 9, 300)
    value, without = deletions(metric, target, prediction, block, 9)
    assert value == pytest.approx(BINARY[metric](target, prediction))
    expected = [BINARY[metric](target[block != left], prediction[block != left]) for left in range(9)]
    assert without == pytest.approx(expected)


@pytest.mark.parametrize(
    ("metric", "peer"),
    [
        ("log_loss", lambda y, p: sk.log_loss(y, p)),
        ("brier", lambda y, p: sk.brier_score_loss(y, p, labels=[0, 1, 2, 3])),
        ("roc_auc", lambda y, p: sk.roc_auc_score(y, p, multi_class="ovr")),
        ("f1", lambda y, p: sk.f1_score(y, p.argmax(1), average="macro")),
        ("precision", lambda y, p: sk.precision_score(y, p.argmax(1), average="macro")),
        ("mcc", lambda y, p: sk.matthews_corrcoef(y, p.argmax(1))),
    ],
)
def test_values_of_many_classes_equal_those_of_scikit_learn(metric: str, peer: Callable) -> None:
    prediction = RNG(2).dirichlet(np.ones(4), 400)
    target = np.array([RNG(i).choice(4, p=row) for i, row in enumerate(prediction)])
    assert metric_value(metric, target, prediction) == pytest.approx(peer(target, prediction))


def test_the_first_order_deletions_of_average_precision_agree_with_exact_ones() -> None:
    rng = RNG(4)
    target = rng.integers(0, 2, 4000).astype(float)
    prediction, block = np.round(0.3 * target + rng.random(4000), 2), rng.integers(0, 101, 4000)
    value, near = deletions("pr_auc", target, prediction, block, 101)
    exact = [sk.average_precision_score(target[block != left], prediction[block != left]) for left in range(101)]
    assert np.std(near - value) == pytest.approx(np.std(exact), rel=0.02)


def test_a_gain_is_positive_where_ours_is_better_whatever_the_direction_of_the_metric() -> None:
    target = RNG(5).integers(0, 2, 500).astype(float)
    good, bad = 0.5 + 0.3 * (target - 0.5), np.full(500, 0.5) + 0.01 * RNG(6).normal(size=500)
    for metric in ("roc_auc", "log_loss", "brier", "rmse"):
        assert paired_interval(metric, target, good, bad).low > 0
        assert paired_interval(metric, target, bad, good).high < 0


def test_three_blocks_give_a_value_but_no_interval() -> None:
    target, prediction, day = draw(RNG(7), "roc_auc", 3, 50, 0.1)
    interval = metric_interval("roc_auc", target, prediction, day)
    assert np.isfinite(interval.value)
    assert np.isnan([interval.low, interval.high]).all()


def test_one_large_block_among_small_ones_widens_the_interval() -> None:
    rng = RNG(8)
    target, prediction = rng.normal(size=2000), rng.normal(size=2000)
    even, uneven = np.arange(2000) % 10, np.minimum(np.arange(2000) // 20, 9)
    widths = [i.high - i.low for i in (metric_interval("mae", target, prediction, b) for b in (even, uneven))]
    assert widths[1] > widths[0]


@pytest.mark.parametrize("spoiled", ["target", "ours", "theirs"])
def test_a_missing_value_gives_nothing_to_promote_by(spoiled: str) -> None:
    rows = dict(zip(("target", "ours", "theirs"), RNG(9).random((3, 50)), strict=True))
    rows[spoiled][3] = np.nan
    assert np.isnan(paired_interval("rmse", **rows).low)


def test_one_class_gives_no_area() -> None:
    assert np.isnan(metric_interval("roc_auc", np.ones(50), RNG(0).random(50)).value)


def test_equal_predictions_gain_exactly_nothing() -> None:
    target, ours = RNG(10).normal(size=(2, 100))
    gain = paired_interval("rmse", target, ours, ours)
    assert (gain.low, gain.value, gain.high) == (0, 0, 0)


def test_a_misspelt_metric_is_refused_with_the_right_name() -> None:
    with pytest.raises(SpecError, match="did you mean roc_auc"):
        metric_interval("roc_acu", [0, 1], [0.1, 0.9])


@pytest.mark.parametrize("metric", ["roc_auc", "pr_auc", "rmse", "f1"])
def test_100_000_independent_rows_take_less_than_five_seconds(metric: str) -> None:
    rng = RNG(11)
    target, ours, theirs = rng.integers(0, 2, 100_000), rng.random(100_000), rng.random(100_000)
    start = time.process_time()  # of this process alone, however busy the machine is
    paired_interval(metric, target, ours, theirs)
    assert time.process_time() - start < 5


def test_no_interval_reaches_beyond_the_metrics_own_range() -> None:
    rng = np.random.default_rng(5)
    target = np.repeat([0.0, 1.0], 12)
    sharp = np.where(target == 1, 0.9, 0.1) + rng.normal(0, 0.01, 24)
    sharp[:2] += 0.85
    found = metric_interval("roc_auc", target, sharp)
    assert found.low < found.value
    assert found.high == 1.0
    few = metric_interval("rmse", np.array([0.0, 0.0, 0.0, 0.0, 100.0]), np.zeros(5))
    assert few.low == 0.0 < few.value < few.high
