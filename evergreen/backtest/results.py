"""What each policy would have brought and cost, side by side on the same rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.arrays import Floats
from evergreen.backtest.life import Life
from evergreen.backtest.world import World
from evergreen.handoffs import DAY, TIME, Interval
from evergreen.metrics import find_metric
from evergreen.statistics import metric_interval, paired_interval

#: The arm that all others are compared with.
NEVER = "never"
HINDSIGHT = "best in hindsight"


@dataclass(frozen=True)
class ArmResult:
    """One policy's outcome.

    ``months`` maps ``2013-04`` to the pooled metric of its rows, ``mean`` is the mean over months, ``overall`` the
    pooled metric, ``gain`` the paired difference to never retraining (both with 95 % intervals by blocks of weeks).
    ``regret`` is what the best choice in hindsight has more in the mean over months. ``days_below`` counts days whose
    metric is worse than the floor; None without a floor.
    """

    name: str
    months: dict[str, float]
    mean: float
    overall: Interval
    gain: Interval
    trainings: int
    promotions: int
    rollbacks: int
    seconds: float
    days_below: int | None
    regret: float


@dataclass(frozen=True)
class Played:
    """The rows that every arm scored and whose label is known, and what one arm said about them."""

    rows: NDArray[np.int64]
    predictions: Floats


def played(world: World, life: Life, start: datetime, end: datetime) -> Played:
    """An arm's predictions of the labelled rows with a cut-off in ``(start, end]``."""
    parts = [(world.fit(fit), rows) for fit, rows in life.owners(world, end)]
    rows = np.concatenate([rows for _, rows in parts])
    predictions = np.concatenate([fit.at(rows) for fit, rows in parts])
    known = world.labelled(end)[rows]
    return Played(rows[known], predictions[known])


def results(
    world: World, lives: Sequence[Life], start: datetime, end: datetime, grid: Sequence[datetime]
) -> list[ArmResult]:
    """Compare the arms on the same rows; the last result is the best choice in hindsight.

    Args:
        world: What the arms shared.
        lives: The arms, ``never`` among them.
        start: The moment of the first fit.
        end: Labels known then count.
        grid: Moments of the fits among which hindsight may choose, ``start`` first.
    """
    outcomes = {life.arm.name: played(world, life, start, end) for life in lives}
    never = outcomes[NEVER]
    months = _months(world, never.rows)
    best = _hindsight(world, never.rows, months, grid)
    rows = [
        _result(world, life, outcomes[life.arm.name], never, months, float(np.mean(list(best.values()))))
        for life in lives
    ]  # fmt: skip
    unknown = Interval(math.nan, math.nan, math.nan)
    mean = float(np.mean(list(best.values())))
    return [*rows, ArmResult(HINDSIGHT, best, mean, unknown, unknown, 0, 0, 0, math.nan, None, 0.0)]


def _result(world: World, life: Life, own: Played, never: Played, months: NDArray[np.str_], best: float) -> ArmResult:
    target = world.target[own.rows]
    weeks = world.history.rows[DAY].to_numpy()[own.rows] // 7
    by_month = {
        str(month): find_metric(world.metric).value(target[months == month], own.predictions[months == month])
        for month in np.unique(months)
    }
    mean = float(np.mean(list(by_month.values())))
    sign = find_metric(world.metric).sign
    return ArmResult(
        life.arm.name,
        by_month,
        mean,
        metric_interval(world.metric, target, own.predictions, weeks),
        paired_interval(world.metric, target, own.predictions, never.predictions, weeks, 0.975),
        len(life.trainings) - 1,
        sum(one.promoted for one in life.trainings) - 1,
        len(life.rolled_back),
        sum(one.seconds for one in life.trainings[1:]),
        _days_below(world, own),
        sign * (best - mean),
    )


