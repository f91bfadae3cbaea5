"""What would have to happen before a model is trained again, in words and dates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from evergreen.handoffs import RetrainingDecision
from evergreen.retraining import PastTraining, cool_down
from evergreen.spec import Retraining


@dataclass(frozen=True)
class OutlookFacts:
    """What the dates of an outlook are counted from, as known at the decision.

    ``refused`` holds when attempts ended without a verdict; ``frozen`` says whether a freeze holds by now.
    """

    fitted_as_of: datetime
    trainings: Sequence[PastTraining]
    refused: Sequence[datetime]
    frozen: bool = True


def outlook(firing: RetrainingDecision, past: OutlookFacts, rules: Retraining, window: timedelta) -> tuple[str, ...]:
    """What must happen next: for a decision that was held back each bar's end, for a quiet one what would call.

    Args:
        firing: The decision.
        past: What the dates are counted from.
        rules: The spec's retraining rules.
        window: The monitoring window's length.

    Returns:
        One sentence a rule; empty for a decision to train.
    """
    if firing.fire:
        return ()
    if firing.called:
        return tuple(_BARS[rule.name](firing, past, rules, window) for rule in firing.bars if not rule.held)
    return tuple(_TRIGGERS[rule.name](past, rules) for rule in firing.triggers)


def _frozen(firing: RetrainingDecision, past: OutlookFacts, *_: object) -> str:
    if past.frozen:
        return f"a person must end the freeze: evergreen freeze {firing.model} --off"
    return "the freeze has ended: the next monitor run decides anew"


def _cool_down(firing: RetrainingDecision, past: OutlookFacts, rules: Retraining, _: timedelta) -> str:
    last = past.trainings[-1].as_of
    if last > firing.as_of:
        return f"the clock must pass the last training, as of {_date(last)}"
    return f"the cool-down ends on {_date(last + cool_down(past.trainings, rules))}"


def _budget(firing: RetrainingDecision, past: OutlookFacts, rules: Retraining, _: timedelta) -> str:
    spent = [one.as_of for one in past.trainings if one.cause and firing.as_of - one.as_of < rules.period]
    if not rules.budget:
        return "the budget is 0: only a person trains this model"
    if len(spent) < rules.budget:  # the model's file was changed since
        return "by the rules as they stand now the budget has room: the next monitor run decides anew"
    return f"the budget has room again on {_date(spent[len(spent) - rules.budget] + rules.period)}"


def _refused(firing: RetrainingDecision, past: OutlookFacts, rules: Retraining, window: timedelta) -> str:
    return (
        "what refused the last attempt must be put right; the rules try again from "
        f"{_date(max(past.refused) + window)} on, `evergreen train {firing.model}` at once"
    )


#: By the name of the bar that stands in the way.
_BARS: dict[str, Callable[[RetrainingDecision, OutlookFacts, Retraining, timedelta], str]] = {
    "frozen": _frozen,
    "single flight": lambda *_: "the training under way must end; if it died, the next monitor run starts it again",
    "cool_down": _cool_down,
    "budget": _budget,
    "refused": _refused,
    "unseen rows": lambda *_: "more labels must become known for the gate to judge by",
}


def _schedule(past: OutlookFacts, rules: Retraining) -> str:
    last = past.trainings[-1].as_of if past.trainings else past.fitted_as_of
    return f"schedule calls on {_date(last + rules.every)}"


#: By the name of the trigger that is quiet.
_TRIGGERS: dict[str, Callable[[OutlookFacts, Retraining], str]] = {
    "schedule": _schedule,
    "performance": lambda *_: "performance calls when windows to come show a fall beyond chance and the tolerance",
    "estimated": lambda _, rules: f"estimated calls when {rules.persistence} of {rules.among} windows lie too low",
    "drift": lambda _, rules: f"drift calls when {rules.persistence} of {rules.among} windows have drifted",
    "volume": lambda *_: "volume calls when enough labels have become known",
    "age": lambda past, rules: f"age calls on {_date(past.fitted_as_of + rules.age)}",
}


def _date(moment: datetime) -> str:
    """A day; with its minute where it is none."""
    return f"{moment:%Y-%m-%d}" if (moment.hour, moment.minute) == (0, 0) else f"{moment:%Y-%m-%d %H:%M} UTC"
