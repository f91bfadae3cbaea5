"""All values of a prediction; what is undefined says why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from evergreen.arrays import Floats
from evergreen.metrics import METRICS, Metric


@dataclass(frozen=True)
class Values:
    """Values by metric, NaN where undefined, and the reason for each that is."""

    values: dict[str, float]
    undefined: dict[str, str] = field(default_factory=dict)

    def __or__(self, other: Values) -> Values:
        return Values(self.values | other.values, self.undefined | other.undefined)


def values_of(metrics: Iterable[Metric], truth: Floats, scores: Floats, decided: Floats | None = None) -> Values:
    """The value of each metric, and why it has none.

    Args:
        metrics: What is measured.
        truth: (n,): 0/1, class codes 0..k-1, or numbers.
        scores: (n,) or (n, k).
        decided: The same, for the metrics of decisions, moved so that class 1 is decided from one half on.
    """
    by_name = {metric.base: metric for metric in metrics}
    values = {
        name: metric.value(truth, scores if decided is None or metric.needs != "decisions" else decided)
        for name, metric in by_name.items()
    }
    undefined = {name: by_name[name].why_undefined(truth, scores) for name, value in values.items() if np.isnan(value)}
    return Values(values, undefined)


def each_class(truth: Floats, probabilities: Floats, decided: NDArray[np.intp], names: Sequence[object]) -> Values:
    """Each class against the rest, such as ``f1/red``; decisions are the whole model's, not a threshold on a class.

    Args:
        truth: (n,): class codes.
        probabilities: (n, k).
        decided: (n,): the codes that the model decides.
        names: Of the k classes.
    """
    metrics = [metric for metric in METRICS.values() if metric.each_class]
    values, undefined = {}, {}
    for code, label in enumerate(names):
        positive, hard = truth == code, (decided == code).astype(np.float64)
        for metric in metrics:
            side = hard if metric.needs == "decisions" else probabilities[:, code]
            value = values[f"{metric.name}/{label}"] = metric.value(positive.astype(np.float64), side)
            if np.isnan(value):
                undefined[f"{metric.name}/{label}"] = _why(label, positive)
    return Values(values, undefined)


def _why(label: object, positive: NDArray[np.bool_]) -> str:
    if positive.all():
        return f"all rows are of class {label}"
    return f"no row is predicted as class {label}" if positive.any() else f"no row is of class {label}"
