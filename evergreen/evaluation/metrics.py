"""The values of a prediction, and what one would predict without looking at the row, by task."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evergreen.learning_tasks import EVEN, TASKS, Values
from evergreen.spec import Task


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
    return TASKS[task].values(truth, scores, classes, threshold)


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
    return TASKS[task].baseline(np.asarray(train_target, dtype=np.float64), n, classes, metric, exposures)
