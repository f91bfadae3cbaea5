from __future__ import annotations

import time

import numpy as np
import pytest

from evergreen.errors import SpecError
from evergreen.metrics import find_metric
from evergreen.statistics import metric_interval, paired_interval

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
    truth = find_metric(metric).value(*draw(RNG(99), metric, 200_000, 3, effect)[:2])
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
