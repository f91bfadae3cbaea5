"""Figures of predicted quantiles: how often targets lie below each, and inside the outer ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from evergreen.arrays import Floats
from evergreen.figures.canvas import GREY, LINE, new_panel

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def below(truth: Floats, scores: Floats, levels: Sequence[float]) -> Figure:
    """The share of the targets at or below each quantile, with 95 % bars (normal approximation)."""
    figure, axes = new_panel("Calibration of the quantiles", "Quantile", "Share of the targets at or below it")
    shares = (truth[:, None] <= scores).mean(axis=0)
    reach = 1.96 * np.sqrt(shares * (1 - shares) / max(len(truth), 1))
    axes.plot([0, 1], [0, 1], "--", color=GREY, label="perfect")
    axes.errorbar(levels, shares, reach, fmt="o", color=LINE, capsize=3, label="model")
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.legend(frameon=False, loc="upper left")
    return figure


def intervals(truth: Floats, scores: Floats, levels: Sequence[float]) -> Figure:
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
