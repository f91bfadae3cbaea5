"""Every metric's value, and its values without each block of rows.

Nearly every metric is a function of sums over rows, so that all its values without one block cost a subtraction each.
ROC AUC is no such sum; its deletions follow from the pairs that each row wins (the placement values of DeLong et al.
1988) and those within each block.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from evergreen.errors import SpecError, did_you_mean

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

#: Block deletions of pr_auc are exact up to this many blocks, and first-order beyond.
_EXACT_DELETIONS = 100


@dataclass(frozen=True)
class _Sums:
    """A metric as ``value(sums)``: ``rows`` gives what is summed, (n, p); ``value`` maps (..., p) to (...)."""

    rows: Callable[[Floats, Floats], Floats]
    value: Callable[[Floats], Floats]


def _ratio(top: Any, bottom: Any) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.asarray(bottom) != 0, np.asarray(top) / np.asarray(bottom), np.nan)


def _mean_of(loss: Callable[[Floats, Floats], Floats]) -> _Sums:
    def rows(target: Floats, prediction: Floats) -> Floats:
        return np.column_stack([np.ones(len(target)), loss(target, prediction)])

    return _Sums(rows, lambda sums: _ratio(sums[..., 1], sums[..., 0]))


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
        return _ratio(np.where(known, values, 0).sum(axis=-1), known.sum(axis=-1))

    return value


def _precision(hits: Floats, predicted: Floats, actual: Floats) -> Floats:
    values = _ratio(hits, predicted)
    if hits.shape[-1] == 2:
        return values
    return np.where((predicted == 0) & (actual > 0), 0.0, values)  # a class that is never predicted is never right


def _mcc(sums: Floats) -> Floats:
    """Gorodkin's (2004) correlation of k classes, which is Matthews's for two."""
    hits, predicted, actual = np.split(sums, 3, axis=-1)
    rows = actual.sum(axis=-1)
    top = hits.sum(axis=-1) * rows - (predicted * actual).sum(axis=-1)
    return _ratio(
        top, np.sqrt((rows**2 - (predicted**2).sum(axis=-1)) * np.maximum(rows**2 - (actual**2).sum(axis=-1), 0))
    )


def _r2_rows(target: Floats, prediction: Floats) -> Floats:
    shifted = target - target.mean() if len(target) else target  # large offsets would cancel in the sums of squares
    return np.column_stack([np.ones(len(target)), shifted, shifted**2, (target - prediction) ** 2])


def _r2(sums: Floats) -> Floats:
    spread = sums[..., 2] - _ratio(sums[..., 1] ** 2, sums[..., 0])
    return 1 - _ratio(sums[..., 3], np.where(spread > 1e-12 * np.abs(sums[..., 2]), spread, 0))


_SQUARED = _mean_of(lambda target, prediction: (target - prediction) ** 2)
_SUMS: dict[str, _Sums] = {
    "accuracy": _mean_of(lambda target, prediction: (decide_class(prediction) == target).astype(np.float64)),
    "balanced_accuracy": _Sums(_class_counts, _of_classes(lambda hits, _, actual: _ratio(hits, actual), macro=True)),
    "precision": _Sums(_class_counts, _of_classes(_precision)),
    "recall": _Sums(_class_counts, _of_classes(lambda hits, _, actual: _ratio(hits, actual))),
    "f1": _Sums(_class_counts, _of_classes(lambda hits, predicted, actual: _ratio(2 * hits, predicted + actual))),
    "mcc": _Sums(_class_counts, _mcc),
    "log_loss": _mean_of(_log_loss),
    "brier": _mean_of(_brier),
    "mae": _mean_of(lambda target, prediction: np.abs(target - prediction)),
    "rmse": _Sums(_SQUARED.rows, lambda sums: np.sqrt(_SQUARED.value(sums))),
    "r2": _Sums(_r2_rows, _r2),
    "mape": _mean_of(lambda target, prediction: _ratio(np.abs(target - prediction), np.abs(target))),
    "pinball": _mean_of(lambda target, prediction: 0.5 * np.abs(target - prediction)),
}
_LOSSES = frozenset({"log_loss", "brier", "mae", "rmse", "mape", "pinball"})
METRIC_NAMES = ("roc_auc", "pr_auc", *_SUMS)


def greater_is_better(metric: str) -> bool:
    """Whether a higher value of the metric is better; false for losses.

    Raises:
        SpecError: there is no such metric.
    """
    if metric not in METRIC_NAMES:
        raise SpecError(f"metric {metric!r}: unknown{did_you_mean(metric, METRIC_NAMES)}")
    return metric not in _LOSSES


def metric_value(metric: str, target: ArrayLike, prediction: ArrayLike) -> float:
    """The metric's value; NaN where it is undefined.

    Args:
        metric: One of ``METRIC_NAMES``.
        target: (n,): 0/1, class codes 0..k-1, or numbers.
        prediction: (n,): P(class 1), or numbers; (n, k) for k classes.
    """
    return deletions(metric, *arrays(metric, target, prediction), np.zeros(len(np.asarray(target)), np.intp), 0)[0]


def arrays(metric: str, target: ArrayLike, prediction: ArrayLike) -> tuple[Floats, Floats]:
    """Target and prediction as numbers.

    Raises:
        SpecError: there is no such metric.
    """
    greater_is_better(metric)
    return np.asarray(target, dtype=np.float64), np.asarray(prediction, dtype=np.float64)


def deletions(metric: str, target: Floats, prediction: Floats, codes: Codes, count: int) -> tuple[float, Floats]:
    """The metric on all rows, and without each of ``count`` blocks, (count,)."""
    if len(target) == 0 or np.isnan(prediction).any() or np.isnan(target).any():
        return np.nan, np.full(count, np.nan)
    if metric in _SUMS:
        rows, value = _SUMS[metric].rows(target, prediction), _SUMS[metric].value
        blocks = [np.bincount(codes, column, minlength=count)[:count] for column in rows.T]
        total = rows.sum(axis=0)
        return float(value(total)), value(total - np.column_stack(blocks))
    ranked = _roc_auc if metric == "roc_auc" else _pr_auc
    if prediction.ndim == 1:
        return ranked(target == 1, prediction, codes, count)
    each = [ranked(target == k, prediction[:, k], codes, count) for k in range(prediction.shape[1])]
    known = [pair for pair in each if not np.isnan(pair[0])]  # macro over the classes that occur
    if not known:
        return np.nan, np.full(count, np.nan)
    return float(np.mean([pair[0] for pair in known])), np.mean([pair[1] for pair in known], axis=0)


def _roc_auc(positive: NDArray[np.bool_], scores: Floats, codes: Codes, count: int) -> tuple[float, Floats]:
    """Mann and Whitney's won pairs: all, less those with a side in the block, plus those inside it, lost twice."""
    dense = np.unique(scores, return_inverse=True)[1].reshape(-1)
    won = stats.rankdata(dense)
    won[positive] -= stats.rankdata(dense[positive])
    won[~positive] = positive.sum() - (won[~positive] - stats.rankdata(dense[~positive]))
    wins = won[positive].sum()
    size, ones = (np.bincount(codes, weights, minlength=count)[:count] for weights in (None, positive))
    inside = stats.rankdata(codes * (dense.max() + 1) + dense) - (np.cumsum(size) - size)[codes] if count else won
    both = np.bincount(codes, np.where(positive, inside, 0), minlength=count)[:count] - ones * (ones + 1) / 2
    left = wins - np.bincount(codes, won, minlength=count)[:count] + both
    pairs = (positive.sum() - ones) * ((~positive).sum() - (size - ones))
    return float(_ratio(wins, positive.sum() * (~positive).sum())), _ratio(left, pairs)


