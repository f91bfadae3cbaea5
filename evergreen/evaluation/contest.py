"""The contest: two models, row by row on the same unseen rows, whole and by slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from evergreen.evaluation.decisions import DECIDED, Decisions, Floats, costs_of, moved
from evergreen.evaluation.metrics import WITH_INTERVAL, check_metric, evaluate
from evergreen.handoffs import Evidence, Interval, SliceEvidence
from evergreen.spec import Costs, Task
from evergreen.statistics import COST, metric_interval, paired_interval, quantile_levels

#: Both sides decide from one half on.
EVENLY = Decisions()


def paired(
    task: Task,
    metric: str,
    frame_target: ArrayLike,
    ours: ArrayLike,
    theirs: ArrayLike,
    blocks: ArrayLike | None,
    baseline: str,
    slices: Mapping[str, ArrayLike] | None = None,
    confidence: float = 0.95,
    seconds_per_row: float = 0.0,
    block_name: str = "days",
    largest: int = 10,
    classes: Sequence[str] | None = None,
    decisions: Decisions = EVENLY,
) -> Evidence:
    """Compare the challenger (``ours``) with the other side on rows that neither has seen.

    Args:
        task: The task, for the values beside the primary metric.
        metric: The primary metric.
        frame_target: (n,): 0/1, class codes 0..k-1, or numbers.
        ours: The challenger's predictions: (n,), or (n, k).
        theirs: The other side's, of the same rows.
        blocks: (n,): day or group of each row; without it each row is its own block, and ``block_name`` is "rows".
        baseline: The other side's name: ``champion 3`` or ``trivial``.
        slices: The level of each row by slice column.
        confidence: One-sided for gains, two-sided for the values of either side.
        seconds_per_row: The challenger's scoring time.
        block_name: What a block is, in the plural.
        largest: Levels a column that are looked at.
        classes: Names of the classes or the quantiles, for the values of each; the classes' codes by default.
        decisions: How each side decides between two classes. Where errors have costs, what they cost a row is among the
            values, with its interval.

    Raises:
        SpecError: the metric does not fit the task.
    """
    check_metric(task, metric)
    target = np.asarray(frame_target, dtype=np.float64)
    scores, other = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    mine = scores
    if metric in DECIDED and task == "binary":
        mine, other = moved(scores, decisions.ours), moved(other, decisions.theirs)
    if not len(target):
        # The champion has seen all that is labelled: there is nothing to judge by, and the gate says so.
        unknown = Interval(np.nan, np.nan, np.nan)
        return Evidence(metric, 0, 0, unknown, unknown, unknown, baseline, block_name=block_name, confidence=confidence)
    days = np.arange(len(target)) if blocks is None else np.asarray(blocks)
    parts = [
        SliceEvidence(
            name=f"{column}={level}",
            rows=int(rows.sum()),
            gain=paired_interval(metric, target[rows], mine[rows], other[rows], days[rows], confidence),
            ours=metric_interval(metric, target[rows], mine[rows], days[rows], confidence),
        )
        for column, levels in (slices or {}).items()
        for level, rows in _largest_levels(levels, largest)
    ]
    judged = evaluate(task, target, scores, classes or quantile_levels(metric) or None, decisions.ours)
    intervals = {name: metric_interval(name, target, scores, days) for name in judged.values if name in WITH_INTERVAL}
    if decisions.costs and task == "binary":
        intervals[COST] = _mean_cost(target, scores, decisions.ours, decisions.costs, days)
        judged.values[COST] = intervals[COST].value
    return Evidence(
        metric=metric,
        rows=len(target),
        blocks=len(np.unique(days)),
        gain=paired_interval(metric, target, mine, other, days, confidence),
        ours=metric_interval(metric, target, mine, days, confidence),
        theirs=metric_interval(metric, target, other, days, confidence),
        baseline=baseline,
        values=judged.values,
        slices=tuple(parts),
        seconds_per_row=seconds_per_row,
        block_name="rows" if blocks is None else block_name,
        confidence=confidence,
        undefined=judged.undefined,
        intervals=intervals,
    )


def _mean_cost(target: Floats, scores: Floats, threshold: float, costs: Costs, days: NDArray[Any]) -> Interval:
    """What errors cost a row in the mean: that of the distances between the costs and nothing."""
    each = costs_of(target, scores, threshold, costs)
    return metric_interval("mae", np.zeros(len(each)), each, days)


def _largest_levels(levels: ArrayLike, largest: int) -> list[tuple[str, NDArray[np.bool_]]]:
    """The levels with the most rows, equal ones by name; missing values are the level ``missing``."""
    column = pd.Series(np.asarray(levels)).astype("object")
    names = column.where(column.notna(), "missing").map(str).to_numpy()
    found, counts = np.unique(names.astype(str), return_counts=True)
    order = np.argsort(-counts, kind="stable")[:largest]
    return [(str(found[i]), names == found[i]) for i in order]
