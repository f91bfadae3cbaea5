"""Metrics that are functions of sums over rows, so that all their values without one block cost a subtraction each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]


@dataclass(frozen=True)
class Sums:
    """A metric as ``value(sums)``: ``rows`` gives what is summed, (n, p); ``value`` maps (..., p) to (...)."""

    rows: Callable[[Floats, Floats], Floats]
    value: Callable[[Floats], Floats]


def ratio(top: Any, bottom: Any) -> Floats:
    """One divided by the other; NaN where the other is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.asarray(bottom) != 0, np.asarray(top) / np.asarray(bottom), np.nan)


def _mean_of(loss: Callable[[Floats, Floats], Floats]) -> Sums:
    def rows(target: Floats, prediction: Floats) -> Floats:
        return np.column_stack([np.ones(len(target)), loss(target, prediction)])

    return Sums(rows, lambda sums: ratio(sums[..., 1], sums[..., 0]))


def _log_loss(target: Floats, prediction: Floats) -> Floats:
    tiny = np.finfo(np.float64).eps
    if prediction.ndim == 2:
        truth = np.take_along_axis(prediction, target.astype(np.intp)[:, None], axis=1)[:, 0]
        truth = truth / prediction.sum(axis=1)
    else:
        truth = np.where(target == 1, prediction, 1 - prediction)
    loss: Floats = -np.log(np.clip(truth, tiny, 1))
    return loss


def _brier(target: Floats, prediction: Floats) -> Floats:
    if prediction.ndim == 2:
        truth = np.eye(prediction.shape[1])[target.astype(np.intp)]
        return np.asarray(((prediction - truth) ** 2).sum(axis=1))
    return (prediction - target) ** 2


def decide_class(prediction: ArrayLike) -> Codes:
    """The class a prediction stands for: P(class 1) of at least 0.5, or the most probable of (n, k)."""
    scores = np.asarray(prediction, dtype=np.float64)
    return scores.argmax(axis=1) if scores.ndim == 2 else (scores >= 0.5).astype(np.intp)


def _class_counts(target: Floats, prediction: Floats) -> Floats:
    """Per class: hits, predicted, actual: (n, 3k); all that the metrics of a confusion matrix need."""
    classes = prediction.shape[1] if prediction.ndim == 2 else 2
    eye = np.eye(classes)
    predicted, actual = eye[decide_class(prediction)], eye[target.astype(np.intp)]
    return np.hstack([predicted * actual, predicted, actual])


def _of_classes(
    per_class: Callable[[Floats, Floats, Floats], Floats], macro: bool = False
) -> Callable[[Floats], Floats]:
    """Average a figure of each class over the classes that occur; of two classes take the second unless ``macro``."""

    def value(sums: Floats) -> Floats:
        hits, predicted, actual = np.split(sums, 3, axis=-1)
        values = per_class(hits, predicted, actual)
        if values.shape[-1] == 2 and not macro:
            return values[..., 1]
        if macro:  # balanced accuracy of a single class says nothing
            values = np.where((actual > 0).sum(axis=-1, keepdims=True) > 1, values, np.nan)
        known = ~np.isnan(values)
        return ratio(np.where(known, values, 0).sum(axis=-1), known.sum(axis=-1))

    return value


def _precision(hits: Floats, predicted: Floats, actual: Floats) -> Floats:
    values = ratio(hits, predicted)
    if hits.shape[-1] == 2:
        return values
    return np.where((predicted == 0) & (actual > 0), 0.0, values)  # a class that is never predicted is never right


def _mcc(sums: Floats) -> Floats:
    """Gorodkin's (2004) correlation of k classes, which is Matthews's for two."""
    hits, predicted, actual = np.split(sums, 3, axis=-1)
    rows = actual.sum(axis=-1)
    top = hits.sum(axis=-1) * rows - (predicted * actual).sum(axis=-1)
    return ratio(
        top, np.sqrt((rows**2 - (predicted**2).sum(axis=-1)) * np.maximum(rows**2 - (actual**2).sum(axis=-1), 0))
    )


