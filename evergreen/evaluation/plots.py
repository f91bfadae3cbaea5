"""Figures of a prediction, for the run's record. No window, no global state: each is an object of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evergreen.evaluation.canvas import GREY, LINE, new_panel
from evergreen.evaluation.classes import confusion, each_class, two_classes
from evergreen.spec import TASKS, Task
from evergreen.statistics import metric_value

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_MOST_POINTS = 5000
_MOST_BARS = 25

Floats = NDArray[np.float64]


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
    drawn: dict[str, Figure] = {}
    if task == "binary":
        drawn |= two_classes(truth, scores)
    elif task == "multiclass":
        names = [str(name) for name in (classes if classes is not None else range(scores.shape[1]))]
        drawn["confusion"] = confusion(truth, scores, names)
        drawn |= each_class(truth, scores, names)
    elif task == "quantile":
        levels = [float(str(level)) for level in classes or ()]
        drawn |= {"quantile_calibration": _below(truth, scores, levels), "intervals": _intervals(truth, scores, levels)}
    elif TASKS[task].rises:
        drawn |= {"predicted_vs_observed": _tenths(truth, scores), "residuals": _residuals(truth, scores)}
    else:
        drawn |= {"residuals": _residuals(truth, scores), "predicted_vs_actual": _predicted_vs_actual(truth, scores)}
    if importances:
        drawn["importances"] = _importances(importances)
    return drawn


def _below(truth: Floats, scores: Floats, levels: Sequence[float]) -> Figure:
    """The share of the targets at or below each quantile, with 95 % bars (normal approximation)."""
    figure, axes = new_panel("Calibration of the quantiles", "Quantile", "Share of the targets at or below it")
    shares = (truth[:, None] <= scores).mean(axis=0)
    reach = 1.96 * np.sqrt(shares * (1 - shares) / max(len(truth), 1))
    axes.plot([0, 1], [0, 1], "--", color=GREY, label="perfect")
    axes.errorbar(levels, shares, reach, fmt="o", color=LINE, capsize=3, label="model")
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.legend(frameon=False, loc="upper left")
    return figure


def _intervals(truth: Floats, scores: Floats, levels: Sequence[float]) -> Figure:
    """How often the outer quantiles hold the target, in tenths of the rows by their distance."""
    figure, axes = new_panel(
        "Coverage by width", "Width of the interval, mean of a tenth of the rows", "Share inside it"
    )
    width = scores[:, -1] - scores[:, 0]
    inside = (truth >= scores[:, 0]) & (truth <= scores[:, -1])
    parts = [part for part in np.array_split(np.argsort(width, kind="stable"), 10) if len(part)]
    shares = np.array([inside[part].mean() for part in parts])
    reach = 1.96 * np.sqrt(shares * (1 - shares) / np.array([len(part) for part in parts]))
    axes.axhline(levels[-1] - levels[0], linestyle="--", color=GREY, label=f"{levels[-1] - levels[0]:.0%}")
    axes.errorbar([width[part].mean() for part in parts], shares, reach, fmt="o", color=LINE, capsize=3, label="model")
    axes.set_ylim(0, 1.02)
    axes.legend(frameon=False, loc="lower right")
    return figure


def _tenths(truth: Floats, scores: Floats) -> Figure:
    """Observed against predicted means in tenths of the rows, with 95 % bars (normal approximation)."""
    bias = metric_value("bias", truth, scores)
    title = f"Predicted / observed in all: {bias:.3f}"
    figure, axes = new_panel(title, "Predicted mean of a tenth of the rows", "Observed mean")
    parts = [part for part in np.array_split(np.argsort(scores, kind="stable"), 10) if len(part)]
    predicted, observed = (np.array([side[part].mean() for part in parts]) for side in (scores, truth))
    reach = 1.96 * np.array([truth[part].std() / np.sqrt(len(part)) for part in parts])
    top = float(max(predicted.max(), (observed + reach).max()))
    axes.plot([0, top], [0, top], "--", color=GREY, label="perfect")
    axes.errorbar(predicted, observed, reach, fmt="o", color=LINE, capsize=3, label="model")
    axes.legend(frameon=False, loc="upper left")
    return figure


def _residuals(truth: Floats, scores: Floats) -> Figure:
    figure, axes = new_panel("Residuals", "Predicted", "Actual - predicted")
    some = _thin(len(truth))
    axes.scatter(scores[some], (truth - scores)[some], s=8, alpha=0.4, color=LINE, linewidths=0)
    axes.axhline(0, linestyle="--", color=GREY)
    return figure


def _predicted_vs_actual(truth: Floats, scores: Floats) -> Figure:
    title = f"Predicted and actual: RMSE {metric_value('rmse', truth, scores):.4g}"
    figure, axes = new_panel(title, "Predicted", "Actual")
    some = _thin(len(truth))
    axes.scatter(scores[some], truth[some], s=8, alpha=0.4, color=LINE, linewidths=0)
    ends = [min(scores.min(), truth.min()), max(scores.max(), truth.max())]
    axes.plot(ends, ends, "--", color=GREY, label="perfect")
    axes.legend(frameon=False, loc="upper left")
    return figure


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


def _thin(rows: int) -> NDArray[np.intp]:
    """Evenly spaced rows: a scatter of more points is slower and no clearer."""
    return np.linspace(0, rows - 1, min(rows, _MOST_POINTS)).astype(np.intp)
