"""One policy played through time, by the same pure functions as the real flows: score, look, judge, decide, train."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen import evaluation, labels, monitoring, promotion, scoring
from evergreen.backtest.world import Fit, World
from evergreen.handoffs import DAY, TARGET, TIME, Health, RetrainingDecision, Rule, Verdict
from evergreen.metrics import find_metric
from evergreen.monitoring import Bounds
from evergreen.retraining import PastTraining, Situation, decide_retraining
from evergreen.spec import Retraining
from evergreen.statistics import MIN_BLOCKS

Positions = NDArray[np.int64]


@dataclass(frozen=True)
class Arm:
    """A policy: trainings on fixed dates, gated or not, or by rules; without either the first model stays for ever."""

    name: str
    dates: tuple[datetime, ...] = ()
    gated: bool = True
    rules: Retraining | None = None


@dataclass(frozen=True)
class Trained:
    """One training of an arm: why, whether its version was crowned, and what it would have cost."""

    as_of: datetime
    cause: str
    promoted: bool
    seconds: float
    verdict: Verdict | None = None


@dataclass
class Life:
    """What became of an arm.

    ``reigns`` are the moments of the fits that served, each with the moment from which it did. ``healths`` hold by the
    window's start the fit that scored most of it, and what was seen.
    """

    arm: Arm
    reigns: list[tuple[datetime, datetime]]
    trainings: list[Trained] = field(default_factory=list)
    healths: dict[datetime, tuple[datetime, Health]] = field(default_factory=dict)
    firings: list[RetrainingDecision] = field(default_factory=list)
    trials: dict[int, promotion.Trial] = field(default_factory=dict)
    worth: dict[datetime, bool | None] = field(default_factory=dict)
    rolled_back: set[int] = field(default_factory=set)

    def owners(self, world: World, until: datetime) -> list[tuple[datetime, Positions]]:
        """For each reign the fit's moment and the rows that it scored."""
        ends = [since for _, since in self.reigns[1:]] + [until]
        return [
            (fit, world.scored(since, end)) for (fit, since), end in zip(self.reigns, ends, strict=True) if since < end
        ]


def play(world: World, arm: Arm, start: datetime, steps: Sequence[datetime]) -> Life:
    """Let an arm live: the first model is fitted at ``start``, then time passes in steps.

    Args:
        world: What all arms share.
        arm: The policy.
        start: When the first model is trained; its verdict is recorded, and it serves.
        steps: When the monitor runs, ascending; trainings on fixed dates happen on their own dates.
    """
    life = Life(arm, [(start, start)])
    first = world.contest(start, None)
    life.trainings.append(Trained(start, "", True, first.seconds + world.fit(start).seconds, first.verdict))
    life.worth[start] = False
    if arm.rules is None:
        for date in arm.dates:
            _train(world, life, date, "by the calendar")
        return life
    for step in steps:
        _look(world, life, step)
        _judge_trial(world, life, step)
        firing = decide_retraining(
            _situation(world, life, start, step), arm.rules, world.spec.monitoring.window, world.spec.promotion.min_rows
        )
        life.firings.append(firing)
        if firing.fire:
            _train(world, life, step, firing.cause)
    return life


def _train(world: World, life: Life, as_of: datetime, cause: str) -> None:
    champion, _ = life.reigns[-1]
    if not life.arm.gated:
        fit = world.fit(as_of)
        life.trainings.append(Trained(as_of, cause, True, fit.seconds))
        life.reigns.append((as_of, as_of))
        return
    contest = world.contest(as_of, champion)
    seconds, promoted = contest.seconds, contest.verdict.promote
    life.worth[as_of] = True
    if promoted:
        seconds += world.fit(as_of).seconds
        life.reigns.append((as_of, as_of))
        life.worth[as_of] = None if world.spec.probation.windows else False
    life.trainings.append(Trained(as_of, cause, promoted, seconds, contest.verdict))


def _look(world: World, life: Life, as_of: datetime) -> None:
    """Look at every window that is over and not settled, as ``tasks.monitoring.look`` does."""
    length, zone, lead = world.spec.monitoring.window, world.spec.data.timezone, world.spec.data.lead
    first, _ = monitoring.window_of(life.reigns[0][1] + lead, length, zone)
    owners = life.owners(world, as_of)
    for bounds in monitoring.windows_between(first, as_of, length, zone):
        before = life.healths.get(bounds[0])
        if before and before[1].realised and as_of >= bounds[1] + world.spec.data.target.delay + length:
            continue
        seen = _observe(world, owners, bounds, as_of)
        if seen:
            life.healths[bounds[0]] = seen


