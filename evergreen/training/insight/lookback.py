"""How far back a recipe should look, and whether more rows would help: both from the past alone, never the holdout."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.arrays import Floats
from evergreen.errors import TrainingError
from evergreen.handoffs import CUT_OFF, DAY, KNOWN_AT, TARGET, TIME, Interval
from evergreen.metrics import find_metric
from evergreen.statistics import metric_interval, paired_interval
from evergreen.training.families.recipe import Recipe
from evergreen.training.fit import predict, refit
from evergreen.training.problem import Problem
from evergreen.training.rows import recency
from evergreen.training.rows.targets import encode_known

logger = logging.getLogger(__name__)

Clock = Callable[[], float]

#: The newest share of the rows, by days, that judges how far back to look, and in how many steps the recipe is refitted
#: through it: each step costs a fit an option.
_JUDGING, _STEPS = 0.25, 3
#: Windows and half-lives that are compared, in shares of the time that the rows span.
_WINDOWS, _HALF_LIVES, _MORE_HALF_LIVES = (1 / 2, 1 / 4), (1 / 2, 1 / 6), (1.0, 1 / 2, 1 / 4, 1 / 8)
#: Shares of the rows that a learning curve is drawn through.
_SHARES = (0.25, 0.5, 1.0)
#: Days below which there is no past to choose by, and the confidence that one option among several is better than all.
_FEWEST_DAYS, _CONFIDENCE = 28, 0.95


@dataclass(frozen=True)
class Tried:
    """One way of looking back: its value on rows of the past, and its gain over looking at all rows.

    ``gain`` is positive where it is better; its bounds are one-sided, and hold for all that were tried at once.
    """

    recency: str
    value: float
    gain: Interval


@dataclass(frozen=True)
class Point:
    """A point of a learning curve: the value of the recipe fitted on so many rows."""

    rows: int
    value: Interval


@dataclass(frozen=True)
class Lookback:
    """A recipe that looks back as far as served it best, what was compared, and why it came out so."""

    recipe: Recipe
    tried: tuple[Tried, ...]
    curve: tuple[Point, ...]
    reasons: tuple[str, ...]


def look_back(
    train: pd.DataFrame, tuning: pd.DataFrame, problem: Problem, recipe: Recipe, clock: Clock, deadline: float
) -> Lookback:
    """Choose how far back a recipe looks by what would have been best in the past, and draw its learning curve.

    With ``window: auto`` it looks at all rows unless a window or weights are shown to be better; with ``weighted`` it
    takes the half-life that did best. What does not fit into the time is not tried.

    Args:
        train: Rows that the recipe was fitted on.
        tuning: Rows that chose it, the newest before the holdout.
        problem: What is learned.
        recipe: What was found.
        clock: Seconds.
        deadline: The clock's value after which no fit is begun.
    """
    settings = problem.settings
    if settings.half_life:
        chosen = replace(recipe, recency=recency.half_life(settings.half_life))
        return Lookback(chosen, (), (), (f"{chosen.recency}, as the spec says",))
    reasons: list[str] = []
    tried: tuple[Tried, ...] = ()
    rows = pd.concat([train, tuning], ignore_index=True)
    if TIME in rows:
        tried = _try(rows, problem, recipe, clock, deadline)
        recipe, reason = _choose(tried, recipe, settings.window == "weighted", problem.metric)
        reasons.append(reason)
    curve, said = _learning_curve(train, tuning, problem, recipe, clock, deadline)
    for reason in (*reasons, said):
        logger.info("%s", reason)
    return Lookback(recipe, tried, curve, (*reasons, said))


def _options(days: int, weighted: bool) -> list[str]:
    def periods(shares: Sequence[float]) -> list[timedelta]:
        return [timedelta(days=max(1, round(days * share))) for share in shares]

    if weighted:
        return [recency.half_life(age) for age in periods(_MORE_HALF_LIVES)]
    windows = [recency.last(period) for period in periods(_WINDOWS)]
    return [*windows, *(recency.half_life(age) for age in periods(_HALF_LIVES))]


def _try(rows: pd.DataFrame, problem: Problem, recipe: Recipe, clock: Clock, deadline: float) -> tuple[Tried, ...]:
    """The value of each option on the newest rows, of which each step is predicted from what was known before it."""
    day = rows[DAY].to_numpy()
    span = int(day.max() - day.min()) + 1
    if span < _FEWEST_DAYS:
        return ()
    first = int(day.max()) - round(span * _JUDGING) + 1
    judged = np.flatnonzero(day >= first)
    steps = np.array_split(judged[np.argsort(day[judged], kind="stable")], _STEPS)
    target = encode_known(rows[TARGET], problem.task, problem.classes)
    options = _options(span, problem.settings.window == "weighted")
    found: dict[str, Floats] = {}
    longest = 0.0
    for option in (recency.ALL, *options):
        began = clock()
        if began + longest > deadline:
            logger.info("%s: not tried, its share of the budget is over", option)
            break
        trial = replace(recipe, recency=option)
        try:
            found[option] = np.concatenate([_predicted(rows, step, problem, trial) for step in steps])
        except (TrainingError, ValueError) as error:  # one class only, or too few rows for the family
            logger.info("looking back, %s: cannot be fitted: %s", option, error)
            if option == recency.ALL:
                return ()
        longest = max(longest, clock() - began)
        logger.info("looking back, %s: fitted %d times in %.1f s", option, _STEPS, clock() - began)
    order = np.concatenate(steps)
    level = 1 - (1 - _CONFIDENCE) / max(len(found) - 1, 1)
    return tuple(_tried(option, target[order], values, found[recency.ALL], day[order], problem.metric, level)
                 for option, values in found.items())  # fmt: skip


def _predicted(rows: pd.DataFrame, step: NDArray[np.int64], problem: Problem, recipe: Recipe) -> Floats:
    known = (rows[KNOWN_AT] <= rows[CUT_OFF].iloc[step].min()).to_numpy()
    pipeline = refit(recipe, rows[known], problem)
    return predict(pipeline, problem.task, rows.iloc[step], len(problem.classes))


def _tried(
    option: str, target: Floats, values: Floats, everything: Floats, days: NDArray[np.int64], metric: str, level: float
) -> Tried:
    gain = paired_interval(metric, target, values, everything, days, level)
    return Tried(option, metric_interval(metric, target, values, days).value, gain)


def _choose(tried: Sequence[Tried], recipe: Recipe, weighted: bool, metric: str) -> tuple[Recipe, str]:
    if len(tried) < 2:
        return recipe, "window: all rows; the past is too short, or the time, to compare others"
    others = sorted(tried[1:], key=lambda one: -one.gain.value)
    best = others[0]
    words = f"{best.recency} gains {best.gain.value:.4g} in {metric} ({best.gain.low:.4g} to {best.gain.high:.4g})"
    if weighted:
        return replace(recipe, recency=best.recency), f"window: {words} over all rows alike, the best of {len(others)}"
    shown = [one for one in others if one.gain.low > 0]
    if not shown:
        return recipe, f"window: all rows; {words}, which is not shown to be better"
    return replace(recipe, recency=shown[0].recency), f"window: {shown[0].recency}; {words}, shown to be better"


def _learning_curve(
    train: pd.DataFrame, tuning: pd.DataFrame, problem: Problem, recipe: Recipe, clock: Clock, deadline: float
) -> tuple[tuple[Point, ...], str]:
    """The recipe fitted on a quarter, half and all of the training rows, drawn at random, judged on the tuning rows."""
    target = encode_known(tuning[TARGET], problem.task, problem.classes)
    days = tuning[DAY].to_numpy() if DAY in tuning else None
    order = np.random.default_rng(problem.settings.seed).permutation(len(train))
    points: list[Point] = []
    said: list[Floats] = []
    for share in _SHARES:
        if clock() > deadline:
            return tuple(points), "learning curve: not drawn to its end, its share of the budget is over"
        some = np.sort(order[: max(1, round(share * len(train)))])
        pipeline = refit(recipe, train.iloc[some], problem)
        said.append(predict(pipeline, problem.task, tuning, len(problem.classes)))
        points.append(Point(len(some), metric_interval(problem.metric, target, said[-1], days)))
    gain = paired_interval(problem.metric, target, said[-1], said[-2], days, _CONFIDENCE)
    word = "helped" if gain.low > 0 else "did not help" if gain.high < 0 else "is not shown to have helped"
    sign = "higher" if find_metric(problem.metric).greater_is_better else "lower"
    return tuple(points), (
        f"learning curve: the second half of the rows {word}, {problem.metric} gains {gain.value:.4g} "
        f"({gain.low:.4g} to {gain.high:.4g}; {sign} is better)"
    )
