"""Means by prediction: what the reference teaches, as plain numbers.

A share of rows of a class is a logistic curve of the prediction's logarithms (beta calibration: Kull et al. 2017),
which says something where the reference has few rows, and what bins of the reference show beside it. The mean of a
quantity is that of bins alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from evergreen.arrays import Floats

#: Points of a curve, at most, and the rows that each needs at least.
_KNOTS, _ROWS_A_KNOT = 50, 50
#: Predictions nearer to 0 or 1 than this count as this near.
_EDGE = 1e-6
#: The logistic curve, of three weights, is learned from about so many evenly spaced rows at most.
_ENOUGH = 50_000
#: A slight pull of the logistic curve's weights to 0, so that they stay finite where classes part cleanly.
_PULL = 1e-3


@dataclass(frozen=True)
class Curve:
    """Straight lines between the points ``(x, y)``, level beyond them; on top of a logistic curve, if it has weights.

    The weights are those of 1, log p and -log(1 - p).
    """

    x: tuple[float, ...]
    y: tuple[float, ...]
    weights: tuple[float, ...] = ()

    def __call__(self, at: Floats) -> Floats:
        """The curve's values at predictions (n,)."""
        level = np.asarray(np.interp(at, self.x, self.y), dtype=np.float64)
        if not self.weights:
            return level
        return np.asarray(np.clip(special.expit(_logarithms(at) @ np.array(self.weights)) + level, 0, 1))


def mean_curve(scores: Floats, values: ArrayLike) -> Curve:
    """The mean of ``values`` (n,) by score (n,)."""
    x, y, _ = _binned(scores, scores, np.asarray(values, dtype=np.float64))
    return Curve(tuple(x.tolist()), tuple(y.tolist()))


def chance_curve(scores: Floats, target: ArrayLike) -> Curve:
    """The share of rows with a target of 1 by predicted probability (n,).

    What a bin shows beside the logistic curve counts as far as it is more than chance (positive-part shrinkage).
    """
    truth = np.asarray(target, dtype=np.float64)
    inputs = _logarithms(scores)
    some = slice(None, None, max(len(scores) // _ENOUGH, 1))
    weights = _logistic(inputs[some], truth[some])
    smooth = special.expit(inputs @ weights)
    x, rest, expected, rows = _binned(scores, scores, truth - smooth, smooth * (1 - smooth))
    expected = expected / rows
    kept = np.clip(1 - expected / np.maximum(rest**2, 1e-300), 0, 1)
    return Curve(tuple(x.tolist()), tuple((rest * kept).tolist()), tuple(weights.tolist()))


def _logarithms(scores: Floats) -> Floats:
    inside = np.clip(scores, _EDGE, 1 - _EDGE)
    return np.column_stack([np.ones(len(inside)), np.log(inside), -np.log1p(-inside)])


def _logistic(inputs: Floats, truth: Floats) -> Floats:
    """Logistic regression by Newton's method, with halved steps where a whole one would not help."""
    weights, pull = np.zeros(inputs.shape[1]), _PULL * np.eye(inputs.shape[1])

    def loss(at: Floats) -> float:
        log_odds = inputs @ at
        return float((np.logaddexp(0, log_odds) - truth * log_odds).sum() + at @ pull @ at / 2)

    now = loss(weights)
    for _ in range(30):
        chance = special.expit(inputs @ weights)
        slope = inputs.T @ (chance - truth) + pull @ weights
        step = np.linalg.solve((inputs * (chance * (1 - chance))[:, None]).T @ inputs + pull, slope)
        while (after := loss(weights - step)) > now and np.abs(step).max() > 1e-8:
            step = step / 2
        if now - after < 1e-9 * abs(now):
            break
        weights, now = weights - step, after
    return weights


def _binned(scores: Floats, *values: Floats) -> list[Floats]:
    """Mean values and, last, rows of bins of equal numbers of rows by score; equal scores stay together."""
    _, place, sizes = np.unique(scores, return_inverse=True, return_counts=True)
    bins = max(min(_KNOTS, len(scores) // _ROWS_A_KNOT), 1)
    group = np.unique((np.cumsum(sizes) - sizes) * bins // len(scores), return_inverse=True)[1].reshape(-1)
    rows = group[place.reshape(-1)]
    weight = np.bincount(rows).astype(np.float64)
    return [*(np.bincount(rows, column) / weight for column in values), weight]
