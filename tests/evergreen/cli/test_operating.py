from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from evergreen.backtest import ArmResult, Cost
from evergreen.cli.console import json_text
from evergreen.cli.operating import _monitored, print_backtest, print_monitored, print_scored
from evergreen.handoffs import (
    Health,
    Interval,
    Lost,
    ModelVersion,
    RetrainingDecision,
    Rule,
    Snapshot,
    Unread,
    ValidationReport,
    Verdict,
)
from evergreen.io.records import Scoring
from flows.monitor import Monitored
from flows.train import Outcome
from tasks.backtest import Backtested
from tasks.scoring import Scored

MARCH, APRIL = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
JUNE = datetime(2013, 6, 3, tzinfo=UTC)
WEEK = timedelta(days=7)
HEALTH = Health(
    "churn", 1, JUNE, JUNE + WEEK, JUNE + WEEK, 10, 0, 0, "roc_auc", None, None,
    peak_mb=math.nan, reasons=("roc_auc: not enough labels yet",),
)  # fmt: skip
VERSION = ModelVersion("churn", 2, "m-2", "run", "abc", "{}", JUNE, JUNE)


def test_a_scoring_tells_range_rows_version_and_where_the_predictions_are(capsys: pytest.CaptureFixture[str]) -> None:
    entry = Scoring("churn", "champion", MARCH, APRIL, "/store/p.parquet", "f", 6511, 3, APRIL, 2.5, 300)
    report = ValidationReport("customers", Snapshot("u", 6515, "d", APRIL), (), 6515, 4)
    unread = Unread({"amount": Lost("number", 10, 2, "n.v."), "fee": Lost("number", 9)})
    print_scored("churn", Scored((entry,), 12, report, unread=unread))
    shown = capsys.readouterr().out
    for words in (
        "version 3 of churn", "after 2026-03-01 00:00 up to 2026-04-01 00:00", "6,511", "/store/p.parquet",
        "12 rows late, 4 quarantined; 2 of 10 values of amount are no number and count",
    ):  # fmt: skip
        assert words in shown


def test_without_a_champion_score_says_what_to_do(
    project: Path, evergreen: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    done = evergreen("score", "churn", "--as-of", "2026-03-10", "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["scorings"] == []
    assert answer["why"] == "there is no champion yet; run: evergreen train churn"


def firing(fire: bool) -> RetrainingDecision:
    bars = (Rule("cool_down", fire, "the last training was 3 days ago"),)
    return RetrainingDecision("churn", JUNE + WEEK, 1, fire, (Rule("age", True, "old"),), bars, "churn-v1-0")


def test_a_monitor_run_is_told_window_by_window_with_the_decision(capsys: pytest.CaptureFixture[str]) -> None:
    print_monitored("churn", Monitored((HEALTH,), None, firing(False)))
    said = capsys.readouterr().out
    assert "window 2013-06-03 to 2013-06-10, version 1 of churn\n  roc_auc: not enough labels yet" in said
    assert "A training is called for, and held back" in said
    assert "CALLS  age           old" in said
    assert "BARS   cool_down     the last training was 3 days ago" in said


def test_a_training_that_the_monitor_ran_is_told_and_one_that_a_server_runs_is_announced(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verdict = Verdict(True, (Rule("gain", True, "roc_auc gains 0.02"),))
    print_monitored("churn", Monitored((), None, firing(True), (Outcome(VERSION, verdict, None, None),)))
    said = capsys.readouterr().out
    assert "nothing new is known of any window" in said
    assert "PROMOTED: version 2 of churn" in said
    assert "Prefect server" not in said
    print_monitored("churn", Monitored((), None, firing(True)))
    assert "the Prefect server was told" in capsys.readouterr().out


def test_a_monitor_that_did_nothing_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    print_monitored("churn", Monitored(why="there is no champion yet; run: evergreen train churn"))
    assert capsys.readouterr().out == "churn: there is no champion yet; run: evergreen train churn\n"


def test_what_a_monitor_run_saw_is_json_that_every_reader_takes() -> None:
    told = json.loads(json_text(_monitored(Monitored((HEALTH,), None, firing(False)))))
    assert told["windows"][0]["peak_mb"] is None
    assert told["decision"]["reasons"] == ["old", "the last training was 3 days ago"]
    assert told["trainings"] == []


def test_a_backtest_ends_in_a_table_a_sentence_and_the_picture_s_place(capsys: pytest.CaptureFixture[str]) -> None:
    gain = Interval(-0.01, 0.0, 0.01)
    never = ArmResult("never", {"2013-04": 0.71}, 0.71, gain, gain, 0, 0, 0, 0.0, None, 0.0)
    print_backtest(Backtested((never,), "It is one history.", "roc_auc", "run-7", Cost(55, 50)))
    said = capsys.readouterr().out
    assert "| never | 0.710 |" in said
    assert "It is one history." in said
    assert "cost 55 s, 1.10 times the distinct fits, scorings and comparisons (50 s)" in said
    assert "plots/backtest.png of the MLflow run run-7" in said