def _observe(
    world: World, owners: Sequence[tuple[datetime, Positions]], bounds: Bounds, as_of: datetime
) -> tuple[datetime, Health] | None:
    parts = [(fit, _inside(world, rows, bounds)) for fit, rows in owners]
    moment, rows = max(parts, key=lambda part: len(part[1]), default=(as_of, np.empty(0, dtype=np.int64)))
    if not len(rows):
        return None
    fit, rules, spec = world.fit(moment), world.spec.monitoring, world.spec
    table = world.history.rows.iloc[rows]
    known = world.labelled(as_of)[rows]
    joined = _as_known(table, known)
    ripe, words = labels.maturity(joined, bounds[1], spec.data.target, as_of, rules.coverage, rules.min_rows)
    reference = world.reference(moment)
    seen = monitoring.ObservedWindow(
        bounds, as_of, joined, table, np.where(known, world.target[rows], np.nan), fit.at(rows), 0, ripe, words,
        table[TIME].max().to_pydatetime(),
    )  # fmt: skip
    slices = spec.promotion.slices if rules.slices is None else rules.slices
    return moment, monitoring.observe(seen, fit.version, reference, rules, slices)


def _as_known(table: pd.DataFrame, known: NDArray[np.bool_]) -> pd.DataFrame:
    """Rows with the labels that were known; in a replay none is first seen too late."""
    return table.assign(**{TARGET: table[TARGET].where(known), scoring.LATE: pd.Series(False, index=table.index)})


def _inside(world: World, rows: Positions, bounds: Bounds) -> Positions:
    first, last = (world.position(edge) for edge in bounds)
    return rows[(rows >= first) & (rows < last)]


def _judge_trial(world: World, life: Life, as_of: datetime) -> None:
    """Judge a probation on the rows that both champions have scored, as ``tasks.retraining.judge_probation`` does."""
    probation, number = world.spec.probation, len(life.reigns)
    if not probation.windows or number < 2 or number in life.trials or number in life.rolled_back:
        return
    (new, since), (old, _) = life.reigns[-1], life.reigns[-2]
    ripe = _ripe_windows(world, since, as_of)[: probation.windows]
    over = len(ripe) >= probation.windows
    if not ripe or not (over or probation.judge == "each"):
        return
    rows = world.scored(since, as_of)
    first, last = world.position(ripe[0][0]), world.position(ripe[-1][1])
    rows = rows[(rows >= first) & (rows < last)]
    rows = rows[world.labelled(as_of)[rows]]
    sides = (world.target[rows], world.fit(new).at(rows), world.fit(old).at(rows))
    evidence = evaluation.paired_rows(
        world.history.rows.iloc[rows], world.history.task, world.metric, sides, "champion",
        terms=evaluation.Terms(promotion.trial_confidence(probation), decisions=world.decisions()),
    )  # fmt: skip
    trial = promotion.judge_trial(evidence, len(ripe), probation)
    if trial.over:
        life.trials[number] = trial
        life.worth[new] = not trial.better
        if trial.worse:
            life.reigns.append((old, as_of))
            life.rolled_back.add(len(life.reigns))


def _ripe_windows(world: World, since: datetime, as_of: datetime) -> list[Bounds]:
    spec, rules = world.spec, world.spec.monitoring
    first, _ = monitoring.window_of(since + spec.data.lead, rules.window, spec.data.timezone)
    found, scored, known = [], world.scored(since, as_of), world.labelled(as_of)
    for bounds in monitoring.windows_between(first, as_of, rules.window, spec.data.timezone):
        rows = _inside(world, scored, bounds)
        table = world.history.rows.iloc[rows]
        joined = _as_known(table, known[rows])
        if labels.maturity(joined, bounds[1], spec.data.target, as_of, rules.coverage, rules.min_rows)[0]:
            found.append(bounds)
    return found


def _situation(world: World, life: Life, start: datetime, as_of: datetime) -> Situation:
    moment, _ = life.reigns[-1]
    champion: Fit = world.fit(moment)
    fresh = world.known_between(moment, as_of, start + world.spec.data.lead)
    healths = tuple(health for _, (fit, health) in sorted(life.healths.items()) if fit == moment)
    return Situation(
        world.spec.model,
        as_of,
        len(life.reigns),
        moment,
        champion.version.fitted_rows,
        len(fresh),
        len(fresh),
        _performance(world, moment, healths),
        healths,
        tuple(PastTraining(one.as_of, one.cause, one.promoted, life.worth.get(one.as_of)) for one in life.trainings),
        unseen_days=_unseen_days(world, champion, fresh),
    )


def _unseen_days(world: World, champion: Fit, fresh: Positions) -> int:
    """On how many whole days after those that the champion has seen there are new labels, as far as it matters."""
    day = world.history.rows[DAY].to_numpy()
    return min(len(np.unique(day[fresh][day[fresh] > day[champion.first - 1]])), MIN_BLOCKS)


def _performance(world: World, moment: datetime, healths: Sequence[Health]) -> Rule:
    reference = world.reference(moment)
    signal = monitoring.judge_performance(
        reference.values,
        [health.realised for health in healths if health.realised],
        greater_is_better=find_metric(world.metric).greater_is_better,
        tolerance=reference.tolerance,
        metric=world.metric,
    )
    return Rule("performance", signal.fired, signal.reason)


def calendar(start: datetime, end: datetime, every: timedelta) -> tuple[datetime, ...]:
    """Dates of trainings at a fixed distance, the first one ``every`` after ``start``."""
    count = max(int((end - start) / every), 0)
    return tuple(start + k * every for k in range(1, count + 1) if start + k * every < end)