def live_result(
    name: str,
    live: pd.DataFrame,
    said: tuple[str, Floats, Floats, str],
    counts: tuple[int, int, int, float],
    beside: Sequence[ArmResult],
) -> ArmResult:
    """What predictions of the ledger were worth, in the terms of a backtest.

    Args:
        name: What to call it.
        live: The rows, with ``__time`` and ``__day``.
        said: The metric, the encoded target, the predictions, and the zone of the months.
        counts: Trainings, promotions, rollbacks, and the seconds of the trainings.
        beside: The backtest's results, best in hindsight last.
    """
    metric, target, values, zone = said
    months = live[TIME].dt.tz_convert(ZoneInfo(zone)).dt.strftime("%Y-%m").to_numpy()
    by_month = {str(m): find_metric(metric).value(target[months == m], values[months == m]) for m in np.unique(months)}
    mean = float(np.mean(list(by_month.values())))
    unknown = Interval(math.nan, math.nan, math.nan)
    overall = metric_interval(metric, target, values, live[DAY].to_numpy() // 7)
    sign = find_metric(metric).sign
    return ArmResult(name, by_month, mean, overall, unknown, *counts, None, sign * (beside[-1].mean - mean))


def _hindsight(
    world: World, rows: NDArray[np.int64], months: NDArray[np.str_], grid: Sequence[datetime]
) -> dict[str, float]:
    """The best fit for each month by dynamic programming: a fit serves only after its moment, and never comes back.

    Bellman's recursion over months and fits; it knows each month's outcome beforehand, which no policy can.
    """
    sign = find_metric(world.metric).sign
    names = list(np.unique(months))
    values = np.full((len(names), len(grid)), -np.inf)
    for m, month in enumerate(names):
        chosen = rows[months == month]
        first = world.history.rows[TIME].iloc[chosen[0]]
        for g, moment in enumerate(grid):
            if pd.Timestamp(moment) <= first:
                values[m, g] = sign * find_metric(world.metric).value(
                    world.target[chosen], world.fit(moment).at(chosen)
                )
    best = values.copy()
    for m in range(1, len(names)):
        best[m] += np.maximum.accumulate(best[m - 1])
    picks = [int(np.argmax(best[-1]))]
    for m in range(len(names) - 2, -1, -1):
        picks.insert(0, int(np.argmax(best[m][: picks[0] + 1])))
    return {str(name): sign * float(values[m, g]) for m, (name, g) in enumerate(zip(names, picks, strict=True))}


def _days_below(world: World, own: Played) -> int | None:
    floor = world.spec.promotion.floors.get(find_metric(world.metric).base)
    if floor is None:
        return None
    days = world.history.rows[DAY].to_numpy()[own.rows]
    sign, below = find_metric(world.metric).sign, 0
    for day in np.unique(days):
        value = find_metric(world.metric).value(world.target[own.rows[days == day]], own.predictions[days == day])
        below += bool(sign * value < sign * floor)
    return below


def _months(world: World, rows: NDArray[np.int64]) -> NDArray[np.str_]:
    local = world.history.rows[TIME].iloc[rows].dt.tz_convert(ZoneInfo(world.spec.data.timezone))
    return np.asarray(local.dt.strftime("%Y-%m").to_numpy(), dtype=np.str_)


def recommend(found: Sequence[ArmResult], metric: str) -> str:
    """One sentence: which policy to take, and that this is one history."""
    by_name = {one.name: one for one in found if one.name != HINDSIGHT}
    never = by_name[NEVER]
    sign = find_metric(metric).sign
    best = max(by_name.values(), key=lambda one: sign * one.mean)
    if best is never or not best.gain.low > 0:
        return (
            f"No policy is shown to beat never retraining on this history ({metric} {never.mean:.3f} in the mean over "
            "months); it is one history, and the next may differ."
        )
    near = [one for one in by_name.values() if sign * (best.mean - one.mean) <= 0.2 * sign * (best.mean - never.mean)]
    cheapest = min(near, key=lambda one: one.trainings)
    beside = "" if cheapest is best else f" and '{best.name}' {best.mean:.3f} with {best.trainings}"
    return (
        f"'{cheapest.name}' keeps {metric} at {cheapest.mean:.3f} in the mean over months with {cheapest.trainings} "
        f"trainings, where never retraining keeps {never.mean:.3f}{beside}; it is one history, and the next may differ."
    )
