from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from evergreen.errors import ChampionMoved, StoreError
from evergreen.handoffs import (
    ColumnDrift,
    Health,
    Interval,
    ModelVersion,
    RetrainingDecision,
    Rule,
    Verdict,
    WindowSlice,
    WindowValue,
)
from evergreen.io.records import ChampionHistory, MonitoringRecords, TrialRecord, local_records

START = datetime(2026, 5, 4, tzinfo=UTC)
WEEK = timedelta(days=7)


def version(number: int) -> ModelVersion:
    return ModelVersion("m", number, f"id{number}", "run", "sha", "{}", START, START, "binary", ("0", "1"), 100)


def health(as_of: datetime, labelled: int = 0) -> Health:
    end = START + WEEK
    realised = WindowValue(START, end, labelled, 0.7, 0.02) if labelled else None
    return Health(
        "m", 1, START, end, as_of, 100, 2, labelled, "roc_auc", realised, Interval(0.6, 0.7, 0.8),
        (WindowSlice("plan=pro", 50, Interval(0.5, 0.6, 0.7)),),
        (ColumnDrift("amount", 0.2, 0.001, True, 100, 0.0, 0.0, "moved"),), True, False, 1.5, 600.0, ("a", "b"),
    )  # fmt: skip


def firing(as_of: datetime, fire: bool, cause: str = "m-v1-1") -> RetrainingDecision:
    return RetrainingDecision("m", as_of, 1, fire, (Rule("age", fire, "old"),), (Rule("budget", True, "free"),), cause)


def settle(records: ChampionHistory, number: int, cause: str = "", promote: bool = True) -> None:
    verdict = Verdict(promote, (Rule("superior", promote, "better"),))
    records.settle(f"key{number}", version(number), verdict, None, records.champion("m"), cause)


def test_health_comes_back_as_it_was_kept(records_url: str) -> None:
    watching = MonitoringRecords(records_url)
    watching.keep_health(health(START + WEEK, 90))
    assert watching.healths("m") == [health(START + WEEK, 90)]


def test_a_window_is_as_it_was_last_known_at_a_time(records_url: str) -> None:
    watching = MonitoringRecords(records_url)
    early, late = START + WEEK, START + WEEK + timedelta(days=1)
    watching.keep_health(health(early))
    watching.keep_health(health(late, 90))
    watching.keep_health(health(late, 91))  # the same moment again changes nothing
    assert [one.labelled for one in watching.healths("m")] == [90]
    assert watching.healths("m", early)[0].realised is None
    assert watching.healths("m", early - WEEK) == []


def test_the_first_decision_for_a_moment_stands(records_url: str) -> None:
    watching = MonitoringRecords(records_url)
    assert watching.keep_firing(firing(START, True)).fire
    assert watching.keep_firing(firing(START, False)).fire
    assert [one.fire for one in watching.firings("m")] == [True]


def test_a_decision_to_train_is_open_until_a_verdict_or_a_refusal_answers_it(records_url: str) -> None:
    watching, records = MonitoringRecords(records_url), ChampionHistory(records_url)
    settle(records, 1)
    for number, day in enumerate((1, 2, 3)):
        watching.keep_firing(firing(START + timedelta(days=day), True, f"cause{number}"))
    watching.keep_firing(firing(START + timedelta(days=4), False, "cause3"))
    assert [one.cause for one in watching.pending("m")] == ["cause0", "cause1", "cause2"]
    settle(records, 2, "cause0", promote=False)
    watching.close("m", "cause1", START, "validation failed")
    watching.close("m", "cause1", START, "another reason")
    assert [one.cause for one in watching.pending("m")] == ["cause2"]
    assert watching.closed("m") == {"cause1": (START, "validation failed")}


def test_a_freeze_holds_until_it_is_taken_back(records_url: str) -> None:
    watching = MonitoringRecords(records_url)
    assert watching.frozen("m") is None
    watching.freeze("m", True, "audit")
    frozen = watching.frozen("m")
    assert frozen is not None
    assert frozen.why == "audit"
    watching.freeze("m", False, "audit over")
    assert watching.frozen("m") is None


def test_a_failed_probation_is_ended_and_rolled_back_at_once_and_once(records_url: str) -> None:
    records = ChampionHistory(records_url)
    settle(records, 1)
    settle(records, 2)
    reign = records.champions("m")[-1]
    trial = TrialRecord(True, False, "worse", START)
    records.end_trial(reign, trial, version(1))
    records.end_trial(reign, trial, version(1))
    assert [(one.sequence, one.version.version, one.kind) for one in records.champions("m")] == [
        (1, 1, "superior"), (2, 2, "superior"), (3, 1, "rollback"),
    ]  # fmt: skip
    assert records.trials("m") == {2: trial}


def test_a_rollback_that_comes_too_late_leaves_no_trace(records_url: str) -> None:
    records = ChampionHistory(records_url)
    settle(records, 1)
    settle(records, 2)
    reign = records.champions("m")[-1]
    settle(records, 3)
    with pytest.raises(ChampionMoved):
        records.end_trial(reign, TrialRecord(True, False, "worse", START), version(1))
    assert records.trials("m") == {}
    assert records.champions("m")[-1].version.version == 3


def test_nan_figures_survive_the_records(records_url: str) -> None:
    watching = MonitoringRecords(records_url)
    kept = health(START + WEEK)
    watching.keep_health(Health(**{**kept.__dict__, "estimated": Interval(math.nan, math.nan, math.nan)}))
    estimated = watching.healths("m")[0].estimated
    assert estimated is not None
    assert math.isnan(estimated.value)


def test_records_of_another_layout_are_refused(tmp_path: Path) -> None:
    import sqlite3

    with sqlite3.connect(tmp_path / "records.db") as connection:
        connection.execute("PRAGMA user_version=99")
    with pytest.raises(StoreError, match="layout 99"):
        ChampionHistory(local_records(tmp_path))
