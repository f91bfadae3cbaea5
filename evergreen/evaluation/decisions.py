"""From which probability class 1 is decided, and what wrong decisions cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evergreen.spec import Costs

Floats = NDArray[np.float64]

#: The threshold where none was chosen, and the metrics that depend on it.
EVEN = 0.5
DECIDED = ("accuracy", "balanced_accuracy", "precision", "recall", "f1", "mcc")


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


def moved(predictions: Floats, threshold: float) -> Floats:
    """Probabilities of class 1, (n,), in the same order, so that what is decided from the threshold is so from 0.5."""
    if threshold == EVEN or predictions.ndim > 1:
        return predictions
    above = EVEN + EVEN * (predictions - threshold) / (1 - threshold)
    return np.where(predictions >= threshold, np.maximum(above, EVEN), EVEN * predictions / threshold)


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
