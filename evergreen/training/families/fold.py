"""A part of the rows as a matrix, with all that a fit needs beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from evergreen.arrays import Floats

#: Values of a matrix below which a second thread does not pay.
SMALL_MATRIX = 200_000


@dataclass(frozen=True)
class Fold:
    """A matrix (n, k), its labels and weights (n,).

    ``kept`` is what a family keeps for all candidates that take this matrix, such as its bins. ``most_threads`` is how
    many threads a fit may use.
    """

    x: Any
    y: Floats
    weight: Floats | None = None
    kept: dict[str, Any] = field(default_factory=dict)
    most_threads: int = 1

    @property
    def threads(self) -> int:
        """Threads for this matrix: one where it is small, where several wait for each other longer than they work."""
        return 1 if self.x.size < SMALL_MATRIX else self.most_threads

    @property
    def weights(self) -> dict[str, Floats]:
        """The weights as arguments of an estimator's ``fit``; none where rows have none."""
        return {} if self.weight is None else {"sample_weight": self.weight}