def _r2_rows(target: Floats, prediction: Floats) -> Floats:
    shifted = target - target.mean() if len(target) else target  # large offsets would cancel in the sums of squares
    return np.column_stack([np.ones(len(target)), shifted, shifted**2, (target - prediction) ** 2])


def _r2(sums: Floats) -> Floats:
    spread = sums[..., 2] - ratio(sums[..., 1] ** 2, sums[..., 0])
    return 1 - ratio(sums[..., 3], np.where(spread > 1e-12 * np.abs(sums[..., 2]), spread, 0))


def pinball_sums(levels: Sequence[float]) -> Sums:
    """The loss that quantiles make smallest, as the mean over rows and over the quantiles of (n, k) predictions."""

    def loss(target: Floats, prediction: Floats) -> Floats:
        above = target[:, None] - prediction
        losses = np.maximum(np.asarray(levels) * above, (np.asarray(levels) - 1) * above)
        return np.asarray(losses.mean(axis=1), dtype=np.float64)

    return _mean_of(loss)


def _deviance(power: float) -> Callable[[Floats, Floats], Floats]:
    """The unit deviance of a Tweedie distribution (Jorgensen 1997): 1 Poisson, between 1 and 2 with zeros, 2 Gamma.

    NaN where a prediction is not above 0 or a target is below 0 (for Gamma: not above 0).
    """

    def loss(target: Floats, prediction: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            if power == 1:
                part = np.where(target > 0, target * np.log(target / prediction), 0.0) - target + prediction
            elif power == 2:
                part = np.where(target > 0, np.log(prediction / target) + target / prediction - 1, np.nan)
            else:
                part = (
                    np.maximum(target, 0) ** (2 - power) / ((1 - power) * (2 - power))
                    - target * prediction ** (1 - power) / (1 - power)
                    + prediction ** (2 - power) / (2 - power)
                )
        return np.where((prediction > 0) & (target >= 0), 2 * part, np.nan)

    return loss


#: Unit deviances by metric.
DEVIANCES = {"poisson_deviance": _deviance(1.0), "tweedie_deviance": _deviance(1.5), "gamma_deviance": _deviance(2.0)}


def _inside(target: Floats, prediction: Floats) -> Floats:
    return ((target >= prediction[:, 0]) & (target <= prediction[:, -1])).astype(np.float64)


_SQUARED = _mean_of(lambda target, prediction: (target - prediction) ** 2)
SUMS: dict[str, Sums] = {
    "accuracy": _mean_of(lambda target, prediction: (decide_class(prediction) == target).astype(np.float64)),
    "balanced_accuracy": Sums(_class_counts, _of_classes(lambda hits, _, actual: ratio(hits, actual), macro=True)),
    "precision": Sums(_class_counts, _of_classes(_precision)),
    "recall": Sums(_class_counts, _of_classes(lambda hits, _, actual: ratio(hits, actual))),
    "f1": Sums(_class_counts, _of_classes(lambda hits, predicted, actual: ratio(2 * hits, predicted + actual))),
    "mcc": Sums(_class_counts, _mcc),
    "log_loss": _mean_of(_log_loss),
    "brier": _mean_of(_brier),
    "mae": _mean_of(lambda target, prediction: np.abs(target - prediction)),
    "rmse": Sums(_SQUARED.rows, lambda sums: np.sqrt(_SQUARED.value(sums))),
    "r2": Sums(_r2_rows, _r2),
    "mape": _mean_of(lambda target, prediction: ratio(np.abs(target - prediction), np.abs(target))),
    "pinball": _mean_of(lambda target, prediction: 0.5 * np.abs(target - prediction)),
    **{name: _mean_of(loss) for name, loss in DEVIANCES.items()},
    "bias": Sums(
        lambda target, prediction: np.column_stack([target, prediction]), lambda s: ratio(s[..., 1], s[..., 0])
    ),
    "coverage": _mean_of(_inside),
    "width": _mean_of(lambda _, prediction: prediction[:, -1] - prediction[:, 0]),
}
