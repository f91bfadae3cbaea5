"""Losses of quantiles, counts and amounts, held against scikit-learn's and against what they mean."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import mean_gamma_deviance, mean_pinball_loss, mean_poisson_deviance, mean_tweedie_deviance

from evergreen.errors import SpecError
from evergreen.metrics import find_metric
from evergreen.statistics import metric_interval

RNG = np.random.default_rng(0)
MEANS = RNG.gamma(2.0, 2.0, 500)
COUNTS = RNG.poisson(MEANS).astype(float)


def test_deviances_are_those_of_scikit_learn() -> None:
    amounts = COUNTS * RNG.gamma(2.0, 1.0, 500)
    assert (amounts == 0).any()
    assert find_metric("poisson_deviance").value(COUNTS, MEANS) == pytest.approx(mean_poisson_deviance(COUNTS, MEANS))
    ours = find_metric("tweedie_deviance").value(amounts, MEANS)
    assert ours == pytest.approx(mean_tweedie_deviance(amounts, MEANS, power=1.5))
    assert find_metric("gamma_deviance").value(amounts + 1, MEANS) == pytest.approx(
        mean_gamma_deviance(amounts + 1, MEANS)
    )


def test_a_deviance_has_no_value_where_it_is_not_defined() -> None:
    assert np.isnan(find_metric("poisson_deviance").value([1.0, 2.0], [1.0, 0.0]))
    assert np.isnan(find_metric("gamma_deviance").value([0.0, 2.0], [1.0, 1.0]))
    assert find_metric("tweedie_deviance").value([0.0, 0.0], [1.0, 1.0]) > 0


def test_the_loss_of_quantiles_is_the_mean_of_each_ones() -> None:
    levels = (0.1, 0.5, 0.975)
    predictions = np.sort(RNG.normal(size=(500, 3)), axis=1)
    target = RNG.normal(size=500)
    each = [mean_pinball_loss(target, predictions[:, at], alpha=level) for at, level in enumerate(levels)]
    assert find_metric("pinball_10_50_97.5").value(target, predictions) == pytest.approx(np.mean(each))
    assert find_metric("pinball_10_50_97.5").levels == pytest.approx(levels)
    assert (find_metric("pinball_10_50").base, find_metric("pr_auc").base) == ("pinball", "pr_auc")
    assert not find_metric("pinball_10_90").greater_is_better
    with pytest.raises(SpecError, match="unknown"):
        find_metric("pinball_wide")


def test_coverage_and_bias_come_with_intervals_by_blocks() -> None:
    predictions = np.column_stack([np.full(500, -1.645), np.full(500, 1.645)])
    target = RNG.normal(size=500)
    covered = metric_interval("coverage", target, predictions, np.arange(500) // 10)
    assert covered.low < 0.9 < covered.high
    assert find_metric("width").value(target, predictions) == pytest.approx(3.29)
    bias = metric_interval("bias", COUNTS, MEANS, np.arange(500) // 10)
    assert bias.value == pytest.approx(MEANS.sum() / COUNTS.sum())
    assert bias.low < 1 < bias.high
