"""What errors cost a row in the mean: reported where the spec says what each costs."""

from __future__ import annotations

from evergreen.arrays import Floats
from evergreen.metrics.sums import Mean


class Cost(Mean):
    """The mean of what each row costs, which stands in the place of its prediction."""

    name, primary = "cost", False

    def loss(self, target: Floats, prediction: Floats) -> Floats:
        """What each row costs."""
        return prediction
