"""Metrics of the order that probabilities give.

ROC AUC is no function of sums; its deletions follow from the pairs that each row wins (the placement values of DeLong
et al. 1988) and those within each block.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from evergreen.arrays import Floats
from evergreen.metrics.metric import Codes, Metric, Watched, ratio

#: Block deletions of pr_auc are exact up to this many blocks, and first-order beyond.
_EXACT_DELETIONS = 100


class _Ranked(Metric):
    """A figure of the order of the scores: of class 1, or the mean over several classes that occur."""

    tasks = ("binary", "multiclass")
    greater_is_better = True
    most = 1.0
    needs: Literal["probabilities"] = "probabilities"
    each_class = True
    estimated_from: Literal["chances"] = "chances"

    @abstractmethod
    def of_class(
        self, positive: NDArray[np.bool_], scores: Floats, codes: Codes, count: int
    ) -> tuple[float, Floats]:  # fmt: skip
        """The figure of one class against the rest, and without each block."""

    @abstractmethod
    def expected_of_class(self, chance: Floats, scores: Floats) -> float:
        """The figure of rows that are of the class with a chance, (n,)."""

    def _deletions(self, target: Floats, prediction: Floats, codes: Codes, count: int) -> tuple[float, Floats]:
        if prediction.ndim == 1:
            return self.of_class(target == 1, prediction, codes, count)
        each = [self.of_class(target == k, prediction[:, k], codes, count) for k in range(prediction.shape[1])]
        known = [pair for pair in each if not np.isnan(pair[0])]
        if not known:
            return np.nan, np.full(count, np.nan)
        return float(np.mean([pair[0] for pair in known])), np.mean([pair[1] for pair in known], axis=0)

    def from_chances(self, chances: Floats, prediction: Floats) -> float:
        """The figure of class 1, or the mean over several classes."""
        if prediction.ndim == 1:
            return self.expected_of_class(chances[:, 1], prediction)
        each = [self.expected_of_class(chances[:, k], prediction[:, k]) for k in range(prediction.shape[1])]
        return float(np.nanmean(each)) if not np.isnan(each).all() else np.nan


class RocAuc(_Ranked):
    """The share of pairs of a row of the class and another one in which the former has the higher score."""

    name, watched = "roc_auc", Watched("auc", "roc_auc", greater_is_better=True)

    def of_class(self, positive: NDArray[np.bool_], scores: Floats, codes: Codes, count: int) -> tuple[float, Floats]:
        """Mann and Whitney's won pairs: all, less those with a side in the block, plus those inside it, lost twice."""
        from scipy import stats

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

    def expected_of_class(self, chance: Floats, scores: Floats) -> float:
        """Won pairs among expected ones; a row does not meet itself."""
        ones, zeros = _steps(chance, scores)
        itself = float((chance * (1 - chance)).sum())
        wins = float((ones * (np.cumsum(zeros) - zeros / 2)).sum()) - itself / 2
        return float(ratio(wins, ones.sum() * zeros.sum() - itself))


class PrAuc(_Ranked):
    """Average precision: the mean of the precision at each threshold, weighted by the recall gained there."""

    name, watched = "pr_auc", Watched("average_precision", greater_is_better=True)

    def of_class(self, positive: NDArray[np.bool_], scores: Floats, codes: Codes, count: int) -> tuple[float, Floats]:
        """Its deletions are exact for few blocks, and by its influence function for many."""
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

    def expected_of_class(self, chance: Floats, scores: Floats) -> float:
        """The average precision of expected rows."""
        ones, zeros = (side[::-1] for side in _steps(chance, scores))
        precision = ratio(np.cumsum(ones), np.cumsum(ones + zeros))
        return float(ratio((ones * precision).sum(), ones.sum()))


def _steps(chance: Floats, scores: Floats) -> tuple[Floats, Floats]:
    """Expected rows of the class and of the others at each distinct score, from the least."""
    place = np.unique(scores, return_inverse=True)[1].reshape(-1)
    ones, all_rows = np.bincount(place, chance).astype(np.float64), np.bincount(place)
    return ones, np.asarray(all_rows - ones)
