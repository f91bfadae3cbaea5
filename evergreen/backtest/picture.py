"""The picture and the table of a backtest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from evergreen.backtest.results import ArmResult
from evergreen.figures.canvas import new_figure
from evergreen.handoffs import Interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLOURS = (
    "#66727f",
    "#c58b1b",
    "#1b6ca8",
    "#1a7f37",
    "#8250df",
    "#b3261e",
    "#0b7285",
    "#ad6800",
    "#5c3d99",
    "#333333",
)


def picture(found: Sequence[ArmResult], metric: str) -> Figure:
    """Each arm's metric by month, and how many trainings it took."""
    figure = new_figure(10, 5.2)
    axes = figure.add_subplot()
    for arm, colour in zip(found, _COLOURS * len(found), strict=False):
        label = f"{arm.name} ({arm.trainings})" if math.isfinite(arm.seconds) else arm.name
        style = "-" if math.isfinite(arm.seconds) else "--"
        axes.plot(list(arm.months), list(arm.months.values()), style, marker="o", ms=4, color=colour, label=label)
    axes.set_ylabel(metric)
    axes.set_title(f"{metric} by month; trainings in brackets")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, ncols=2, frameon=False)
    return figure


def table(found: Sequence[ArmResult]) -> str:
    """The arms side by side as Markdown."""
    months = list(found[0].months)
    costs = ["mean", "gain over never", "trained", "promoted", "rolled back", "s", "days below", "regret"]
    head = ["policy", *months, *costs]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for arm in found:
        cells = [
            arm.name,
            *(f"{arm.months.get(month, math.nan):.3f}" for month in months),
            f"{arm.mean:.4f}",
            _gain(arm.gain),
            *(str(count) for count in (arm.trainings, arm.promotions, arm.rollbacks)),
            f"{arm.seconds:.0f}" if math.isfinite(arm.seconds) else "",
            "" if arm.days_below is None else str(arm.days_below),
            f"{arm.regret:.4f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _gain(gain: Interval) -> str:
    if not math.isfinite(gain.value):
        return ""
    return f"{gain.value:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})"
