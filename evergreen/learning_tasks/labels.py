"""Labels as numbers: places of classes, and quantities."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from evergreen.arrays import Floats
from evergreen.errors import TrainingError


def places_of(
    series: pd.Series, classes: Sequence[str] | None, task: str, most: int | None
) -> tuple[Floats, tuple[str, ...]]:
    """The place of each label's class, NaN where there is no label, and the classes.

    Truth values and whole numbers are read alike (False, 0 and 0.0 are class ``0``), so that a column that gained nulls
    keeps its classes.

    Args:
        series: Labels.
        classes: Those of an earlier call; found here when None.
        task: The task's name, for messages.
        most: The most classes that it can have; None for any number.

    Raises:
        TrainingError: one value only, too many, or a class that is not among ``classes``.
    """
    codes, levels = pd.factorize(series)
    names = [_class_name(level) for level in levels]
    if classes is None:
        classes = _ordered(names)
        if len(classes) < 2:
            raise TrainingError(constant(int(series.notna().sum()), names))
        if most and len(classes) > most:
            raise TrainingError(
                f"training.task is {task} but the target has {len(classes)} classes: {', '.join(classes[:10])}"
            )
    strange = sorted(set(names) - set(classes))
    if strange:
        raise TrainingError(
            f"the target holds {strange[0]!r}, which is none of the classes {', '.join(classes)}; "
            "a rule in the suite can put such rows aside"
        )
    places = np.array([*(classes.index(name) for name in names), np.nan], dtype=float)
    return places[codes], tuple(classes)


def quantities_of(series: pd.Series, constant_is_fine: bool, task: str, from_zero: bool) -> Floats:
    """Labels as numbers, NaN where there is none.

    Args:
        series: Labels.
        constant_is_fine: Whether all of them may be the same.
        task: The task's name, for messages.
        from_zero: Whether numbers below 0 are refused.

    Raises:
        TrainingError: a label that is no number, infinite, below 0 where that is refused, or the same everywhere.
    """
    values = pd.to_numeric(series, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    lost = np.isnan(values) & series.notna().to_numpy()
    if lost.any():
        raise TrainingError(f"the target holds {series[lost].iloc[0]!r}; task: {task} needs numbers")
    if np.isinf(values).any():
        raise TrainingError("the target holds infinite values; a rule in the suite can put such rows aside")
    known = values[~np.isnan(values)]
    if from_zero and len(known) and known.min() < 0:
        raise TrainingError(
            f"the target holds {known.min():g}; task: {task} needs numbers from 0 up: write task: regression, or let a "
            "rule in the suite put such rows aside"
        )
    if not constant_is_fine and len(np.unique(known)) < 2:
        raise TrainingError(constant(len(known), np.unique(known)))
    return values


def constant(rows: int, levels: Any) -> str:
    """What is said of a target of one value at most."""
    if not rows:
        return (
            "no row has a label yet; is data.target.column the right one? If so widen training.window, or wait until "
            "target.delay has passed"
        )
    return (
        f"all {rows:,} labelled rows have the same target, {_class_name(levels[0])}; "
        "widen training.window, or look at data.target.column"
    )


def _class_name(level: Any) -> str:
    if isinstance(level, numbers.Real | np.bool_) and float(level).is_integer():
        # Not by way of float: whole numbers beyond 2**53 would run into each other.
        return f"{int(level):d}" if isinstance(level, numbers.Integral) else f"{float(level):.0f}"
    return str(level)


def _ordered(names: Sequence[str]) -> list[str]:
    try:  # Whole numbers beyond 2**53 may be equal as floats: their order must not be that of a set.
        return sorted(set(names), key=lambda name: (float(name), name))
    except ValueError:
        return sorted(set(names))