def _pr_auc(positive: NDArray[np.bool_], scores: Floats, codes: Codes, count: int) -> tuple[float, Floats]:
    """Average precision; its deletions are exact for few blocks, and by its influence function for many."""
    order = np.argsort(-scores, kind="stable")
    hits, sorted_scores = positive[order].astype(np.float64), scores[order]
    last = np.append(np.flatnonzero(np.diff(sorted_scores)), len(scores) - 1)  # ties share one threshold
    step = np.searchsorted(last, np.arange(len(scores)))

    def average(weights: Floats) -> tuple[float, Floats, Floats]:
        above = np.cumsum(weights)[last]
        precision = _ratio(np.cumsum(weights * hits)[last], above)
        gained = np.bincount(step, weights * hits, minlength=len(last))
        return float(_ratio(np.nansum(gained * precision), gained.sum())), precision, above

    value, precision, above = average(np.ones(len(scores)))
    if count <= _EXACT_DELETIONS:
        return value, np.array([average((codes[order] != block).astype(np.float64))[0] for block in range(count)])
    gained = np.bincount(step, hits, minlength=len(last))
    below = np.cumsum((gained / above)[::-1])[::-1][step]  # over thresholds at or below the row's own
    lost = np.cumsum((gained * precision / above)[::-1])[::-1][step]
    influence = np.empty(len(scores))
    with np.errstate(divide="ignore", invalid="ignore"):
        influence[order] = (hits * (precision[step] - value + below) - lost) * len(scores) / hits.sum()
    size = np.bincount(codes, minlength=count)
    return value, value - _ratio(np.bincount(codes, influence, minlength=count), len(scores) - size)
