"""How often something happens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from evergreen.arrays import Floats
from evergreen.learning_tasks.regression import OfNumbers
from evergreen.metrics import Watched

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: The least mean that is predicted: a loss on the scale of logarithms has no place for 0.
LEAST = 1e-6


class Rising(OfNumbers):
    """Numbers from 0 up, of which the mean is predicted, for an exposure of 1."""

    rises = True

    def of_numbers(self, numbers: Floats) -> Floats:
        """Never 0 or below."""
        return np.maximum(numbers, LEAST)

    def figures(self, truth: Floats, prediction: Floats, classes: Sequence[str] | None = None) -> dict[str, Figure]:
        """Means by tenths of the rows, and residuals."""
        from evergreen.figures.quantities import residuals, tenths

        return {"predicted_vs_observed": tenths(truth, prediction), "residuals": residuals(truth, prediction)}


class Count(Rising):
    """A prediction is the mean count, (n,)."""

    name, metric = "count", "poisson_deviance"
    objective, watched = "poisson", Watched("poisson")
