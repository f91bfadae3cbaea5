"""How much of something: zeros, and amounts above."""

from __future__ import annotations

from evergreen.learning_tasks.count import Rising
from evergreen.metrics import Watched


class Amount(Rising):
    """A prediction is the mean amount, (n,)."""

    name, metric = "amount", "tweedie_deviance"
    has_power = True
    objective, watched = "tweedie", Watched("tweedie")
