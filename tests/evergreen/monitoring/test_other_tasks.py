"""What the monitor can say about quantiles and counts before their labels are there."""

from __future__ import annotations

import numpy as np
import pytest

from evergreen.metrics import find_metric
from evergreen.monitoring import describe, estimate, fit_estimator

RNG = np.random.default_rng(0)
DAYS = np.arange(4000) // 200


def test_the_deviance_of_counts_follows_the_predictions() -> None:
    means = RNG.gamma(2.0, 1.0, 4000)
    learned = fit_estimator("count", "poisson_deviance", RNG.poisson(means), means, DAYS)
    now = RNG.gamma(2.0, 3.0, 500)
    found = estimate(learned, now)
    assert found.value == pytest.approx(find_metric("poisson_deviance").value(RNG.poisson(now), now), rel=0.15)


def test_there_is_no_estimate_of_quantiles_and_the_words_say_so() -> None:
    said = np.tile([-1.0, 0.0, 1.0], (4000, 1))
    learned = fit_estimator("quantile", "pinball_10_50_90", RNG.normal(size=4000), said, DAYS)
    assert np.isnan(estimate(learned, said).value)
    assert "cannot be told from them alone" in describe(learned, said)
