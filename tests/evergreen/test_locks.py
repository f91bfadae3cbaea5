from __future__ import annotations

import fcntl
import re
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evergreen.handoffs import RetrainingDecision
from evergreen.locks import ANSWER, APPROVAL, alone, holder, taken
from tasks.retraining import under_way

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERGREEN_WORKSPACE", str(tmp_path))


def test_a_lock_is_taken_until_its_end_and_only_for_its_kind_and_model() -> None:
    assert not taken("training", "churn")
    with alone("training", "churn"):
        assert taken("training", "churn")
        assert not taken("training", "fraud")
        assert not taken("monitoring", "churn")
    assert not taken("training", "churn")


def test_who_holds_a_lock_is_said_with_its_note() -> None:
    with alone("approval", "churn", "http://page"):
        assert re.fullmatch(r"process \d+, http://page", holder("approval", "churn"))
    assert holder("approval", "churn") == ""


def test_a_lock_that_is_only_looked_at_is_taken_without_a_word_of_one_that_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with alone("training", "churn"):
        pass
    with (tmp_path / "locks" / "training-churn").open() as place:
        fcntl.flock(place, fcntl.LOCK_SH)  # as who asks whether it is taken holds it for a moment
        monkeypatch.setattr("evergreen.locks.time.sleep", lambda _: fcntl.flock(place, fcntl.LOCK_UN))
        with alone("training", "churn"):
            assert taken("training", "churn")
    assert caplog.text == ""


def test_a_lock_that_is_released_lets_another_in_and_waits_for_its_end() -> None:
    order: list[str] = []
    inside, waited_for = threading.Event(), threading.Event()

    def other() -> None:
        with alone("training", "churn"):
            inside.set()
            waited_for.wait(timeout=300)
            order.append("other")

    thread = threading.Thread(target=other, daemon=True)
    with alone("training", "churn") as lock:
        with lock.released():
            assert not taken("training", "churn")
            thread.start()
            assert inside.wait(timeout=300)
            threading.Timer(0.1, waited_for.set).start()
        order.append("the first again")
    thread.join(timeout=300)
    assert order == ["other", "the first again"]


def test_what_ends_while_the_lock_is_released_does_not_wait_for_it() -> None:
    with pytest.raises(KeyboardInterrupt), alone("training", "churn") as lock, lock.released():
        raise KeyboardInterrupt
    assert not taken("training", "churn")


def test_a_decision_whose_training_waits_for_a_person_is_not_started_again() -> None:
    firing = RetrainingDecision("churn", NOW, 1, True, (), (), "churn-v1-0")
    assert not under_way(firing)
    for kind in (ANSWER, APPROVAL):
        with alone(kind, "churn"):
            assert under_way(firing)
        assert not under_way(firing)
