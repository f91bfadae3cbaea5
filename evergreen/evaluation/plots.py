"""Figures of a prediction, for the run's record. No window, no global state: each is an object of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from evergreen.figures.canvas import GREY, LINE, new_panel
from evergreen.learning_tasks import TASKS
from evergreen.spec import Task

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_MOST_BARS = 25


def figures(
    task: Task,
    target: ArrayLike,
    prediction: ArrayLike,
    importances: Mapping[str, float] | None = None,
    classes: Sequence[object] | None = None,
) -> dict[str, Figure]:
    """The figures of a task, by name; those that need two classes are left out where the target has one.

    Args:
        task: Decides which figures there are.
        target: (n,): 0/1, class codes 0..k-1, or numbers.
        prediction: (n,): P(class 1), or numbers; (n, k) for k classes.
        importances: Loss in the primary metric when a column is shuffled, by column.
        classes: Names of the codes 0..k-1 for multiclass; the quantiles of a quantile task.
    """
    truth, scores = np.asarray(target, dtype=np.float64), np.asarray(prediction, dtype=np.float64)
    drawn = TASKS[task].figures(truth, scores, [str(name) for name in classes] if classes is not None else None)
    if importances:
        drawn["importances"] = _importances(importances)
    return drawn


def curve_figure(metric: str, points: Sequence[Any]) -> Figure:
    """A learning curve: the metric with its 95 % interval by the number of rows fitted on (``rows``, ``value``)."""
    figure, axes = new_panel("Learning curve", "Rows fitted on", metric)
    rows, values = [point.rows for point in points], [point.value.value for point in points]
    reach = np.abs(
        [[value - point.value.low, point.value.high - value] for value, point in zip(values, points, strict=True)]
    )
    axes.errorbar(rows, values, np.nan_to_num(reach).T, marker="o", color=LINE, capsize=3)
    axes.set_xscale("log")
    axes.set_xticks(rows, [f"{count:,}" for count in rows])
    axes.minorticks_off()
    return figure


def _importances(importances: Mapping[str, float]) -> Figure:
    ranked = sorted(importances.items(), key=lambda pair: (-pair[1], pair[0]))[:_MOST_BARS][::-1]
    left_out = len(importances) - len(ranked)
    title = "Permutation importance" + (f" (the largest {_MOST_BARS}; {left_out} left out)" if left_out else "")
    figure, axes = new_panel(
        title, "Loss in the metric when the column is shuffled", "", (7.0, 1.2 + 0.28 * len(ranked))
    )
    axes.barh([name for name, _ in ranked], [value for _, value in ranked], color=LINE)
    axes.axvline(0, color=GREY, linewidth=0.8)
    return figure
