"""Estimators that need numbers of one scale, without gaps, behind the matrix that trees take as it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

Matrix = NDArray[np.float32]
Floats = NDArray[np.float64]


class Standardised(BaseEstimator):  # type: ignore[misc]
    """Fill gaps by the median and mark them, give a category's levels columns, turn cycles into waves, scale, estimate.

    It takes the matrix of codes, so that one matrix serves all candidates and all members of an ensemble. A quantity is
    scaled too. All that is learned is kept in numbers, lists, arrays and the estimator, so that it is stored without
    pickle.

    Args:
        estimator: Fitted on the scaled matrix.
        layout: Of each column of the matrix the number of its levels (0: a number) and its period (0: no cycle).
        clip: Standard deviations beyond which a value counts as so many; 0 for no bound.
        quantity: Whether labels are a quantity.
    """

    def __init__(
        self, estimator: Any = None, layout: Sequence[tuple[int, float]] = (), clip: float = 0.0, quantity: bool = False
    ) -> None:
        self.estimator = estimator
        self.layout = layout
        self.clip = clip
        self.quantity = quantity

    def fit(self, X: Matrix, y: Floats, sample_weight: Floats | None = None) -> Self:
        """Learn medians, scales and the estimator from a matrix of codes (n, k) and labels (n,)."""
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        self.estimator.fit(self.learn(X, y), self.scaled(y), **weights)
        return self

    def learn(self, X: Matrix, y: Floats) -> Matrix:
        """Learn medians and scales alone; the matrix as the estimator takes it."""
        self.medians_ = np.array([self._median(X[:, at], levels) for at, (levels, _) in enumerate(self.layout)])
        self.gaps_ = [at for at, (levels, _) in enumerate(self.layout) if not levels and np.isnan(X[:, at]).any()]
        self.middle_ = float(np.mean(y)) if self.quantity else 0.0
        self.spread_ = (float(np.std(y)) or 1.0) if self.quantity else 1.0
        if not self.quantity:
            self.classes_ = np.unique(y)
        wide = self._wide(X)
        self.means_ = wide.mean(axis=0, dtype=np.float64).astype(np.float32)
        scales = wide.std(axis=0, dtype=np.float64).astype(np.float32)
        self.scales_ = np.where(scales > 0, scales, np.float32(1))
        return self._scale(wide)

    def scaled(self, y: Floats) -> Floats:
        """Labels as the estimator learns them."""
        return (y - self.middle_) / self.spread_ if self.quantity else y

    def widened(self, X: Matrix) -> Matrix:
        """A matrix of codes as the estimator takes it, float32."""
        return self._scale(self._wide(X))

    def predict(self, X: Matrix) -> Floats:
        """The quantity, or the likeliest class: (n,)."""
        found = np.asarray(self.estimator.predict(self.widened(X)), dtype=float)
        return found.reshape(len(X)) * self.spread_ + self.middle_ if self.quantity else found

    def predict_proba(self, X: Matrix) -> Floats:
        """Probabilities of ``classes_``: (n, k)."""
        return np.asarray(self.estimator.predict_proba(self.widened(X)), dtype=float)

    @staticmethod
    def _median(values: Matrix, levels: int) -> float:
        known = values[np.isfinite(values)]
        return 0.0 if levels or not len(known) else float(np.median(known))

    def _wide(self, X: Matrix) -> Matrix:
        parts: list[Any] = []
        for at, (levels, period) in enumerate(self.layout):
            if levels:
                parts.append(X[:, at, None] == np.arange(levels))
                continue
            values = np.where(np.isnan(X[:, at]), np.float32(self.medians_[at]), X[:, at])
            parts.append(values[:, None])
            if period:
                angle = 2 * np.pi * values.astype(float) / period
                parts.append(np.column_stack([np.sin(angle), np.cos(angle)]))
        return np.concatenate([*parts, np.isnan(X[:, self.gaps_])], axis=1, dtype=np.float32, casting="unsafe")

    def _scale(self, wide: Matrix) -> Matrix:
        wide -= self.means_
        wide /= self.scales_
        return np.clip(wide, -self.clip, self.clip, out=wide) if self.clip else wide
