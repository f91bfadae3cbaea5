"""Linear models of counts and amounts: the logarithm of the mean is linear, so that effects multiply."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator

from evergreen.arrays import Floats, Matrix
from evergreen.training.families.standardised import Standardised

#: The power of the mean that an amount's variance is taken to be in proportion to: between a count's 1 and Gamma's 2,
#: so that amounts may be exactly 0.
TWEEDIE_POWER = 1.5
#: The weight of squared coefficients beside a mean loss, at a strength of 1: it must not grow with the rows.
LOG_ALPHA = 1e-3

#: Groups of equal means whose variances are compared, rows that each needs, and the powers that are taken at most.
_GROUPS, _FEWEST_A_GROUP, _POWERS = 20, 20, (1.05, 1.95)


def variance_power(target: Floats, means: Floats, weights: Floats | None = None) -> float:
    """The power of the mean that the variance is in proportion to, as rows show it.

    Rows are grouped by their means; the slope of the logarithm of the variance by that of the mean is the power (Taylor
    1961, Aggregation, variance and the mean).

    Args:
        target: (n,), from 0 up.
        means: (n,), what a model predicts for these rows, above 0.
        weights: (n,), such as exposures: the variance of a row is in inverse proportion to its weight.

    Returns:
        Between 1.05 and 1.95; 1.5 where rows are too few, or their means too much alike, to say.
    """
    groups = np.array_split(np.argsort(means, kind="stable"), min(_GROUPS, len(means) // _FEWEST_A_GROUP) or 1)
    squares = (target - means) ** 2 * (1.0 if weights is None else weights)
    spread = np.array([float(squares[group].mean()) for group in groups])
    middle = np.array([float(means[group].mean()) for group in groups])
    told = spread > 0
    if told.sum() < 3 or middle[told][-1] < 1.5 * middle[told][0]:
        return TWEEDIE_POWER
    slope = float(np.polyfit(np.log(middle[told]), np.log(spread[told]), 1)[0])
    return round(min(max(slope, _POWERS[0]), _POWERS[1]), 2)


class LogLinear(BaseEstimator):  # type: ignore[misc]
    """A generalised linear model with logarithmic link, by scikit-learn's solver.

    Predictions stay within the scores met in fitting: a wild value in a new row must not be raised to a power of e. All
    that is learned is numbers, so that it is stored without pickle.

    Args:
        power: Of the mean, that the variance is in proportion to: 1 Poisson, 1.5 Tweedie, 2 Gamma.
        alpha: Weight of the squared coefficients against the mean loss.
    """

    def __init__(self, power: float = 1.0, alpha: float = 1e-3) -> None:
        self.power = power
        self.alpha = alpha

    def fit(self, X: Matrix, y: Floats, sample_weight: Floats | None = None) -> Self:
        """Learn coefficients from rows (n, k) and numbers from 0 up (n,)."""
        from sklearn.linear_model import TweedieRegressor

        solver = TweedieRegressor(
            power=self.power, alpha=self.alpha, link="log", solver="newton-cholesky", max_iter=100
        ).fit(X, y, sample_weight=sample_weight)
        self.coef_ = np.asarray(solver.coef_, dtype=float)
        self.intercept_ = float(solver.intercept_)
        scores = self._scores(X)
        self.lowest_, self.highest_ = float(scores.min()), float(scores.max())
        return self

    def predict(self, X: Matrix) -> Floats:
        """The mean: (n,)."""
        scores = np.clip(self._scores(X), self.lowest_, self.highest_)
        return np.asarray(np.exp(scores), dtype=np.float64)

    def _scores(self, X: Any) -> Floats:
        scores: Floats = np.asarray(X, dtype=float) @ self.coef_ + self.intercept_
        return scores


class StandardisedRows(Standardised):
    """Scales the matrix alone: labels whose logarithm counts keep their zero and their unit."""

    def learn(self, X: Matrix, y: Floats) -> Matrix:
        """Learn medians and scales; the matrix as the estimator takes it."""
        rows = super().learn(X, y)
        self.middle_, self.spread_ = 0.0, 1.0
        return rows


def log_linear(power: float) -> StandardisedRows:
    """An unfitted log-linear model of the scaled matrix, at a strength of 1."""
    return StandardisedRows(LogLinear(power, LOG_ALPHA), quantity=True)
