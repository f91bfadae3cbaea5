"""Performance by window as places in a drawing: the reference windows first, then the live ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from evergreen.handoffs import Health, WindowValue
from evergreen.metrics import find_metric
from evergreen.monitoring.reference import Reference

WIDTH, HEIGHT = 980, 300
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 22, 26
#: Dates along the axis.
_DATES = 8


@dataclass(frozen=True)
class Point:
    """One window's figure: its place, the ends of its error bar, and what the mouse is told."""

    x: float
    y: float
    low: float
    high: float
    words: str
    live: bool


@dataclass(frozen=True)
class Mark:
    """A text at a place along an axis."""

    place: float
    text: str


@dataclass(frozen=True)
class Chart:
    """Everything in the drawing, in its own units.

    ``estimates`` holds the places of the estimates without labels, one unbroken line each; ``level`` and ``tolerated``
    are the reference's mean and the worst value that is no fall; ``border`` parts reference and live windows.
    """

    points: tuple[Point, ...]
    estimates: tuple[tuple[tuple[float, float], ...], ...]
    level: float | None
    tolerated: float | None
    border: float | None
    values: tuple[Mark, ...]
    dates: tuple[Mark, ...]
    crowned: tuple[Mark, ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


def draw(healths: Sequence[Health], reference: Reference | None) -> Chart | None:
    """Place the windows from left to right and their figures on one scale.

    Args:
        healths: The live windows, oldest first.
        reference: The champion's reference; None draws neither its windows nor its level.

    Returns:
        None where there is no figure to draw.
    """
    past = reference.values if reference else ()
    before, count = len(past), len(past) + len(healths)
    levels = _levels(reference)
    figures = [one.value for one in (*past, *(h.realised for h in healths if h.realised))]
    figures = [value for value in (*figures, *(_estimate(h) for h in healths), *levels) if math.isfinite(value)]
    if not figures:
        return None
    room = 0.15 * (max(figures) - min(figures)) or 0.01
    low, high = min(figures) - room, max(figures) + room

    def x(number: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (number + 0.5) / count

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * (min(max(value, low), high) - low) / (high - low)

    live = [(before + i, h.realised, f"version {h.version}") for i, h in enumerate(healths) if h.realised]
    windows = [*((i, one, "reference") for i, one in enumerate(past)), *live]
    starts = [one.start for one in past] + [one.start for one in healths]
    return Chart(
        tuple(_point(x(i), y, one, words) for i, one, words in windows if math.isfinite(one.value)),
        _lines([(x(before + i), _estimate(h)) for i, h in enumerate(healths)], y),
        y(levels[0]) if levels else None,
        y(levels[1]) if levels else None,
        x(before - 0.5) if before and healths else None,
        tuple(Mark(y(value), f"{value:.3f}") for value in (low + (high - low) * k / 4 for k in range(5))),
        _dates(starts, x),
        tuple(
            Mark(x(before + i - 0.5), f"version {healths[i].version}")
            for i in range(1, len(healths))
            if healths[i].version != healths[i - 1].version
        ),
    )


def _levels(reference: Reference | None) -> tuple[float, ...]:
    """The reference's mean and the worst value that is no fall; empty where there is none."""
    if reference is None or not math.isfinite(reference.level):
        return ()
    sign = find_metric(reference.metric).sign
    return reference.level, reference.level - sign * reference.tolerance


def _estimate(health: Health) -> float:
    return health.estimated.value if health.estimated else math.nan


def _point(x: float, y: Callable[[float], float], window: WindowValue, words: str) -> Point:
    reach = 1.96 * window.error if math.isfinite(window.error) else 0.0
    text = f"{window.start:%Y-%m-%d}: {window.value:.3f} on {window.rows:,} rows, {words}"
    return Point(x, y(window.value), y(window.value - reach), y(window.value + reach), text, words != "reference")


def _lines(
    places: Sequence[tuple[float, float]], y: Callable[[float], float]
) -> tuple[tuple[tuple[float, float], ...], ...]:
    """Unbroken runs of the values that are known."""
    runs: list[list[tuple[float, float]]] = [[]]
    for x, value in places:
        if math.isfinite(value):
            runs[-1].append((x, y(value)))
        elif runs[-1]:
            runs.append([])
    return tuple(tuple(run) for run in runs if run)


def _dates(starts: Sequence[datetime], x: Callable[[float], float]) -> tuple[Mark, ...]:
    step = max(math.ceil(len(starts) / _DATES), 1)
    return tuple(Mark(x(i), f"{starts[i]:%Y-%m-%d}") for i in range(0, len(starts), step))
