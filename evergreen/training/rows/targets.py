"""What kind of thing is predicted, and labels as numbers."""

from __future__ import annotations

import numbers
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.errors import TrainingError
from evergreen.learning_tasks import TASKS
from evergreen.learning_tasks.labels import constant
from evergreen.spec import Task

#: More classes than this are more likely names than classes.
_MOST_CLASSES = 200


def find_task(target: pd.Series) -> Task:
    """Two values are binary, texts and up to ten whole numbers classes, other numbers a quantity.

    Args:
        target: Labels, nulls allowed.

    Raises:
        TrainingError: fewer than two values, or hundreds of texts.
    """
    known = target.dropna()
    levels = known.unique()
    if len(levels) < 2:
        raise TrainingError(constant(len(known), levels))
    if len(levels) > _MOST_CLASSES and not all(isinstance(level, numbers.Real) for level in levels):
        raise TrainingError(
            f"the target holds {len(levels):,} different texts, too many for classes; "
            "is data.target.column the right one?"
        )
    return next(name for name, task in TASKS.items() if task.suits(list(levels)))


def encode_target(
    series: pd.Series, task: Task, classes: Sequence[str] | None = None
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Labels as float64 of shape (n,): the quantity, or the place of the class; NaN where there is no label.

    Args:
        series: Labels as they stand in the table.
        task: What is predicted.
        classes: Classes of an earlier call, in their order; found here when left out.

    Returns:
        The numbers and the classes; no classes for a quantity.

    Raises:
        TrainingError: one value only, a class that is not among ``classes``, a quantity that is no number, or a count
            or an amount below 0.
    """
    return TASKS[task].encode(series, classes)


def encode_known(target: pd.Series, task: Task, classes: Sequence[str]) -> NDArray[np.float64]:
    """The target as codes or numbers, float64 of shape (n,): NaN where there is no label."""
    values = np.full(len(target), np.nan)
    known = target.notna().to_numpy()
    if known.any():
        values[known], _ = encode_target(target[known], task, classes)
    return values
