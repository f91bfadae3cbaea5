"""A weighted mean of models, and which of those that were fitted anyway are worth being its members."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from evergreen.arrays import Floats
from evergreen.training.families.prediction import in_halves

logger = logging.getLogger(__name__)

#: The value of predictions for rows by position, larger is better.
Score = Callable[[NDArray[np.int64], Floats], float]

#: Microseconds a row that an ensemble may cost in any case: some times next to nothing would leave a line alone.
_QUICK = 15.0
#: Members added one by one, with repetition: a weight is a multiple of one over this.
_STEPS = 20
#: Steps in a row that bring nothing, after which no more are taken.
_PLATEAU = 4


@dataclass(frozen=True)
class Price:
    """What scoring a row by a candidate costs, in microseconds, and of how many fits it is the mean."""

    cost: float
    fits: int = 1


class Ensemble(BaseEstimator):  # type: ignore[misc]
    """The weighted mean of its members' predictions, all of them made from one matrix.

    Args:
        members: Estimators, fitted by whoever builds the ensemble.
        weights: One a member; they add up to 1.
    """

    def __init__(self, members: Sequence[Any] = (), weights: Sequence[float] = ()) -> None:
        self.members = members
        self.weights = weights

    def __sklearn_is_fitted__(self) -> bool:
        return len(self.members) > 0

    def fit(self, X: Any, y: Floats, sample_weight: Floats | None = None) -> Self:
        """Fit every member; a Pipeline predicts only with estimators that can be fitted."""
        for member in self.members:
            member.fit(X, y, sample_weight=sample_weight)
        return self

    @property
    def classes_(self) -> NDArray[Any]:
        """The classes, which all members have seen."""
        return np.asarray(self.members[0].classes_)

    def predict(self, X: Any) -> NDArray[Any]:
        """The mean quantity, or the class of the highest mean probability: (n,)."""
        if hasattr(self.members[0], "classes_"):
            return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])
        return self._mean([in_halves(member, member.predict, X) for member in self.members])

    def predict_proba(self, X: Any) -> Floats:
        """Mean probabilities of ``classes_``: (n, k)."""
        return self._mean([in_halves(member, member.predict_proba, X) for member in self.members])

    def _mean(self, predictions: list[Floats]) -> Floats:
        return weighted(predictions, self.weights)


def weighted(predictions: Sequence[Floats], weights: Sequence[float]) -> Floats:
    """The weighted sum of predictions of one shape, always added up in the same order."""
    total: Floats = np.zeros_like(predictions[0])
    for values, weight in zip(predictions, weights, strict=True):
        total = total + weight * values
    return total


def highest_cost(best: Price, factor: float) -> float:
    """What scoring a row by an ensemble may cost, in microseconds, beside one fit of the best candidate."""
    return max(factor * best.cost / best.fits, _QUICK)


def select(
    predictions: Sequence[Floats],
    prices: Sequence[Price],
    score: Score,
    rows: NDArray[np.int64],
    most: int,
    bound: float,
) -> dict[int, float]:
    """Greedy selection with repetition (Caruana et al. 2004, Ensemble selection from libraries of models).

    It begins with the best two, since the best alone owes its place to luck too; each step adds the candidate after
    which the mean scores best, and selection ends at the step that scored best. A candidate that would make the
    ensemble too large or too slow cannot be added.

    Args:
        predictions: Of each candidate for the same n rows.
        prices: What scoring a row by each candidate costs.
        score: What is made large.
        rows: Positions of the rows to choose on.
        most: Fits at most.
        bound: The cost of all members at most.

    Returns:
        Weights by candidate, adding up to 1.
    """
    own = [values[rows] for values in predictions]
    order = np.argsort([-score(rows, values) for values in own], kind="stable").tolist()

    def fits_in(places: Iterable[int]) -> bool:
        taken = [prices[at] for at in places]
        return sum(one.cost for one in taken) <= bound and sum(one.fits for one in taken) <= most

    chosen = order[:2] if fits_in(order[:2]) else order[:1]
    best, total = chosen, sum(own[at] for at in chosen)
    reached = score(rows, total / len(chosen))
    for _ in range(_STEPS - len(chosen)):
        members = set(chosen)
        allowed = [at for at in range(len(own)) if at in members or fits_in({*members, at})]
        means = [score(rows, (total + own[at]) / (len(chosen) + 1)) for at in allowed]
        at = allowed[int(np.argmax(means))]
        chosen, total = [*chosen, at], total + own[at]
        if max(means) > reached:
            best, reached = chosen, max(means)
        elif len(chosen) - len(best) >= _PLATEAU:
            break
    return {at: best.count(at) / len(best) for at in dict.fromkeys(best)}


def honest_gains(
    predictions: Sequence[Floats], prices: Sequence[Price], score: Score, parts: Sequence[NDArray[np.int64]], most: int,
    factor: float,
) -> list[float]:  # fmt: skip
    """What an ensemble gains, part by part, on rows that chose neither it nor the best single model.

    Args:
        predictions: Of each candidate for the same rows.
        prices: What scoring a row by each costs.
        score: Larger is better.
        parts: Positions; each part judges once, the others choose.
        most: Fits at most.
        factor: The cost of all members at most, in costs of one fit of the best candidate.
    """
    gains = []
    for number, judging in enumerate(parts):
        rows = np.sort(np.concatenate([part for at, part in enumerate(parts) if at != number]))
        single = int(np.argmax([score(rows, values[rows]) for values in predictions]))
        weights = select(predictions, prices, score, rows, most, highest_cost(prices[single], factor))
        mixed = weighted([predictions[at][judging] for at in weights], list(weights.values()))
        gains.append(score(judging, mixed) - score(judging, predictions[single][judging]))
    return gains
