from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from evergreen.monitoring.curves import chance_curve, mean_curve


def test_a_curve_of_chances_goes_on_where_the_reference_has_few_rows() -> None:
    rng = np.random.default_rng(1)
    scores = special.expit(rng.normal(size=20_000))
    target = rng.random(20_000) < special.expit(0.5 * special.logit(scores) - 0.3)
    far = special.expit(np.array([-5.0, 5.0]))  # the reference ends at about four
    expected = special.expit(0.5 * special.logit(far) - 0.3)
    np.testing.assert_allclose(chance_curve(scores, target)(far), expected, atol=0.03)


def test_a_curve_of_chances_follows_a_relation_that_is_not_logistic() -> None:
    rng = np.random.default_rng(1)
    scores = rng.random(50_000)
    target = rng.random(50_000) < np.where(np.abs(scores - 0.5) < 0.2, 0.8, 0.3)
    np.testing.assert_allclose(chance_curve(scores, target)(np.array([0.1, 0.5, 0.9])), [0.3, 0.8, 0.3], atol=0.05)


@pytest.mark.parametrize("target", [np.repeat([0, 1], 500), np.repeat([1, 0], 500)])
def test_classes_that_part_cleanly_have_finite_weights(target: np.ndarray) -> None:
    curve = chance_curve(np.linspace(0, 1, 1_000), target)
    assert np.isfinite(curve.weights).all()
    np.testing.assert_allclose(curve(np.array([0.0, 1.0])), [target[0], target[-1]], atol=0.01)


def test_a_mean_curve_is_level_beyond_its_points() -> None:
    curve = mean_curve(np.repeat([1.0, 2.0], 100), np.repeat([5.0, 7.0], 100))
    np.testing.assert_allclose(curve(np.array([0.0, 1.0, 1.5, 2.0, 9.0])), [5, 5, 6, 7, 7])
