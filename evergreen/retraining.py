"""When to train again: triggers call for a training, bars stand in its way, and every reason is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from evergreen.handoffs import Health, RetrainingDecision, Rule
from evergreen.spec import Retraining, Trigger
from evergreen.statistics import MIN_BLOCKS

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class PastTraining:
    """One finished training: as of when, for which cause (empty by hand), and what it brought.

    ``brought_nothing`` is True where the champion was kept, the new one was rolled back, or did no better than the old
    one beside it; None while that is not known yet.
    """

    as_of: datetime
    cause: str
    promoted: bool
    brought_nothing: bool | None


@dataclass(frozen=True)
class Situation:
    """All that the rules look at, as it was known at ``as_of``.

    ``new_rows`` counts labels that became known since the champion was fitted, ``unseen_rows`` those that a gate could
    judge by; ``unseen_days`` the whole days after those that it was fitted on with such labels, at most as many as a
    verdict needs, None where rows have no time. ``performance`` is held where the champion's performance is shown to
    have fallen. ``healths`` are the champion's windows, oldest first. ``refused`` lists attempts that ended without a
    verdict: when, and why.
    """

    model: str
    as_of: datetime
    champion: int
    fitted_as_of: datetime
    fitted_rows: int
    new_rows: int
    unseen_rows: int
    performance: Rule
    healths: tuple[Health, ...] = ()
    trainings: tuple[PastTraining, ...] = ()
    refused: tuple[tuple[datetime, str], ...] = ()
    under_way: str = ""
    frozen: str = ""
    unseen_days: int | None = None


def decide_retraining(now: Situation, rules: Retraining, window: timedelta, min_rows: int) -> RetrainingDecision:
    """Train again only where something calls for it and nothing stands in the way.

    A pure function of recorded history: the same history gives the same decision.

    Args:
        now: The recorded history.
        rules: The spec's rules.
        window: The monitoring window's length; an attempt that was refused is not repeated within it.
        min_rows: Unseen labelled rows that the gate needs.

    Returns:
        A decision that names every trigger and, where one calls for a training, every bar.
    """
    triggers = tuple(_TRIGGERS[name](now, rules) for name in rules.on)
    bars = (
        _not_frozen(now),
        _not_under_way(now),
        _cooled_down(now, rules),
        _within_budget(now, rules),
        _not_refused(now, window),
        _enough_unseen(now, min_rows),
    )
    fire = any(rule.held for rule in triggers) and all(rule.held for rule in bars)
    attempts = len(now.trainings) + len(now.refused)
    cause = f"{now.model}-v{now.champion}-{attempts}"
    return RetrainingDecision(now.model, now.as_of, now.champion, fire, triggers, bars, cause)


def cool_down(trainings: Sequence[PastTraining], rules: Retraining) -> timedelta:
    """The cool-down after the last training: doubled for each of the newest that brought nothing, up to the cap.

    A training whose worth is not known yet neither doubles nor resets it.
    """
    doubled = 0
    for training in reversed(trainings):
        if training.brought_nothing is False:
            break
        doubled += training.brought_nothing is True
    longer: timedelta = rules.cool_down * float(2 ** min(doubled, 30))
    return min(longer, rules.max_cool_down)


def _schedule(now: Situation, rules: Retraining) -> Rule:
    last = now.trainings[-1].as_of if now.trainings else now.fitted_as_of
    passed = now.as_of - last
    reason = f"the last training was {_days(passed)} ago, due every {_days(rules.every)}"
    return Rule("schedule", passed >= rules.every, reason)


def _performance(now: Situation, rules: Retraining) -> Rule:
    return now.performance


def _estimated(now: Situation, rules: Retraining) -> Rule:
    flags = [health.estimated_low for health in now.healths]
    return _persistent("estimated", flags, rules, "performance estimated without labels lies below its reference")


def _drift(now: Situation, rules: Retraining) -> Rule:
    flags = [health.drifted for health in now.healths]
    return _persistent("drift", flags, rules, "the rows have drifted from those that the champion was fitted on")


def _volume(now: Situation, rules: Retraining) -> Rule:
    wanted = rules.volume * now.fitted_rows
    held = now.fitted_rows > 0 and now.new_rows >= wanted
    reason = f"{now.new_rows:,} labelled rows since the champion was fitted on {now.fitted_rows:,}"
    return Rule("volume", held, f"{reason}: {'at least' if held else 'below'} the wanted {wanted:,.0f}")


def _age(now: Situation, rules: Retraining) -> Rule:
    age = now.as_of - now.fitted_as_of
    held = age >= rules.age
    return Rule("age", held, f"the champion knows the world of {_days(age)} ago: {_at(held)} {_days(rules.age)}")


#: A new trigger is one entry here, one in the spec, and one test.
_TRIGGERS: dict[Trigger, Callable[[Situation, Retraining], Rule]] = {
    "schedule": _schedule,
    "performance": _performance,
    "estimated": _estimated,
    "drift": _drift,
    "volume": _volume,
    "age": _age,
}


def _persistent(name: str, flags: Sequence[bool], rules: Retraining, what: str) -> Rule:
    newest = flags[-rules.among :]
    count = sum(newest)
    held = count >= rules.persistence
    reason = f"{what} in {count} of the last {len(newest)} windows: {rules.persistence} of {rules.among} are needed"
    return Rule(name, held, reason)


def _not_frozen(now: Situation) -> Rule:
    return Rule("frozen", not now.frozen, f"the model is frozen: {now.frozen}" if now.frozen else "not frozen")


def _not_under_way(now: Situation) -> Rule:
    reason = f"a training for {now.under_way} is under way" if now.under_way else "no training is under way"
    return Rule("single flight", not now.under_way, reason)


def _cooled_down(now: Situation, rules: Retraining) -> Rule:
    if not now.trainings:
        return Rule("cool_down", True, "no training before this one")
    wanted, passed = cool_down(now.trainings, rules), now.as_of - now.trainings[-1].as_of
    held = passed >= wanted
    longer = f", doubled from {_days(rules.cool_down)} as training brought nothing" if wanted > rules.cool_down else ""
    if passed < timedelta(0):
        return Rule("cool_down", False, "the clock stands before the last training")
    return Rule(
        "cool_down", held, f"the last training was {_days(passed)} ago: cool-down {_days(wanted)}{longer}"
    )  # fmt: skip


def _within_budget(now: Situation, rules: Retraining) -> Rule:
    recent = [one for one in now.trainings if one.cause and now.as_of - one.as_of < rules.period]
    held = len(recent) < rules.budget
    reason = f"{len(recent)} of {rules.budget} trainings of the last {_days(rules.period)} are spent"
    return Rule("budget", held, reason)


def _not_refused(now: Situation, window: timedelta) -> Rule:
    recent = [why for at, why in now.refused if now.as_of - at < window]
    reason = f"the last attempt was refused: {recent[-1]}" if recent else "no attempt was refused lately"
    return Rule("refused", not recent, reason)


def _enough_unseen(now: Situation, min_rows: int) -> Rule:
    enough = now.unseen_rows >= min_rows
    reason = f"{now.unseen_rows:,} unseen labelled rows to judge by: {_at(enough)} {min_rows:,}"
    if now.unseen_days is not None and now.unseen_days < MIN_BLOCKS:
        days = f"{now.unseen_days or 'no'} whole day{'' if now.unseen_days == 1 else 's'}"
        return Rule("unseen rows", False, f"{reason}; they lie on {days}, a verdict needs {MIN_BLOCKS}")
    return Rule("unseen rows", enough, reason)


def _at(held: bool) -> str:
    return "at least" if held else "below"


def _days(span: timedelta) -> str:
    if abs(span) >= 2 * _DAY or span == timedelta(0):
        return f"{span / _DAY:.0f} days"
    hours = span / timedelta(hours=1)
    return f"{hours:.0f} h" if abs(hours) >= 2 else f"{span / timedelta(minutes=1):.0f} min"
