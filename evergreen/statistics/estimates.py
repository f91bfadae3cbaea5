"""Every metric's value, and its values without each block of rows.

Nearly every metric is a function of sums over rows, so that all its values without one block cost a subtraction each.
ROC AUC is no such sum; its deletions follow from the pairs that each row wins (the placement values of DeLong et al.
1988) and those within each block.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from evergreen.errors import SpecError, did_you_mean
from evergreen.statistics.sums import DEVIANCES, SUMS, Codes, Floats, Sums, pinball_sums, ratio

#: Block deletions of pr_auc are exact up to this many blocks, and first-order beyond.
_EXACT_DELETIONS = 100


_LOSSES = frozenset({"log_loss", "brier", "mae", "rmse", "mape", "pinball", "width", *DEVIANCES})
METRIC_NAMES = ("roc_auc", "pr_auc", *SUMS)
#: What errors cost a row in the mean: reported where the spec says what each costs.
COST = "cost"


def quantile_levels(metric: str) -> tuple[float, ...]:
    """The quantiles that a metric is the loss of, as its name has them in percent: ``pinball_10_50_90``; else none."""
    name, *percents = metric.split("_")
    try:
        return tuple(float(percent) / 100 for percent in percents) if name == "pinball" else ()
    except ValueError:
        return ()


def base_name(metric: str) -> str:
    """The metric's name without its quantiles."""
    return "pinball" if quantile_levels(metric) else metric


def _sums_of(metric: str) -> Sums | None:
    levels = quantile_levels(metric)
    return pinball_sums(levels) if levels else SUMS.get(metric)


def greater_is_better(metric: str) -> bool:
    """Whether a higher value of the metric is better; false for losses.

    Raises:
        SpecError: there is no such metric.
    """
    if metric == COST:
        return False
    if base_name(metric) not in METRIC_NAMES:
        raise SpecError(f"metric {metric!r}: unknown{did_you_mean(metric, METRIC_NAMES)}")
    return base_name(metric) not in _LOSSES


def metric_value(metric: str, target: ArrayLike, prediction: ArrayLike) -> float:
    """The metric's value; NaN where it is undefined.

    Args:
        metric: One of ``METRIC_NAMES``; of quantiles ``pinball_10_50_90``, or what they are.
        target: (n,): 0/1, class codes 0..k-1, or numbers.
        prediction: (n,): P(class 1), or numbers; (n, k) for k classes or quantiles.
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
    sums = _sums_of(metric)
    if sums:
        rows, value = sums.rows(target, prediction), sums.value
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
    return float(ratio(wins, positive.sum() * (~positive).sum())), ratio(left, pairs)


def _pr_auc(positive: NDArray[np.bool_], scores: Floats, codes: Codes, count: int) -> tuple[float, Floats]:
    """Average precision; its deletions are exact for few blocks, and by its influence function for many."""
    order = np.argsort(-scores, kind="stable")
    hits, sorted_scores = positive[order].astype(np.float64), scores[order]
    last = np.append(np.flatnonzero(np.diff(sorted_scores)), len(scores) - 1)  # ties share one threshold
    step = np.searchsorted(last, np.arange(len(scores)))

    def average(weights: Floats) -> tuple[float, Floats, Floats]:
        above = np.cumsum(weights)[last]
        precision = ratio(np.cumsum(weights * hits)[last], above)
        gained = np.bincount(step, weights * hits, minlength=len(last))
        return float(ratio(np.nansum(gained * precision), gained.sum())), precision, above

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
    return value, value - ratio(np.bincount(codes, influence, minlength=count), len(scores) - size)
