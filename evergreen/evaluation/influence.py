"""Figures of what drives a prediction: TreeSHAP values and partial dependence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from evergreen.arrays import Floats
from evergreen.figures.canvas import GREY, LINE, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


#: Beyond, neither names nor strips can be read.
_MOST_FEATURES = 15
_MOST_CLASSES = 6
_BINS = 40


def shap_figure(names: Sequence[str], values: ArrayLike, contributions: ArrayLike) -> Figure:
    """The mean size of each feature's contribution, and beside it every row's contribution.

    Args:
        names: Names of the k features.
        values: (n, k): what colours a point, by its rank within the feature; grey where NaN.
        contributions: (n, k): TreeSHAP values, in the unit of the raw score.
    """
    own, parts = np.asarray(values, dtype=float), np.asarray(contributions, dtype=float)
    sizes = np.abs(parts).mean(axis=0)
    order = np.argsort(-sizes, kind="stable")[:_MOST_FEATURES][::-1]
    left_out = len(names) - len(order)
    figure = new_figure(11.0, 1.6 + 0.32 * len(order))
    bars, strips = figure.subplots(1, 2, sharey=True, width_ratios=[2, 3])
    bars.barh(range(len(order)), sizes[order], color=LINE)
    bars.set_yticks(range(len(order)), [names[at] for at in order])
    note = f" ({left_out} smaller ones left out)" if left_out else ""
    bars.set(title=f"TreeSHAP on {len(parts):,} rows{note}", xlabel="Mean size of the contribution")
    for place, at in enumerate(order):
        _strip(strips, place, own[:, at], parts[:, at])
    strips.axvline(0, color=GREY, linewidth=0.8)
    strips.set(title="One point a row: low value blue, high red", xlabel="Contribution to the raw score")
    for axes in (bars, strips):
        _tidy(axes)
    return figure


def dependence_figure(
    curves: Sequence[tuple[str, Sequence[float] | Sequence[str], ArrayLike]],
    classes: Sequence[object] = (),
) -> Figure:
    """Partial dependence, a panel a feature on one scale: numbers as lines, levels of a category as points.

    Args:
        curves: Name, grid of g values and mean predictions, (g,) or (g, k) for k classes.
        classes: Names of the k classes; the first ones are drawn.
    """
    count = len(curves)
    figure = new_figure(min(4.2 * count, 9.0), 3.6 * -(-count // 2))
    panels = figure.subplots(-(-count // 2), min(count, 2), sharey=True, squeeze=False).ravel()
    for axes, (name, grid, means) in zip(panels, curves, strict=False):
        _curve(axes, grid, np.asarray(means, dtype=float), classes)
        axes.set(xlabel=name)
        _tidy(axes)
    for spare in panels[count:]:
        spare.set_visible(False)
    panels[0].set_ylabel("Mean prediction")
    if len(classes) > 2:
        panels[0].legend(frameon=False, fontsize=8)
    figure.suptitle("Partial dependence: the mean prediction when every row has this value", fontsize=11)
    return figure


def _strip(axes: Axes, place: int, own: Floats, parts: Floats) -> None:
    """Points spread upwards and downwards where many rows have a like contribution."""
    spread = np.zeros(len(parts))
    if np.ptp(parts) > 0:
        bins = np.minimum(((parts - parts.min()) / np.ptp(parts) * _BINS).astype(int), _BINS - 1)
        counts = np.bincount(bins, minlength=_BINS)
        ranked = np.argsort(bins, kind="stable")
        within = np.arange(len(parts)) - np.repeat(np.cumsum(counts) - counts, counts)
        offsets = np.empty(len(parts))
        offsets[ranked] = np.where(within % 2, -1, 1) * ((within + 1) // 2)
        spread = 0.8 * offsets / max(int(counts.max()), 1)
    known = np.isfinite(own)
    axes.scatter(parts[~known], place + spread[~known], s=4, color=GREY, linewidths=0, rasterized=True)
    if known.any():
        ranks = np.searchsorted(np.sort(own[known]), own[known]) / max(int(known.sum()) - 1, 1)
        axes.scatter(
            parts[known], place + spread[known], s=4, c=ranks, cmap="coolwarm", vmin=0, vmax=1, linewidths=0,
            rasterized=True,
        )  # fmt: skip


def _curve(axes: Axes, grid: Sequence[float] | Sequence[str], means: Floats, classes: Sequence[object]) -> None:
    columns = means[:, None] if means.ndim == 1 else means[:, :_MOST_CLASSES]
    labelled = isinstance(grid[0], str)
    places = np.arange(len(grid)) if labelled else np.asarray(grid, dtype=float)
    for code, column in enumerate(columns.T):
        label = str(classes[code]) if code < len(classes) else None
        axes.plot(places, column, "o" if labelled else "-", color=LINE if means.ndim == 1 else f"C{code}", label=label)
    if labelled:
        axes.set_xticks(places, [str(level)[:16] for level in grid], rotation=45, ha="right", fontsize=8)


def _tidy(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
