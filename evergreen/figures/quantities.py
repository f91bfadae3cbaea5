"""Figures of predicted numbers: residuals, and what was observed beside what was predicted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from evergreen.arrays import Floats
from evergreen.figures.canvas import GREY, LINE, new_panel
from evergreen.metrics import find_metric

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Evenly spaced rows that a scatter shows.
_MOST_POINTS = 5000


def tenths(truth: Floats, scores: Floats) -> Figure:
    """Observed against predicted means in tenths of the rows, with 95 % bars (normal approximation)."""
    bias = find_metric("bias").value(truth, scores)
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


def residuals(truth: Floats, scores: Floats) -> Figure:
    """Errors by what was predicted."""
    figure, axes = new_panel("Residuals", "Predicted", "Actual - predicted")
    some = _thin(len(truth))
    axes.scatter(scores[some], (truth - scores)[some], s=8, alpha=0.4, color=LINE, linewidths=0)
    axes.axhline(0, linestyle="--", color=GREY)
    return figure


def predicted_vs_actual(truth: Floats, scores: Floats) -> Figure:
    """Both, row by row."""
    title = f"Predicted and actual: RMSE {find_metric('rmse').value(truth, scores):.4g}"
    figure, axes = new_panel(title, "Predicted", "Actual")
    some = _thin(len(truth))
    axes.scatter(scores[some], truth[some], s=8, alpha=0.4, color=LINE, linewidths=0)
    ends = [min(scores.min(), truth.min()), max(scores.max(), truth.max())]
    axes.plot(ends, ends, "--", color=GREY, label="perfect")
    axes.legend(frameon=False, loc="upper left")
    return figure


def _thin(rows: int) -> NDArray[np.intp]:
    """Evenly spaced rows: a scatter of more points is slower and no clearer."""
    return np.linspace(0, rows - 1, min(rows, _MOST_POINTS)).astype(np.intp)
