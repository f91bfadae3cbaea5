"""Probabilities that mean what they say, and the threshold from which class 1 is decided: both from unseen rows."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evergreen.arrays import Floats
from evergreen.metrics import find_metric
from evergreen.spec import Costs

logger = logging.getLogger(__name__)

#: The slope and intercept of the log-odds of two classes; the slope of the log-probabilities of several.
Calibration = tuple[float, ...]

#: Rows, and rows of the rarest class, below which nothing is moved; parts that judge a move in turn.
_FEWEST_ROWS, _FEWEST_OF_A_CLASS, _PARTS = 200, 20, 5
#: Probabilities nearer to 0 and 1 count as so near.
_EDGE = 1e-6
#: The probability from which class 1 is decided where both errors cost the same.
EVEN = 0.5
#: Thresholds that are compared.
_THRESHOLDS = 200


def calibrate(target: Floats, predictions: Floats, parts: NDArray[np.int64]) -> Calibration:
    """How to bend probabilities so that they fit; empty where that is not shown to help.

    Two classes: Platt 1999, Probabilistic outputs for support vector machines. Several: Guo et al. 2017, On calibration
    of modern neural networks (temperature). It is kept where, on parts that did not choose it, the log loss falls by
    more than its standard error.

    Args:
        target: (n,): codes of the classes, of rows that no model was fitted on.
        predictions: (n,): P(class 1), or (n, k).
        parts: (n,): the part of each row, such as its day; rows of a part stay together.
    """
    classes = np.bincount(target.astype(int))
    if len(target) < _FEWEST_ROWS or classes[classes > 0].min() < _FEWEST_OF_A_CLASS:
        return ()
    fold = np.unique(parts, return_inverse=True)[1].reshape(-1) % _PARTS
    gains = []
    for part in range(_PARTS):
        aside = fold == part
        if not aside.any() or len(np.unique(target[~aside])) < np.count_nonzero(classes):
            return ()
        bent = calibrated(predictions[aside], _fitted(target[~aside], predictions[~aside]))
        gains.append(_loss(target[aside], predictions[aside]) - _loss(target[aside], bent))
    gain, error = float(np.mean(gains)), float(np.std(gains, ddof=1)) / _PARTS**0.5
    if gain <= error:
        logger.info("probabilities stay as they are: to calibrate them gains %.2g in log loss", gain)
        return ()
    logger.info("probabilities are calibrated: that gains %.2g in log loss", gain)
    return _fitted(target, predictions)


def calibrated(predictions: Floats, calibration: Sequence[float]) -> Floats:
    """Probabilities (n,) or (n, k), bent."""
    if not len(calibration) or not len(predictions):
        return predictions
    if predictions.ndim == 1:
        slope, intercept = calibration
        return np.asarray(1 / (1 + np.exp(-(slope * _odds(predictions) + intercept))))
    return _softmax(np.log(np.clip(predictions, _EDGE, 1)) * calibration[0])


def threshold_for(target: Floats, predictions: Floats, costs: Costs, parts: NDArray[np.int64]) -> float:
    """The probability from which deciding for class 1 costs least.

    Where probabilities are true that is fp / (fp + fn) (Elkan 2001, The foundations of cost-sensitive learning). A
    threshold that costs less on the rows themselves is taken where it also does on parts that did not choose it.

    Args:
        target: (n,): 0 or 1.
        predictions: (n,): P(class 1), calibrated.
        costs: Of each kind of error.
        parts: (n,): the part of each row.
    """
    even = costs.false_positive / (costs.false_positive + costs.false_negative)
    if len(target) < _FEWEST_ROWS or np.bincount(target.astype(int), minlength=2).min() < _FEWEST_OF_A_CLASS:
        return even
    fold = np.unique(parts, return_inverse=True)[1].reshape(-1) % _PARTS
    gains = []
    for part in range(_PARTS):
        aside = fold == part
        chosen = _cheapest(target[~aside], predictions[~aside], costs)
        gains.append(cost(target[aside], predictions[aside], even, costs)
                     - cost(target[aside], predictions[aside], chosen, costs))  # fmt: skip
    if np.mean(gains) <= np.std(gains, ddof=1) / _PARTS**0.5:
        return even
    return _cheapest(target, predictions, costs)


def cost(target: Floats, predictions: Floats, threshold: float, costs: Costs) -> float:
    """What deciding at a threshold costs a row in the mean."""
    if not len(target):
        return 0.0
    decided = predictions >= threshold
    wrong = costs.false_positive * (decided & (target == 0)) + costs.false_negative * (~decided & (target == 1))
    return float(np.mean(wrong))


def _cheapest(target: Floats, predictions: Floats, costs: Costs) -> float:
    thresholds = np.unique(np.quantile(predictions, np.linspace(0, 1, _THRESHOLDS)))
    return float(thresholds[int(np.argmin([cost(target, predictions, one, costs) for one in thresholds]))])


def _fitted(target: Floats, predictions: Floats) -> Calibration:
    if predictions.ndim == 1:
        from sklearn.linear_model import LogisticRegression

        line = LogisticRegression(C=1e6).fit(_odds(predictions)[:, None], target)
        return float(line.coef_[0, 0]), float(line.intercept_[0])
    from scipy.optimize import minimize_scalar

    logs = np.log(np.clip(predictions, _EDGE, 1))
    found = minimize_scalar(
        lambda power: _loss(target, _softmax(np.exp(power) * logs)), bounds=(-2, 2), method="bounded"
    )
    return (float(np.exp(found.x)),)


def _loss(target: Floats, predictions: Floats) -> float:
    return find_metric("log_loss").value(target, predictions)


def _odds(predictions: Floats) -> Floats:
    inside = np.clip(predictions, _EDGE, 1 - _EDGE)
    return np.asarray(np.log(inside / (1 - inside)))


def _softmax(scores: Floats) -> Floats:
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
