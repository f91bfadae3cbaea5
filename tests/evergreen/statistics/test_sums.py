"""Losses of quantiles, counts and amounts, held against scikit-learn's and against what they mean."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import mean_gamma_deviance, mean_pinball_loss, mean_poisson_deviance, mean_tweedie_deviance

from evergreen.errors import SpecError
from evergreen.statistics import base_name, greater_is_better, metric_interval, metric_value, quantile_levels

RNG = np.random.default_rng(0)
MEANS = RNG.gamma(2.0, 2.0, 500)
COUNTS = RNG.poisson(MEANS).astype(float)


def test_deviances_are_those_of_scikit_learn() -> None:
    amounts = COUNTS * RNG.gamma(2.0, 1.0, 500)
    assert (amounts == 0).any()
    assert metric_value("poisson_deviance", COUNTS, MEANS) == pytest.approx(mean_poisson_deviance(COUNTS, MEANS))
    ours = metric_value("tweedie_deviance", amounts, MEANS)
    assert ours == pytest.approx(mean_tweedie_deviance(amounts, MEANS, power=1.5))
    assert metric_value("gamma_deviance", amounts + 1, MEANS) == pytest.approx(mean_gamma_deviance(amounts + 1, MEANS))


def test_a_deviance_has_no_value_where_it_is_not_defined() -> None:
    assert np.isnan(metric_value("poisson_deviance", [1.0, 2.0], [1.0, 0.0]))
    assert np.isnan(metric_value("gamma_deviance", [0.0, 2.0], [1.0, 1.0]))
    assert metric_value("tweedie_deviance", [0.0, 0.0], [1.0, 1.0]) > 0


def test_the_loss_of_quantiles_is_the_mean_of_each_ones() -> None:
    levels = (0.1, 0.5, 0.975)
    predictions = np.sort(RNG.normal(size=(500, 3)), axis=1)
    target = RNG.normal(size=500)
    each = [mean_pinball_loss(target, predictions[:, at], alpha=level) for at, level in enumerate(levels)]
    assert metric_value("pinball_10_50_97.5", target, predictions) == pytest.approx(np.mean(each))
    assert quantile_levels("pinball_10_50_97.5") == pytest.approx(levels)
    assert (base_name("pinball_10_50"), base_name("pr_auc")) == ("pinball", "pr_auc")
    assert not greater_is_better("pinball_10_90")
    with pytest.raises(SpecError, match="unknown"):
        greater_is_better("pinball_wide")


def test_coverage_and_bias_come_with_intervals_by_blocks() -> None:
    predictions = np.column_stack([np.full(500, -1.645), np.full(500, 1.645)])
    target = RNG.normal(size=500)
    covered = metric_interval("coverage", target, predictions, np.arange(500) // 10)
    assert covered.low < 0.9 < covered.high
    assert metric_value("width", target, predictions) == pytest.approx(3.29)
    bias = metric_interval("bias", COUNTS, MEANS, np.arange(500) // 10)
    assert bias.value == pytest.approx(MEANS.sum() / COUNTS.sum())
    assert bias.low < 1 < bias.high
