"""The metrics of each task, and the values of a prediction; what is undefined says why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evergreen.errors import SpecError, did_you_mean
from evergreen.evaluation.decisions import DECIDED, EVEN, moved
from evergreen.spec import TASKS, Task, quantile_metric
from evergreen.statistics import base_name, decide_class, greater_is_better, metric_value

_CLASSES: tuple[Task, ...] = ("binary", "multiclass")
_RISING: tuple[Task, ...] = ("count", "amount")
_NUMBERS: tuple[Task, ...] = ("regression", *_RISING)
_TASKS: dict[str, tuple[Task, ...]] = {
    "accuracy": _CLASSES,
    "balanced_accuracy": _CLASSES,
    "precision": _CLASSES,
    "recall": _CLASSES,
    "f1": _CLASSES,
    "mcc": _CLASSES,
    "roc_auc": _CLASSES,
    "pr_auc": _CLASSES,
    "log_loss": _CLASSES,
    "brier": _CLASSES,
    "mae": _NUMBERS,
    "rmse": _NUMBERS,
    "r2": _NUMBERS,
    "mape": ("regression",),
    "pinball": ("regression", "quantile"),
    "coverage": ("quantile",),
    "width": ("quantile",),
    "poisson_deviance": ("count",),
    "tweedie_deviance": ("amount",),
    "gamma_deviance": ("amount",),
    "bias": _RISING,
}
#: Reported, never what is made best: a constant, or an interval without end, would be.
_REPORTED = ("coverage", "width", "bias")
#: Values that stand beside the primary one with an interval.
WITH_INTERVAL = ("coverage", "bias")
_PER_CLASS = ("precision", "recall", "f1", "roc_auc", "pr_auc")


@dataclass(frozen=True)
class Metric:
    """A metric: the tasks it fits, its direction, and ``function(target, prediction)``."""

    name: str
    tasks: tuple[Task, ...]
    greater_is_better: bool
    function: Callable[[ArrayLike, ArrayLike], float]


#: Every metric by name. A value's interval comes from ``evergreen.statistics`` under the same name.
METRICS: dict[str, Metric] = {
    name: Metric(name, tasks, greater_is_better(name), partial(metric_value, name)) for name, tasks in _TASKS.items()
}


@dataclass(frozen=True)
class Values:
    """Values by metric, NaN where undefined, and the reason for each that is."""

    values: dict[str, float]
    undefined: dict[str, str] = field(default_factory=dict)


def check_metric(task: Task, name: str) -> Metric:
    """The metric of that name, if it fits the task.

    Raises:
        SpecError: there is no such metric for the task.
    """
    fitting = [metric.name for metric in METRICS.values() if task in metric.tasks and metric.name not in _REPORTED]
    base = base_name(name)
    if base not in METRICS:
        raise SpecError(f"training.metric: {name!r} is no metric{did_you_mean(name, fitting)}")
    if base not in fitting:
        raise SpecError(f"training.metric: {name} does not fit a {task} model; choose from {', '.join(fitting)}")
    return replace(METRICS[base], name=name, function=partial(metric_value, name))


def evaluate(
    task: Task, target: ArrayLike, prediction: ArrayLike, classes: Sequence[object] | None = None,
    threshold: float = EVEN,
) -> Values:  # fmt: skip
    """All values of a prediction.

    Precision, recall, F1 and the areas are those of class 1 for a binary task, and for a multiclass one the mean over
    the classes. Beside them stands one value a class, such as ``f1/red``, for a binary task too, or a quantile:
    ``share_below/0.1``, the share of the targets at or below it. Coverage and width are those of the outer quantiles.

    Args:
        task: Which metrics apply.
        target: (n,): 0/1, class codes 0..k-1, or numbers.
        prediction: (n,): P(class 1), or numbers; (n, k) for k classes.
        classes: Names of the codes 0..k-1, or the quantiles, which must be given; the codes themselves by default.
        threshold: From which probability class 1 is decided, for the metrics of decisions.
    """
    truth, scores = np.asarray(target, dtype=np.float64), np.asarray(prediction, dtype=np.float64)
    if task == "quantile":
        return _of_quantiles(truth, scores, [float(str(level)) for level in classes or ()])
    hard = moved(scores, threshold) if task == "binary" else scores
    values = {
        name: metric.function(truth, hard if name in DECIDED else scores)
        for name, metric in METRICS.items()
        if task in metric.tasks
    }
    undefined = {name: why_undefined(name, truth, scores) for name, value in values.items() if np.isnan(value)}
    if TASKS[task].classes and len(truth):
        decided = decide_class(hard)
        scores = np.column_stack([1 - scores, scores]) if task == "binary" else scores
        names = list(classes) if classes is not None else list(range(scores.shape[1]))
        for code, label in enumerate(names):
            for name, value in _one_class(truth == code, decided == code, scores[:, code]).items():
                values[f"{name}/{label}"] = value
                if np.isnan(value):
                    undefined[f"{name}/{label}"] = _why_of_class(name, label, truth == code)
    return Values(values, undefined)


def _of_quantiles(truth: NDArray[np.float64], scores: NDArray[np.float64], levels: Sequence[float]) -> Values:
    names = {"pinball": quantile_metric(levels), "coverage": "coverage", "width": "width"}
    values = {name: metric_value(full, truth, scores) if len(truth) else np.nan for name, full in names.items()}
    for at, level in enumerate(levels):
        values[f"share_below/{level:g}"] = float((truth <= scores[:, at]).mean()) if len(truth) else np.nan
    undefined = {name: why_undefined(name, truth, scores) for name, value in values.items() if np.isnan(value)}
    return Values(values, undefined)


def trivial_prediction(
    task: Task,
    train_target: ArrayLike,
    n: int,
    classes: Sequence[object] | None = None,
    metric: str | None = None,
    exposures: tuple[ArrayLike, ArrayLike] | None = None,
) -> NDArray[np.float64]:
    """What one would predict without looking at the row.

    Args:
        task: Binary and multiclass give the shares of the classes, a quantile task the quantiles of the targets, any
            other their mean.
        train_target: (m,): the targets seen in training.
        n: Rows to predict.
        classes: The classes of a multiclass task, so that one missing in ``train_target`` has its column; the
            quantiles of a quantile task.
        metric: ``mae``, ``mape`` and ``pinball`` give the median instead of the mean.
        exposures: Of the targets (m,) and of the rows (n,): the mean is then a rate.

    Returns:
        (n,), or (n, k) for k classes or quantiles.
    """
    target = np.asarray(train_target, dtype=np.float64)
    if task == "quantile":
        return np.tile(np.quantile(target, [float(str(level)) for level in classes or ()]), (n, 1))
    if exposures:
        seen, now = (np.asarray(one, dtype=np.float64) for one in exposures)
        return np.asarray(now * target.sum() / seen.sum())
    if task == "multiclass":
        counts = np.bincount(target.astype(np.intp), minlength=len(classes) if classes is not None else 0)
        return np.tile(counts / counts.sum(), (n, 1))
    middle = np.median(target) if metric in ("mae", "mape", "pinball") else np.mean(target)
    return np.full(n, float(middle))


def _one_class(
    positive: NDArray[np.bool_], decided: NDArray[np.bool_], scores: NDArray[np.float64]
) -> dict[str, float]:
    """One class against the rest; hard decisions are those of the whole model, not a threshold on this class."""
    target, hard = positive.astype(np.float64), decided.astype(np.float64)
    ranked = ("roc_auc", "pr_auc")
    return {name: metric_value(name, target, scores if name in ranked else hard) for name in _PER_CLASS}


def why_undefined(name: str, truth: NDArray[np.float64], scores: NDArray[np.float64]) -> str:
    """The reason, in words, why a metric has no value for these rows."""
    if len(truth) == 0:
        return "there are no rows"
    if np.isnan(truth).any() or np.isnan(scores).any():
        return "a target or a prediction is missing"
    if name in ("mape", "gamma_deviance"):
        return f"{int((truth == 0).sum())} targets are zero"
    if name == "bias":
        return "all targets are zero"
    if name == "r2":
        return "the target does not vary"
    if name == "precision":
        return "no row is predicted as class 1"
    if name == "mcc" and len(np.unique(truth)) > 1:
        return "every row is predicted as the same class"
    return f"all {len(truth)} rows are of class {truth[0]:g}"


def _why_of_class(name: str, label: object, positive: NDArray[np.bool_]) -> str:
    if positive.all():
        return f"all rows are of class {label}"
    return f"no row is predicted as class {label}" if positive.any() else f"no row is of class {label}"
