"""From which probability class 1 is decided, and what wrong decisions cost."""

from __future__ import annotations

from dataclasses import dataclass

from evergreen.arrays import Floats
from evergreen.learning_tasks import EVEN
from evergreen.spec import Costs


@dataclass(frozen=True)
class Decisions:
    """How two sides decide between two classes: the threshold of each, and what errors cost where the spec says it."""

    ours: float = EVEN
    theirs: float = EVEN
    costs: Costs | None = None


def decisions_of(ours: float, theirs: float | None, costs: Costs | None) -> Decisions:
    """The thresholds of two versions; ``theirs`` is None for a constant, which decides as the costs alone say.

    That is fp / (fp + fn), where probabilities are true (Elkan 2001, The foundations of cost-sensitive learning).
    """
    if theirs is None:
        theirs = costs.false_positive / (costs.false_positive + costs.false_negative) if costs else ours
    return Decisions(ours, theirs, costs)


def costs_of(target: Floats, predictions: Floats, threshold: float, costs: Costs) -> Floats:
    """What deciding each row costs, (n,).

    Args:
        target: (n,): 0 or 1.
        predictions: (n,): P(class 1).
        threshold: From which class 1 is decided.
        costs: Of each kind of error.
    """
    decided = predictions >= threshold
    found: Floats = costs.false_positive * (decided & (target == 0)) + costs.false_negative * (~decided & (target == 1))
    return found
