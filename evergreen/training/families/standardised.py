"""Estimators that need numbers of one scale, without gaps, behind the matrix that trees take as it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator

from evergreen.arrays import Floats, Matrix

#: The middle half of a normal distribution in standard deviations, and where bent values end.
_MIDDLE_HALF, _BEND = 1.349, 3.0


class Standardised(BaseEstimator):  # type: ignore[misc]
    """Fill gaps and mark them, give a category's levels columns, turn cycles into waves, scale, estimate.

    It takes the matrix of codes, so that one matrix serves all candidates and all members of an ensemble. A quantity is
    scaled too. All that is learned is kept in numbers, lists, arrays and the estimator, so that it is stored without
    pickle.

    Args:
        estimator: Fitted on the scaled matrix.
        layout: Of each column of the matrix the number of its levels (0: a number), its period (0: no cycle), what
            fills a gap (of levels NaN: nothing), and whether gaps are marked.
        clip: Standard deviations beyond which a value counts as so many; 0 for no bound.
        quantity: Whether labels are a quantity.
        bent: Scale numbers by their middle half instead, and bend wild ones smoothly towards the bound.
        log: Learn the logarithm of one more than the quantity, which must not be negative.
    """

    def __init__(
        self,
        estimator: Any = None,
        layout: Sequence[tuple[int, float, float, bool]] = (),
        clip: float = 0.0,
        quantity: bool = False,
        bent: bool = False,
        log: bool = False,
    ) -> None:
        self.estimator = estimator
        self.layout = layout
        self.clip = clip
        self.quantity = quantity
        self.bent = bent
        self.log = log

    def fit(self, X: Matrix, y: Floats, sample_weight: Floats | None = None) -> Self:
        """Learn medians, scales and the estimator from a matrix of codes (n, k) and labels (n,)."""
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        self.estimator.fit(self.learn(X, y), self.scaled(y), **weights)
        return self

    def learn(self, X: Matrix, y: Floats) -> Matrix:
        """Learn scales alone; the matrix as the estimator takes it."""
        self.gaps_ = [at for at, one in enumerate(self.layout) if one[3] and np.isnan(X[:, at]).any()]
        shape = np.log1p(y) if self.log else y
        self.middle_ = float(np.mean(shape)) if self.quantity else 0.0
        self.spread_ = (float(np.std(shape)) or 1.0) if self.quantity else 1.0
        self.highest_ = float(np.max(y)) if self.quantity else 0.0
        if not self.quantity:
            self.classes_ = np.unique(y)
        wide = self._wide(X)
        self.means_ = wide.mean(axis=0, dtype=np.float64).astype(np.float32)
        scales = wide.std(axis=0, dtype=np.float64).astype(np.float32)
        if self.bent:
            low, middle, high = np.quantile(wide, (0.25, 0.5, 0.75), axis=0).astype(np.float32)
            # What is the same in half of the rows has no middle half: there the spread of all rows has to do.
            narrow = high > low
            self.means_ = np.where(narrow, middle, self.means_)
            scales = np.where(narrow, (high - low) / np.float32(_MIDDLE_HALF), scales)
        self.scales_ = np.where(scales > 0, scales, np.float32(1))
        return self._scale(wide)

    def scaled(self, y: Floats) -> Floats:
        """Labels as the estimator learns them."""
        return ((np.log1p(y) if self.log else y) - self.middle_) / self.spread_ if self.quantity else y

    def widened(self, X: Matrix) -> Matrix:
        """A matrix of codes as the estimator takes it, float32."""
        return self._scale(self._wide(X))

    def predict(self, X: Matrix) -> Floats:
        """The quantity, or the likeliest class: (n,)."""
        found = np.asarray(self.estimator.predict(self.widened(X)), dtype=float)
        if not self.quantity:
            return found
        quantity: Floats = found.reshape(len(X)) * self.spread_ + self.middle_
        # Beyond twice the highest label a power of e runs away.
        return np.clip(np.expm1(np.minimum(quantity, 700.0)), 0.0, 2 * self.highest_) if self.log else quantity

    def predict_proba(self, X: Matrix) -> Floats:
        """Probabilities of ``classes_``: (n, k)."""
        return np.asarray(self.estimator.predict_proba(self.widened(X)), dtype=float)

    @property
    def origins(self) -> list[int]:
        """The column of the matrix that each column which the estimator takes was made of."""
        widths = [levels or (3 if period else 1) for levels, period, _, _ in self.layout]
        return [*(at for at, width in enumerate(widths) for _ in range(width)), *self.gaps_]

    def _wide(self, X: Matrix) -> Matrix:
        wide = np.empty((len(X), len(self.origins)), dtype=np.float32)
        for at, values in enumerate(self._columns(X)):
            wide[:, at] = values
        return wide

    def _columns(self, X: Matrix) -> Iterator[Any]:
        for at, (levels, period, fill, _) in enumerate(self.layout):
            values = np.where(np.isnan(X[:, at]), np.float32(fill), X[:, at])
            if levels:
                yield from (values == level for level in range(levels))
                continue
            yield values
            if period:
                angle = 2 * np.pi * values.astype(float) / period
                yield from (np.sin(angle), np.cos(angle))
        yield from (np.isnan(X[:, at]) for at in self.gaps_)

    def _scale(self, wide: Matrix) -> Matrix:
        wide -= self.means_
        wide /= self.scales_
        if self.bent:
            # Holzmueller et al. 2024, Better by default: x / sqrt(1 + (x / 3)^2).
            wide /= np.sqrt(1 + (wide / np.float32(_BEND)) ** 2)
            return wide
        return np.clip(wide, -self.clip, self.clip, out=wide) if self.clip else wide
