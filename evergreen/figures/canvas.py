"""Figures without a window or global state; matplotlib is imported with the first one, not with the package."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: The colours of what a model does, and of what stands beside it.
LINE, GREY = "#1b6ca8", "#9a9a9a"


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, sizes in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def new_panel(title: str, x: str, y: str, size: tuple[float, float] = (5.5, 5.0)) -> tuple[Figure, Axes]:
    """An empty figure of one panel, with a title and the names of its axes."""
    figure = new_figure(*size)
    axes = figure.add_subplot()
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    return figure, axes
