"""Contests on rows of a table: their days or else groups are the blocks, and the spec's slices are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.arrays import Floats
from evergreen.evaluation.contest import EVENLY, Terms, paired
from evergreen.evaluation.metrics import trivial_prediction
from evergreen.handoffs import DAY, GROUP, Evidence
from evergreen.spec import Task


def paired_rows(
    rows: pd.DataFrame,
    task: Task,
    metric: str,
    predictions: tuple[Floats, Floats, Floats],
    baseline: str,
    slices: Sequence[str] = (),
    terms: Terms = EVENLY,
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
        terms: How it is held; what a block is called, the rows say.
    """
    blocks, name = _blocks(rows)
    levels = {column: rows[column].astype(str).to_numpy() for column in slices}
    return paired(task, metric, *predictions, blocks, baseline, levels, replace(terms, block_name=name))


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
    predictions: tuple[Floats, Floats],
    slices: Sequence[str] = (),
    terms: Terms = EVENLY,
    exposure: str | None = None,
) -> Evidence:
    """Measure one model on rows of a table, beside the best constant for the same rows.

    ``predictions`` are the encoded target and the model's; the other arguments are those above.
    """
    target, ours = predictions
    trivial = trivial_rows(rows, rows, task, target, terms.classes, exposure)
    return paired_rows(rows, task, metric, (target, ours, trivial), "trivial", slices, terms)
