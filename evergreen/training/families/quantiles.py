"""Quantiles: one estimator each, in order; and how far to move them so that they cover what they say."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from evergreen.arrays import Floats
from evergreen.statistics import paired_interval
from evergreen.training.families.prediction import in_halves

logger = logging.getLogger(__name__)


#: Fewer rows than this say too little about tails to move anything, and parts that judge a move in turn.
_FEWEST_ROWS, _PARTS = 200, 5


class Quantiles(BaseEstimator):  # type: ignore[misc]
    """One estimator a quantile; where they cross, a row's values change places.

    Sorting never loses (Chernozhukov et al. 2010, Quantile and probability curves without crossing).

    Args:
        members: Estimators, fitted by whoever builds this, in the order of the quantiles.
    """

    def __init__(self, members: Sequence[Any] = ()) -> None:
        self.members = members

    def __sklearn_is_fitted__(self) -> bool:
        return len(self.members) > 0

    def fit(self, X: Any, y: Floats, sample_weight: Floats | None = None) -> Self:
        """Fit every member on rows (n, k) and numbers (n,)."""
        for one in self.members:
            one.fit(X, y, sample_weight=sample_weight)
        return self

    def predict(self, X: Any) -> Floats:
        """The quantiles, ascending: (n, k)."""
        return np.sort(np.column_stack([in_halves(one, one.predict, X) for one in self.members]), axis=1)

    @property
    def middle(self) -> Any:
        """The estimator of the middle quantile."""
        return self.members[middle(len(self.members))]


def middle(count: int) -> int:
    """The place of the middle one of ``count`` quantiles, the lower of two."""
    return (count - 1) // 2


def shifts_for(
    levels: Sequence[float], metric: str, target: Floats, predictions: Floats, parts: NDArray[np.int64]
) -> tuple[float, ...]:
    """By how much to move each quantile, so that its share of the targets lies below it; nothing where it is no help.

    Split conformal prediction, a quantile at a time (Romano et al. 2019, Conformalized quantile regression: there for
    both ends of an interval at once). A move is kept where, on parts that did not choose it, shares come nearer to what
    they should be and the loss is not shown to rise.

    Args:
        levels: The quantiles.
        metric: Their loss.
        target: (n,): of rows that the predictions were not fitted on.
        predictions: (n, k).
        parts: (n,): the part of each row, such as its day; rows of a part stay together.

    Returns:
        One a quantile, or empty.
    """
    if len(target) < _FEWEST_ROWS or len(np.unique(parts)) < _PARTS:
        return ()
    fold = np.unique(parts, return_inverse=True)[1].reshape(-1) % _PARTS
    moved = np.empty_like(predictions)
    for part in range(_PARTS):
        aside = fold == part
        moved[aside] = np.sort(predictions[aside] + _shifts(levels, target[~aside], predictions[~aside]), axis=1)
    before, after = (_off(levels, target, values) for values in (predictions, moved))
    # A loss that rises a little may be chance, too small a coverage for every row is none.
    worse = paired_interval(metric, target, moved, predictions, parts).high < 0
    if worse or after >= before:
        logger.info("quantiles stay as they are: their shares are off by %.3f, moved by %.3f", before, after)
        return ()
    logger.info("quantiles are moved: their shares were off by %.3f, and now by %.3f", before, after)
    return tuple(float(shift) for shift in _shifts(levels, target, predictions))


def _shifts(levels: Sequence[float], target: Floats, predictions: Floats) -> Floats:
    errors = target[:, None] - predictions
    return np.array([np.quantile(errors[:, at], level) for at, level in enumerate(levels)])


def _off(levels: Sequence[float], target: Floats, predictions: Floats) -> float:
    """How far the shares of targets at or below each quantile are from what they should be, in the mean."""
    shares = (target[:, None] <= predictions).mean(axis=0)
    return float(np.abs(shares - np.asarray(levels)).mean())
