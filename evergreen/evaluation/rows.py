"""Contests on rows of a table: their days or else groups are the blocks, and the spec's slices are looked at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.evaluation.contest import EVENLY, paired
from evergreen.evaluation.decisions import Decisions
from evergreen.evaluation.metrics import trivial_prediction
from evergreen.handoffs import DAY, GROUP, Evidence
from evergreen.spec import Task

Floats = NDArray[np.float64]


def paired_rows(
    rows: pd.DataFrame,
    task: Task,
    metric: str,
    predictions: tuple[Floats, Floats, Floats],
    baseline: str,
    slices: Sequence[str] = (),
    confidence: float = 0.95,
    seconds_per_row: float = 0.0,
    classes: Sequence[str] = (),
    decisions: Decisions = EVENLY,
) -> Evidence:
    """Compare two sides on the same rows of a table.

    Args:
        rows: The rows, with ``__day`` where they have a time, ``__group`` where the spec names one, and the slices'
            columns.
        task: What is predicted.
        metric: The primary metric.
        predictions: The encoded target (n,), the challenger's predictions and the other side's, each (n,) or (n, k).
        baseline: The other side's name.
        slices: Columns whose largest levels are judged on their own.
        confidence: Of the one-sided bounds of gains.
        seconds_per_row: The challenger's scoring time.
        classes: Names of the classes, in the order of their codes.
        decisions: How each side decides between two classes, and what errors cost.
    """
    target, ours, theirs = predictions
    blocks, name = _blocks(rows)
    return paired(
        task,
        metric,
        target,
        ours,
        theirs,
        blocks,
        baseline=baseline,
        slices={name: rows[name].astype(str).to_numpy() for name in slices},
        confidence=confidence,
        seconds_per_row=seconds_per_row,
        block_name=name,
        classes=classes or None,
        decisions=decisions,
    )


def _blocks(rows: pd.DataFrame) -> tuple[NDArray[np.int64] | None, str]:
    """What rows depend on each other: those of a day, without a time those of a group, else none."""
    if DAY in rows:
        return rows[DAY].to_numpy(dtype=np.int64), "days"
    if GROUP in rows:
        return pd.factorize(rows[GROUP])[0].astype(np.int64), "groups"
    return None, "rows"


def trivial_rows(
    seen: pd.DataFrame, rows: pd.DataFrame, task: Task, target: Floats, classes: Sequence[str] = (),
    exposure: str | None = None,
) -> Floats:  # fmt: skip
    """What one would predict for rows without looking at them, but for their exposure where the spec names one.

    Args:
        seen: The rows that may be learned from.
        rows: The rows to predict.
        task: What is predicted.
        target: The encoded target of ``seen``.
        classes: Names of the classes or quantiles.
        exposure: The column that predictions are in proportion to.
    """
    sides = tuple(pd.to_numeric(part[exposure]).to_numpy(dtype=float) for part in (seen, rows)) if exposure else None
    return trivial_prediction(task, target, len(rows), classes or None, exposures=sides)  # type: ignore[arg-type]


def against_trivial(
    rows: pd.DataFrame,
    task: Task,
    metric: str,
    target: Floats,
    ours: Floats,
    classes: Sequence[str] = (),
    slices: Sequence[str] = (),
    seconds_per_row: float = 0.0,
    exposure: str | None = None,
    decisions: Decisions = EVENLY,
) -> Evidence:
    """Measure one model on rows of a table, beside the best constant for the same rows; arguments as above."""
    trivial = trivial_rows(rows, rows, task, target, classes, exposure)
    return paired_rows(
        rows, task, metric, (target, ours, trivial), "trivial", slices, seconds_per_row=seconds_per_row,
        classes=classes, decisions=decisions,
    )  # fmt: skip
