"""The contest: two models, row by row on the same unseen rows, whole and by slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from evergreen.arrays import Floats
from evergreen.evaluation.decisions import Decisions, costs_of
from evergreen.evaluation.metrics import evaluate
from evergreen.handoffs import Evidence, Interval, SliceEvidence
from evergreen.learning_tasks import TASKS, Values
from evergreen.metrics import METRICS, Cost, find_metric
from evergreen.spec import Costs, Task
from evergreen.statistics import metric_interval, paired_interval


@dataclass(frozen=True)
class Terms:
    """How a contest is held.

    ``confidence`` is one-sided for gains, two-sided for the values of either side. ``block_name`` is what a block is,
    in the plural. ``largest`` levels of a slice's column are looked at. ``classes`` name the classes or the quantiles,
    for the values of each; by default the classes' codes. ``decisions`` say how each side decides between two classes:
    where errors have costs, what they cost a row is among the values, with its interval.
    """

    confidence: float = 0.95
    block_name: str = "days"
    largest: int = 10
    classes: Sequence[str] = ()
    decisions: Decisions = field(default_factory=Decisions)


#: Both sides decide from one half on.
EVENLY = Terms()


def paired(
    task: Task,
    metric: str,
    frame_target: ArrayLike,
    ours: ArrayLike,
    theirs: ArrayLike,
    blocks: ArrayLike | None,
    baseline: str,
    slices: Mapping[str, ArrayLike] | None = None,
    terms: Terms = EVENLY,
) -> Evidence:
    """Compare the challenger (``ours``) with the other side on rows that neither has seen.

    Args:
        task: The task, for the values beside the primary metric.
        metric: The primary metric.
        frame_target: (n,): 0/1, class codes 0..k-1, or numbers.
        ours: The challenger's predictions: (n,), or (n, k).
        theirs: The other side's, of the same rows.
        blocks: (n,): day or group of each row; without it each row is its own block, and a block's name is "rows".
        baseline: The other side's name: ``champion 3`` or ``trivial``.
        slices: The level of each row by slice column.
        terms: How it is held.

    Raises:
        SpecError: the metric does not fit the task.
    """
    TASKS[task].primary(metric)
    target, scores = np.asarray(frame_target, dtype=np.float64), np.asarray(ours, dtype=np.float64)
    if not len(target):
        # The champion has seen all that is labelled: there is nothing to judge by, and the gate says so.
        return _nothing(metric, baseline, terms)
    days = np.arange(len(target)) if blocks is None else np.asarray(blocks)
    sides = _sides(task, metric, target, scores, np.asarray(theirs, dtype=np.float64), days, terms)
    values, intervals = _values(task, metric, target, scores, days, terms)
    everything = np.ones(len(target), dtype=bool)
    return Evidence(
        metric=metric,
        rows=len(target),
        blocks=len(np.unique(days)),
        gain=sides.gain(everything),
        ours=sides.value(sides.ours, everything),
        theirs=sides.value(sides.theirs, everything),
        baseline=baseline,
        values=values.values,
        slices=tuple(
            sides.slice(f"{column}={level}", rows)
            for column, levels in (slices or {}).items()
            for level, rows in _largest_levels(levels, terms.largest)
        ),
        block_name="rows" if blocks is None else terms.block_name,
        confidence=terms.confidence,
        undefined=values.undefined,
        intervals=intervals,
    )


def _nothing(metric: str, baseline: str, terms: Terms) -> Evidence:
    unknown, name = Interval(np.nan, np.nan, np.nan), terms.block_name
    return Evidence(metric, 0, 0, unknown, unknown, unknown, baseline, block_name=name, confidence=terms.confidence)


@dataclass(frozen=True, eq=False)
class _Sides:
    """Both sides' predictions of the same rows, moved so that what is decided is decided from one half on."""

    metric: str
    target: Floats
    ours: Floats
    theirs: Floats
    days: NDArray[Any]
    confidence: float

    def gain(self, rows: NDArray[np.bool_]) -> Interval:
        ours, theirs = self.ours[rows], self.theirs[rows]
        return paired_interval(self.metric, self.target[rows], ours, theirs, self.days[rows], self.confidence)

    def value(self, side: Floats, rows: NDArray[np.bool_]) -> Interval:
        return metric_interval(self.metric, self.target[rows], side[rows], self.days[rows], self.confidence)

    def slice(self, name: str, rows: NDArray[np.bool_]) -> SliceEvidence:
        gain, ours = self.gain(rows), self.value(self.ours, rows)
        why = find_metric(self.metric).why_undefined(self.target[rows], self.ours[rows]) if np.isnan(ours.value) else ""
        return SliceEvidence(name, int(rows.sum()), gain, ours, why)


def _sides(
    task: Task, metric: str, target: Floats, ours: Floats, theirs: Floats, days: NDArray[Any], terms: Terms
) -> _Sides:
    if find_metric(metric).needs == "decisions":
        ours, theirs = (
            TASKS[task].moved(side, threshold)
            for side, threshold in ((ours, terms.decisions.ours), (theirs, terms.decisions.theirs))
        )
    return _Sides(metric, target, ours, theirs, days, terms.confidence)


def _values(
    task: Task, metric: str, target: Floats, scores: Floats, days: NDArray[Any], terms: Terms
) -> tuple[Values, dict[str, Interval]]:
    """Every value of the challenger, and the intervals of those that say how true it is."""
    decisions = terms.decisions
    judged = evaluate(task, target, scores, terms.classes or find_metric(metric).levels or None, decisions.ours)
    intervals = {
        name: metric_interval(name, target, scores, days)
        for name in judged.values
        if name in METRICS and METRICS[name].interval
    }
    if decisions.costs and TASKS[task].decides:
        intervals[Cost.name] = _mean_cost(target, scores, decisions.ours, decisions.costs, days)
        judged.values[Cost.name] = intervals[Cost.name].value
    return judged, intervals


def _mean_cost(target: Floats, scores: Floats, threshold: float, costs: Costs, days: NDArray[Any]) -> Interval:
    """What errors cost a row in the mean."""
    return metric_interval(Cost.name, target, costs_of(target, scores, threshold, costs), days)


def _largest_levels(levels: ArrayLike, largest: int) -> list[tuple[str, NDArray[np.bool_]]]:
    """The levels with the most rows, equal ones by name; missing values are the level ``missing``."""
    column = pd.Series(np.asarray(levels)).astype("object")
    names = column.where(column.notna(), "missing").map(str).to_numpy()
    found, counts = np.unique(names.astype(str), return_counts=True)
    order = np.argsort(-counts, kind="stable")[:largest]
    return [(str(found[i]), names == found[i]) for i in order]
