from __future__ import annotations

import fcntl
import re
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evergreen.handoffs import RetrainingDecision
from evergreen.io.locks import ANSWER, APPROVAL, FileLocks
from evergreen.workspace import Workspace
from tasks.retraining import under_way

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def locks(tmp_path: Path) -> FileLocks:
    return FileLocks(tmp_path / "locks")


def test_a_lock_is_taken_until_its_end_and_only_for_its_kind_and_model(locks: FileLocks) -> None:
    assert not locks.holder("training", "churn")
    with locks.alone("training", "churn"):
        assert locks.holder("training", "churn")
        assert not locks.holder("training", "fraud")
        assert not locks.holder("monitoring", "churn")
    assert not locks.holder("training", "churn")


def test_who_holds_a_lock_is_said_with_its_note(locks: FileLocks) -> None:
    with locks.alone("approval", "churn", "http://page"):
        assert re.fullmatch(r"process \d+, http://page", locks.holder("approval", "churn"))
    assert locks.holder("approval", "churn") == ""


def test_a_lock_that_is_only_looked_at_is_taken_without_a_word_of_one_that_ended(
    locks: FileLocks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with locks.alone("training", "churn"):
        pass
    with (tmp_path / "locks" / "training-churn").open() as place:
        fcntl.flock(place, fcntl.LOCK_SH)  # as who asks whether it is taken holds it for a moment
        monkeypatch.setattr("evergreen.io.locks.time.sleep", lambda _: fcntl.flock(place, fcntl.LOCK_UN))
        with locks.alone("training", "churn"):
            assert locks.holder("training", "churn")
    assert caplog.text == ""


def test_a_lock_that_is_released_lets_another_in_and_waits_for_its_end(locks: FileLocks) -> None:
    order: list[str] = []
    inside, waited_for = threading.Event(), threading.Event()

    def other() -> None:
        with locks.alone("training", "churn"):
            inside.set()
            waited_for.wait(timeout=300)
            order.append("other")

    thread = threading.Thread(target=other, daemon=True)
    with locks.alone("training", "churn") as lock:
        with lock.released():
            assert not locks.holder("training", "churn")
            thread.start()
            assert inside.wait(timeout=300)
            threading.Timer(0.1, waited_for.set).start()
        order.append("the first again")
    thread.join(timeout=300)
    assert order == ["other", "the first again"]


def test_what_ends_while_the_lock_is_released_does_not_wait_for_it(locks: FileLocks) -> None:
    with pytest.raises(KeyboardInterrupt), locks.alone("training", "churn") as lock, lock.released():
        raise KeyboardInterrupt
    assert not locks.holder("training", "churn")


def test_a_decision_whose_training_waits_for_a_person_is_not_started_again(locks: FileLocks, tmp_path: Path) -> None:
    firing = RetrainingDecision("churn", NOW, 1, True, (), (), "churn-v1-0")
    assert not under_way(Workspace.local(tmp_path, tmp_path), firing)
    for kind in (ANSWER, APPROVAL):
        with locks.alone(kind, "churn"):
            assert under_way(Workspace.local(tmp_path, tmp_path), firing)
        assert not under_way(Workspace.local(tmp_path, tmp_path), firing)
