"""What a kind of task is: how its labels become numbers, what its predictions are, and what judges them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from evergreen.arrays import Floats
from evergreen.errors import SpecError, did_you_mean
from evergreen.learning_tasks.values import Values, values_of
from evergreen.metrics import METRICS, Metric, Watched, find_metric

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

#: Columns of a prediction in the ledger, whatever the task.
PREDICTION, DECISION = "prediction", "decision"
#: The threshold from which class 1 is decided where none was chosen.
EVEN = 0.5


class LearningTask(ABC):
    """A kind of task; code asks it for what it is, never for its name.

    Attributes:
        name: As a spec and records have it.
        metric: The primary metric by default.
        more_metrics: Names of metrics that fit it, beside those that name it.
        classes: Labels are classes; else they are numbers.
        columns: A prediction is (n, k), with a column a class or a quantile; else it is (n,).
        rises: Numbers from zero up, learned on the scale of their logarithm; they may be in proportion to an exposure.
        decides: A threshold decides between two classes, and errors may have costs.
        levels: The spec says which quantiles are predicted.
        has_power: The variance grows with a power of the mean that the spec or the rows say.
        any_sign: Numbers of any size; where none is negative, some recipes learn their logarithm.
        estimated_from: What a metric's value follows from where labels are not known; empty for nothing.
        objective: What boosting learns unless the primary metric has an objective of its own, as LightGBM names it.
        watched: The task's own loss, which boosting watches where it cannot watch the primary metric.
        watches_metric: Boosting can watch the primary metric.
    """

    name: str
    metric: str
    more_metrics: tuple[str, ...] = ()
    classes: bool = False
    columns: bool = False
    rises: bool = False
    decides: bool = False
    levels: bool = False
    has_power: bool = False
    any_sign: bool = False
    estimated_from: Literal["", "chances", "means"] = "means"
    objective: str
    watched: Watched
    watches_metric: bool = True

    def __repr__(self) -> str:
        return self.name

    def metrics(self) -> list[Metric]:
        """Every metric that fits, in the order of their table."""
        return [one for one in METRICS.values() if self.name in one.tasks or one.name in self.more_metrics]

    def primary(self, name: str) -> Metric:
        """The metric of that name, to be made best.

        Raises:
            SpecError: there is no such metric, or it does not fit.
        """
        fitting = [metric.base for metric in self.metrics() if metric.primary]
        try:
            metric = find_metric(name)
        except SpecError:
            raise SpecError(f"training.metric: {name!r} is no metric{did_you_mean(name, fitting)}") from None
        if metric.base not in fitting:
            raise SpecError(
                f"training.metric: {name} does not fit a {self.name} model; choose from {', '.join(fitting)}"
            )
        return metric

    def metric_name(self, name: str | None, quantiles: Sequence[float]) -> str:
        """The name of the primary metric, with the parameters that the spec gives it.

        Args:
            name: As the spec has it; None for the task's own.
            quantiles: Those of the spec.
        """
        return name or self.metric

    def watches(self, metric: str) -> Watched:
        """What boosting watches to stop early."""
        return (find_metric(metric).watched if self.watches_metric else None) or self.watched

    def why_not_estimated(self, metric: str) -> str:
        """Why a metric cannot be estimated where labels are not known; empty where it can."""
        fitting = [known.name for known in METRICS.values() if known.estimated_from == self.estimated_from]
        if metric in fitting:
            return ""
        return f"{metric} of a {self.name} model cannot be estimated; choose from {', '.join(fitting)}"

    @abstractmethod
    def suits(self, levels: Sequence[Any]) -> bool:
        """Whether a target of these distinct values, two or more, is taken for this task where the spec names none."""

    @abstractmethod
    def encode(self, series: pd.Series, classes: Sequence[str] | None = None) -> tuple[Floats, tuple[str, ...]]:
        """Labels as float64 of shape (n,), NaN where there is none; and the classes, none for a quantity.

        Args:
            series: Labels as they stand in the table.
            classes: Those of an earlier call, in their order; found here when left out.

        Raises:
            TrainingError: labels that the task cannot learn from.
        """

    def column_names(self, classes: Sequence[str], quantiles: Sequence[float]) -> tuple[str, ...]:
        """Names of what a prediction is of: the classes, or the quantiles; none of a quantity."""
        return tuple(classes)

    def of_probabilities(self, probabilities: Floats) -> Floats:
        """A prediction from the probabilities (n, k) of all classes."""
        return probabilities

    def of_numbers(self, numbers: Floats) -> Floats:
        """A prediction from what an estimator of numbers says."""
        return numbers

    def moved(self, prediction: Floats, threshold: float) -> Floats:
        """A prediction in the same order, so that what is decided from the threshold is so from one half."""
        return prediction

    def values(
        self, truth: Floats, prediction: Floats, classes: Sequence[object] | None = None, threshold: float = EVEN
    ) -> Values:
        """All values of a prediction.

        Args:
            truth: (n,): 0/1, class codes 0..k-1, or numbers.
            prediction: (n,): P(class 1), or numbers; (n, k) for k classes or quantiles.
            classes: Names of the codes 0..k-1, or the quantiles.
            threshold: From which probability class 1 is decided, for the metrics of decisions.
        """
        return values_of(self.metrics(), truth, prediction)

    def baseline(
        self, target: Floats, n: int, classes: Sequence[object] | None = None, metric: str | None = None,
        exposures: tuple[ArrayLike, ArrayLike] | None = None,
    ) -> Floats:  # fmt: skip
        """What one would predict for ``n`` rows without looking at them.

        Args:
            target: (m,): the targets seen in training.
            n: Rows to predict.
            classes: The classes, so that one missing in ``target`` has its column; or the quantiles.
            metric: Some have their best constant at the median instead of the mean.
            exposures: Of the targets (m,) and of the rows (n,): the mean is then a rate.
        """
        if exposures:
            seen, now = (np.asarray(side, dtype=np.float64) for side in exposures)
            return np.asarray(now * target.sum() / seen.sum())
        middle = np.median(target) if metric and find_metric(metric).median else np.mean(target)
        return np.full(n, float(middle))

    def ledger_columns(self, classes: Sequence[str]) -> list[str]:
        """The columns of the ledger beside ``prediction``: one a class of several, or one a quantile."""
        return []

    def ledger(self, prediction: Floats, classes: Sequence[str], threshold: float) -> dict[str, Any]:
        """What the ledger keeps of a prediction, by column: ``prediction``, ``ledger_columns``, ``decision``."""
        said = self.table(prediction, classes, threshold)
        return {**said, DECISION: said[PREDICTION]}

    def table(self, prediction: Floats, classes: Sequence[str], threshold: float) -> dict[str, Any]:
        """What a file of predictions says, by column."""
        return {PREDICTION: prediction}

    @abstractmethod
    def figures(self, truth: Floats, prediction: Floats, classes: Sequence[str] | None = None) -> dict[str, Figure]:
        """The figures of a prediction, by name; arguments as of ``values``."""
