"""What kind of thing is predicted, and labels as numbers."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.errors import TrainingError
from evergreen.spec import TASKS, Task

#: Whole numbers with at most this many values are classes.
_MOST_NUMBERED_CLASSES = 10
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
        raise TrainingError(_constant(len(known), levels))
    if len(levels) == 2:
        return "binary"
    if all(isinstance(level, numbers.Real) for level in levels):
        whole = all(float(level).is_integer() for level in levels)
        return "multiclass" if whole and len(levels) <= _MOST_NUMBERED_CLASSES else "regression"
    if len(levels) > _MOST_CLASSES:
        raise TrainingError(
            f"the target holds {len(levels):,} different texts, too many for classes; "
            "is data.target.column the right one?"
        )
    return "multiclass"


def encode_target(
    series: pd.Series, task: Task, classes: Sequence[str] | None = None
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Labels as float64 of shape (n,): the quantity, or the place of the class; NaN where there is no label.

    Truth values and whole numbers are read alike (False, 0 and 0.0 are class ``0``), so that a column that gained nulls
    keeps its classes.

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
    if not TASKS[task].classes:
        return _quantity(series, task, constant_is_fine=classes is not None), ()
    codes, levels = pd.factorize(series)
    names = [_class_name(level) for level in levels]
    if classes is None:
        classes = _ordered(names)
        if len(classes) < 2:
            raise TrainingError(_constant(int(series.notna().sum()), names))
        if task == "binary" and len(classes) > 2:
            raise TrainingError(
                f"training.task is binary but the target has {len(classes)} classes: {', '.join(classes[:10])}"
            )
    strange = sorted(set(names) - set(classes))
    if strange:
        raise TrainingError(
            f"the target holds {strange[0]!r}, which is none of the classes {', '.join(classes)}; "
            "a rule in the suite can put such rows aside"
        )
    places = np.array([*(classes.index(name) for name in names), np.nan], dtype=float)
    return places[codes], tuple(classes)


def _quantity(series: pd.Series, task: Task, constant_is_fine: bool) -> NDArray[np.float64]:
    values = pd.to_numeric(series, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    lost = np.isnan(values) & series.notna().to_numpy()
    if lost.any():
        raise TrainingError(f"the target holds {series[lost].iloc[0]!r}; task: {task} needs numbers")
    if np.isinf(values).any():
        raise TrainingError("the target holds infinite values; a rule in the suite can put such rows aside")
    known = values[~np.isnan(values)]
    if TASKS[task].rises and len(known) and known.min() < 0:
        raise TrainingError(
            f"the target holds {known.min():g}; task: {task} needs numbers from 0 up: write task: regression, or let a "
            "rule in the suite put such rows aside"
        )
    if not constant_is_fine and len(np.unique(known)) < 2:
        raise TrainingError(_constant(len(known), np.unique(known)))
    return values


def _class_name(level: Any) -> str:
    if isinstance(level, numbers.Real | np.bool_) and float(level).is_integer():
        # Not by way of float: whole numbers beyond 2**53 would run into each other.
        return f"{int(level):d}" if isinstance(level, numbers.Integral) else f"{float(level):.0f}"
    return str(level)


def _ordered(names: Sequence[str]) -> list[str]:
    try:
        return sorted(set(names), key=float)
    except ValueError:
        return sorted(set(names))


def _constant(rows: int, levels: Any) -> str:
    if not rows:
        return (
            "no row has a label yet; is data.target.column the right one? If so widen training.window, or wait until "
            "target.delay has passed"
        )
    return (
        f"all {rows:,} labelled rows have the same target, {_class_name(levels[0])}; "
        "widen training.window, or look at data.target.column"
    )


def encode_known(target: pd.Series, task: Task, classes: Sequence[str]) -> NDArray[np.float64]:
    """The target as codes or numbers, float64 of shape (n,): NaN where there is no label."""
    values = np.full(len(target), np.nan)
    known = target.notna().to_numpy()
    if known.any():
        values[known], _ = encode_target(target[known], task, classes)
    return values
