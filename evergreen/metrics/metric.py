"""What a metric is: its direction and its bounds, its value and its values without each block of rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evergreen.arrays import Floats

Codes = NDArray[np.intp]


@dataclass(frozen=True)
class Watched:
    """What LightGBM watches to stop early.

    ``name`` is LightGBM's own; ``metric`` is that of ours whose values it gives, empty for none, so that they can be
    held against another candidate's.
    """

    name: str
    metric: str = ""
    greater_is_better: bool = False


class Metric(ABC):
    """A metric: what it measures, and how it is reported, estimated and made best.

    Attributes:
        name: As a spec and records have it.
        tasks: Names of the tasks that it fits.
        greater_is_better: False for losses.
        least: No value is below.
        most: No value is above.
        needs: What a prediction must say: decided classes, their probabilities, numbers or quantiles.
        each_class: It is reported for each class against the rest, too.
        primary: It may be what is made best: a constant, or an interval without end, would be best by some.
        interval: It is reported with its interval beside the primary metric.
        median: Of all constants the median is best, not the mean.
        estimated_from: Without labels its value follows from the chances of the classes, or from means of quantities.
        watched: What boosting watches to stop early; None for the task's own loss.
        objective: What boosting learns, as LightGBM names it; empty for the task's own.
        refuses_zeros: What is made best by it cannot be fitted to a target of 0.
        fixed_power: Of the mean, that the variance of an amount is in proportion to where this is made best; None where
            the task says it.
        levels: The quantiles that it is the loss of; none of any other.
    """

    name: str
    tasks: tuple[str, ...] = ()
    greater_is_better: bool = False
    least: float = 0.0
    most: float = np.inf
    needs: Literal["decisions", "probabilities", "numbers", "quantiles"] = "numbers"
    each_class: bool = False
    primary: bool = True
    interval: bool = False
    median: bool = False
    estimated_from: Literal["", "chances", "means"] = ""
    watched: Watched | None = None
    objective: str = ""
    refuses_zeros: bool = False
    fixed_power: float | None = None
    levels: tuple[float, ...] = ()

    def __repr__(self) -> str:
        return self.name

    @property
    def base(self) -> str:
        """The name without parameters."""
        return self.name

    @property
    def sign(self) -> int:
        """1 where a higher value is better, -1 for losses."""
        return 1 if self.greater_is_better else -1

    def named(self, name: str) -> Metric | None:
        """This metric with the parameters that a name carries, such as ``pinball_10_90``; None for any other name."""
        return None

    def value(self, target: ArrayLike, prediction: ArrayLike) -> float:
        """The metric's value; NaN where it is undefined.

        Args:
            target: (n,): 0/1, class codes 0..k-1, or numbers.
            prediction: (n,): P(class 1), or numbers; (n, k) for k classes or quantiles.
        """
        truth, scores = np.asarray(target, dtype=np.float64), np.asarray(prediction, dtype=np.float64)
        return self.deletions(truth, scores, np.zeros(len(truth), np.intp), 0)[0]

    def deletions(self, target: Floats, prediction: Floats, codes: Codes, count: int) -> tuple[float, Floats]:
        """The value on all rows, and without each of ``count`` blocks, (count,); ``codes`` (n,) say a row's block."""
        if len(target) == 0 or np.isnan(prediction).any() or np.isnan(target).any():
            return np.nan, np.full(count, np.nan)
        return self._deletions(target, prediction, codes, count)

    @abstractmethod
    def _deletions(self, target: Floats, prediction: Floats, codes: Codes, count: int) -> tuple[float, Floats]:
        """As ``deletions``, of at least one row and without missing values."""

    def why_undefined(self, target: Floats, prediction: Floats) -> str:
        """The reason, in words, why there is no value for these rows."""
        if len(target) == 0:
            return "there are no rows"
        if np.isnan(target).any() or np.isnan(prediction).any():
            return "a target or a prediction is missing"
        return self._why_undefined(target, prediction)

    def _why_undefined(self, target: Floats, prediction: Floats) -> str:
        return f"all {len(target)} rows are of class {target[0]:g}"

    def from_chances(self, chances: Floats, prediction: Floats) -> float:
        """The value of rows of which row i is of class k with ``chances[i, k]``.

        Args:
            chances: (n, k), each row of sum 1.
            prediction: (n,): P(class 1); (n, k) for k classes.
        """
        raise NotImplementedError(f"{self.name} does not follow from the chances of classes")

    def quantities(self, target: Floats, prediction: Floats) -> tuple[Floats, ...]:
        """What the metric needs the means of where labels are not known, (n,) each; the first is the loss."""
        raise NotImplementedError(f"{self.name} does not follow from the means of quantities")

    def from_means(self, means: tuple[float, ...]) -> float:
        """The value from the means of ``quantities``."""
        return float(means[0])


def ratio(top: Any, bottom: Any) -> Floats:
    """One divided by the other; NaN where the other is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.asarray(bottom) != 0, np.asarray(top) / np.asarray(bottom), np.nan)
