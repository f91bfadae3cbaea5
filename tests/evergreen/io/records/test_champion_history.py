from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evergreen.errors import ChampionMoved, StoreError
from evergreen.handoffs import Evidence, Interval, ModelVersion, Rule, SliceEvidence, Verdict
from evergreen.io.records import ChampionHistory, local_records

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FIRST = ModelVersion("churn", 1, "m-1", "run", "abc", "{}", NOON, NOON, "multiclass", ("a", "b", "c"))
SECOND = replace(FIRST, version=2, model_id="m-2")
THIRD = replace(FIRST, version=3, model_id="m-3")
PASSED = Verdict(True, (Rule("gain", True, "gains"),))
FAILED = Verdict(False, (Rule("gain", False, "does not"),))
GAIN = Interval(0.01, 0.02, 0.03)
SLICES = (SliceEvidence("a=b", 9, GAIN, GAIN),)
EVIDENCE = Evidence("roc_auc", 900, 14, GAIN, GAIN, GAIN, "trivial", {"f1": 0.5}, SLICES)


def test_what_was_settled_is_read_back_as_it_was(records_url: str) -> None:
    ChampionHistory(records_url).settle("key", FIRST, PASSED, EVIDENCE, None)
    decision = ChampionHistory(records_url).decision("churn", "key")
    assert decision is not None
    assert (decision.version, decision.verdict, decision.evidence) == (FIRST, PASSED, EVIDENCE)
    reign = ChampionHistory(records_url).champion("churn")
    assert reign is not None
    assert (reign.version, reign.sequence, reign.evidence) == (FIRST, 1, EVIDENCE)


def test_a_kept_champion_stays_in_the_history_alone(records_url: str) -> None:
    records = ChampionHistory(records_url)
    records.settle("one", FIRST, PASSED, EVIDENCE, None)
    records.settle("two", SECOND, FAILED, EVIDENCE, records.champion("churn"))
    assert [reign.version.version for reign in records.champions("churn")] == [1]
    assert [decision.version.version for decision in records.decisions("churn")] == [1, 2]


def test_the_same_training_settled_again_changes_nothing(records_url: str) -> None:
    records = ChampionHistory(records_url)
    records.settle("one", FIRST, PASSED, EVIDENCE, None)
    records.settle("one", SECOND, PASSED, EVIDENCE, None)
    assert [reign.version.version for reign in records.champions("churn")] == [1]


def test_a_verdict_against_a_deposed_champion_promotes_nobody_and_leaves_no_record(records_url: str) -> None:
    records = ChampionHistory(records_url)
    records.settle("one", FIRST, PASSED, EVIDENCE, None)
    judged_against = records.champion("churn")
    records.settle("two", SECOND, PASSED, EVIDENCE, judged_against)
    with pytest.raises(ChampionMoved, match="version 2 became champion meanwhile"):
        records.settle("three", THIRD, PASSED, EVIDENCE, judged_against)
    assert records.decision("churn", "three") is None
    assert [reign.version.version for reign in records.champions("churn")] == [1, 2]


def test_of_many_that_race_for_the_crown_one_wins(records_url: str) -> None:
    ChampionHistory(records_url)
    lost: list[int] = []

    def race(number: int) -> None:
        try:
            ChampionHistory(records_url).settle(f"key-{number}", replace(FIRST, version=number), PASSED, EVIDENCE, None)
        except ChampionMoved:
            lost.append(number)

    threads = [threading.Thread(target=race, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ChampionHistory(records_url).champions("churn")) == 1
    assert len(lost) == 7


def test_quarantined_rows_are_kept_once_and_released_with_a_reason(records_url: str) -> None:
    records = ChampionHistory(records_url)
    for _ in range(2):
        records.quarantine("churn", "digest", [("c1", "rule"), ("c2", "rule")])
    assert [row["row_key"] for row in records.quarantined("churn")] == ["c1", "c2"]
    assert records.release("churn", ["c1"], "looked at") == 1
    assert records.release("churn", ["c1"], "again") == 0
    assert records.released("churn") == {"c1"}
    assert records.released("demand") == frozenset()


def test_a_workspace_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match="EVERGREEN_WORKSPACE"):
        ChampionHistory(local_records(tmp_path / "file" / "workspace"))
