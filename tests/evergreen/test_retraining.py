from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from evergreen.handoffs import Health, Rule
from evergreen.retraining import PastTraining, Situation, cool_down, decide_retraining
from evergreen.spec import Retraining

DAY = timedelta(days=1)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
QUIET = Rule("performance", False, "roc_auc holds")
FELL = Rule("performance", True, "roc_auc fell")
RULES = Retraining()


def health(weeks_ago: int, *, drifted: bool = False, low: bool = False) -> Health:
    start = NOW - (weeks_ago + 1) * 7 * DAY
    return Health("m", 1, start, start + 7 * DAY, NOW, 100, 0, 100, "roc_auc", None, None, drifted=drifted,
                  estimated_low=low)  # fmt: skip


def trained(days_ago: float, cause: str = "", promoted: bool = True, nothing: bool | None = False) -> PastTraining:
    return PastTraining(NOW - days_ago * DAY, cause, promoted, nothing)


SITUATION = Situation(
    "m", NOW, 1, NOW - 40 * DAY, 10_000, 1_000, 1_000, QUIET, trainings=(trained(40),)
)  # fmt: skip


def decide(rules: Retraining = RULES, **changes: object) -> object:
    return decide_retraining(replace(SITUATION, **changes), rules, 7 * DAY, 200)


def test_without_a_trigger_nothing_starts_and_the_reasons_are_those_of_the_triggers() -> None:
    firing = decide()
    assert not firing.fire
    assert not firing.called
    assert len(firing.reasons) == len(RULES.on)
    assert "roc_auc holds" in firing.reasons


@pytest.mark.parametrize(
    ("trigger", "changes"),
    [
        ("performance", {"performance": FELL}),
        ("drift", {"healths": (health(2, drifted=True), health(1), health(0, drifted=True))}),
        ("estimated", {"healths": (health(2, low=True), health(1, low=True), health(0))}),
        ("volume", {"new_rows": 5_000}),
        ("age", {"fitted_as_of": NOW - 90 * DAY}),
        ("schedule", {"trainings": (trained(30),)}),
    ],
)
def test_each_trigger_alone_starts_a_training(trigger: str, changes: dict[str, object]) -> None:
    rules = RULES.model_copy(update={"on": (trigger,)})
    assert not decide(rules, trainings=(trained(29),)).fire
    firing = decide(rules, **changes)
    assert firing.fire
    assert [rule.name for rule in firing.triggers if rule.held] == [trigger]


def test_one_window_of_drift_is_no_drift_yet() -> None:
    assert not decide(healths=(health(1), health(0, drifted=True))).called


@pytest.mark.parametrize(
    ("bar", "changes"),
    [
        ("frozen", {"frozen": "audit"}),
        ("single flight", {"under_way": "m-v1-1"}),
        ("cool_down", {"trainings": (trained(27),)}),
        ("budget", {"trainings": (trained(80, "a"), trained(60, "b"), trained(40))}),
        ("refused", {"refused": ((NOW - 3 * DAY, "validation failed"),)}),
        ("unseen rows", {"unseen_rows": 199}),
        ("unseen rows", {"unseen_days": 3}),
    ],
)
def test_each_bar_alone_suppresses_a_training_and_says_so(bar: str, changes: dict[str, object]) -> None:
    firing = decide(performance=FELL, **changes)
    assert firing.called
    assert not firing.fire
    assert [rule.name for rule in firing.bars if not rule.held] == [bar]
    assert firing.reasons[0] == "roc_auc fell"
    assert firing.reasons[1:] == tuple(rule.reason for rule in firing.bars if not rule.held)


@pytest.mark.parametrize(("days", "said"), [(0, "no whole days"), (1, "1 whole day,"), (3, "3 whole days")])
def test_a_training_waits_for_as_many_whole_days_as_its_verdict_needs(days: int, said: str) -> None:
    firing = decide(performance=FELL, unseen_days=days)
    assert not firing.fire
    assert said in firing.reasons[-1]
    assert firing.reasons[-1].endswith("a verdict needs 4")
    assert decide(performance=FELL, unseen_days=4).fire
    assert decide(performance=FELL, unseen_days=None).fire


def test_a_refused_attempt_is_repeated_after_a_window() -> None:
    assert decide(performance=FELL, refused=((NOW - 7 * DAY, "validation failed"),)).fire


def test_trainings_by_hand_spend_no_budget() -> None:
    assert decide(performance=FELL, trainings=(trained(80, "a"), trained(60), trained(40))).fire


def test_a_clock_that_jumped_back_starts_nothing() -> None:
    firing = decide(performance=FELL, trainings=(trained(-5),))
    assert not firing.fire
    assert "the clock stands before the last training" in firing.reasons


@pytest.mark.parametrize(
    ("worth", "days"),
    [
        ((False,), 28),
        ((True,), 56),
        ((True, True), 112),
        ((True, True, True, True), 112),
        ((True, False), 28),
        ((True, None), 56),
        ((False, True, None, True), 112),
    ],
)
def test_trainings_that_brought_nothing_double_the_cool_down_up_to_its_cap(
    worth: tuple[bool | None, ...], days: int
) -> None:
    past = [trained(100 - i, nothing=one) for i, one in enumerate(worth)]
    assert cool_down(past, RULES) == days * DAY


def test_the_same_history_gives_the_same_decision_and_cause() -> None:
    assert decide(performance=FELL) == decide(performance=FELL)


def test_a_refused_attempt_changes_the_cause_so_that_the_next_one_is_not_taken_for_it() -> None:
    first = decide(performance=FELL)
    again = decide(performance=FELL, refused=((NOW - 8 * DAY, "disk full"),))
    assert first.cause != again.cause
