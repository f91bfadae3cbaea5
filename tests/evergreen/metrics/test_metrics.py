"""What every metric promises, whichever it is."""

from __future__ import annotations

import numpy as np
import pytest

from evergreen.arrays import Floats
from evergreen.learning_tasks import TASKS
from evergreen.metrics import METRICS, Metric, find_metric

ALL = [*METRICS.values(), find_metric("pinball_10_50_90")]
each_metric = pytest.mark.parametrize("metric", ALL, ids=str)


def rows_of(metric: Metric, seed: int = 0, rows: int = 400) -> tuple[Floats, Floats]:
    """A target, and predictions that know a little about it."""
    rng = np.random.default_rng(seed)
    if metric.needs in ("decisions", "probabilities"):
        target = rng.integers(0, 2, rows).astype(float)
        return target, np.clip(0.3 * target + 0.7 * rng.random(rows), 0, 1)
    target = rng.gamma(2, 2, rows)
    if metric.needs == "quantiles":
        return target, np.sort(target[:, None] * 0.2 + rng.gamma(2, 2, (rows, 3)), axis=1)
    return target, target * 0.5 + rng.gamma(1, 2, rows)


@each_metric
def test_a_metric_is_found_by_its_name_and_fits_known_tasks(metric: Metric) -> None:
    assert find_metric(metric.name).name == metric.name
    assert set(metric.tasks) <= set(TASKS)
    assert METRICS[metric.base].base == metric.base


@each_metric
def test_a_value_lies_within_the_bounds_of_its_metric(metric: Metric) -> None:
    assert metric.least <= metric.value(*rows_of(metric)) <= metric.most


@each_metric
def test_the_values_without_each_block_are_those_of_the_rows_that_are_left(metric: Metric) -> None:
    target, prediction = rows_of(metric)
    block = np.random.default_rng(1).integers(0, 7, len(target))
    value, without = metric.deletions(target, prediction, block, 7)
    assert value == metric.value(target, prediction)
    left = [metric.value(target[block != aside], prediction[block != aside]) for aside in range(7)]
    assert without == pytest.approx(left)


@each_metric
def test_without_rows_or_with_a_missing_value_there_is_none_and_the_reason_is_said(metric: Metric) -> None:
    target, prediction = rows_of(metric)
    assert np.isnan(metric.value(target[:0], prediction[:0]))
    assert metric.why_undefined(target[:0], prediction[:0]) == "there are no rows"
    target[3] = np.nan
    assert np.isnan(metric.value(target, prediction))
    assert metric.why_undefined(target, prediction) == "a target or a prediction is missing"


@pytest.mark.parametrize("metric", [metric for metric in ALL if metric.primary], ids=str)
def test_predictions_nearer_to_the_target_are_better(metric: Metric) -> None:
    target, prediction = rows_of(metric)
    truth = target[:, None] if prediction.ndim == 2 else target
    nearer = 0.9 * truth + 0.1 * prediction
    assert metric.sign * metric.value(target, nearer) > metric.sign * metric.value(target, prediction)


@pytest.mark.parametrize("metric", [metric for metric in ALL if metric.estimated_from == "chances"], ids=str)
@pytest.mark.parametrize("classes", [2, 4])
def test_chances_of_certain_rows_give_the_value_itself(metric: Metric, classes: int) -> None:
    rng = np.random.default_rng(2)
    target, prediction = rng.integers(0, classes, 300), rng.dirichlet(np.ones(classes), 300)
    prediction = prediction[:, 1] if classes == 2 else prediction
    assert metric.from_chances(np.eye(classes)[target], prediction) == pytest.approx(metric.value(target, prediction))


@pytest.mark.parametrize("metric", [metric for metric in ALL if metric.estimated_from == "means"], ids=str)
def test_means_of_all_rows_give_the_value_itself(metric: Metric) -> None:
    target, prediction = rows_of(metric)
    means = tuple(float(quantity.mean()) for quantity in metric.quantities(target, prediction))
    assert metric.from_means(means) == pytest.approx(metric.value(target, prediction))


@pytest.mark.parametrize("metric", [metric for metric in ALL if not metric.estimated_from], ids=str)
def test_what_cannot_be_estimated_refuses_to_be(metric: Metric) -> None:
    with pytest.raises(NotImplementedError, match=metric.name):
        metric.from_chances(np.ones((1, 2)), np.ones(1))


@pytest.mark.parametrize("metric", [metric for metric in ALL if metric.median], ids=str)
def test_of_all_constants_the_median_is_best_by_a_metric_that_says_so(metric: Metric) -> None:
    target = np.random.default_rng(3).gamma(1, 1, 501) + 1
    levels = metric.levels or (0.5,)
    middle = np.tile(np.quantile(target, levels), (501, 1)) if metric.levels else np.full(501, np.median(target))
    if metric.name == "mape":  # the shares of large targets count less: its best constant lies below the median
        assert metric.value(target, middle) < metric.value(target, np.full(501, target.mean()))
        return
    assert all(metric.value(target, middle) <= metric.value(target, middle + move) for move in (-0.1, 0.1))


def test_what_boosting_watches_goes_the_way_of_the_metric_whose_values_it_gives() -> None:
    watched = [metric.watched for metric in ALL if metric.watched and metric.watched.metric]
    assert watched
    for one in watched:
        assert find_metric(one.metric).greater_is_better == one.greater_is_better
