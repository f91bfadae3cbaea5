"""``status`` and ``clean`` on a workspace whose records are written by hand."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from evergreen.handoffs import Evidence, Health, Interval, ModelVersion, RetrainingDecision, Rule, Verdict, WindowValue
from evergreen.io.records import ChampionHistory, MonitoringRecords, local_records

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
WEEK = timedelta(days=7)
pytestmark = pytest.mark.usefixtures("no_server")
#: A command in a process of its own, which a fixture forks.
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def watched(project: Path) -> Path:
    """A champion whose last week was bad, and a decision not to train yet."""
    workspace = project / ".evergreen"
    gain = Interval(0.01, 0.02, 0.03)
    evidence = Evidence("roc_auc", 900, 14, gain, Interval(0.7, 0.8, 0.9), gain, "trivial")
    version = ModelVersion("churn", 1, "m-1", "run", "abc", "{}", MARCH, MARCH)
    records, watching = ChampionHistory(local_records(workspace)), MonitoringRecords(local_records(workspace))
    records.settle("key", version, Verdict(True, (Rule("gain", True, "gains"),)), evidence, None)
    records.quarantine("churn", "snapshot", [("c1", "amount"), ("c2", "amount")])
    records.release("churn", ["c1"], "a refund")
    realised = WindowValue(MARCH, MARCH + WEEK, 900, 0.71, 0.01)
    watching.keep_health(
        Health("churn", 1, MARCH, MARCH + WEEK, MARCH + WEEK, 900, 0, 900, "roc_auc", realised, None, drifted=True,
               reasons=("roc_auc 0.71, 0.05 below its reference",))
    )  # fmt: skip
    watching.keep_firing(
        RetrainingDecision("churn", MARCH + WEEK, 1, False, (Rule("performance", True, "roc_auc fell"),),
               (Rule("cool_down", False, "the last training was 7 days ago: cool-down 28 days"),), "performance-1")
    )  # fmt: skip
    return workspace


def test_status_shows_what_the_records_say_of_every_model(watched: Path, evergreen: Run) -> None:
    shown = evergreen("status")
    assert shown.returncode == 0, shown.stderr
    for words in (
        "version 1 since 2026-03-01",
        "roc_auc 0.800 when it was judged, 0.710 in the last window",
        "fallen and drifted, 2026-03-01 to 2026-03-08: roc_auc 0.71, 0.05 below its reference",
        "2026-03-08: do not train; roc_auc fell; the last training was 7 days ago: cool-down 28 days",
        "1 rows in quarantine",
        "no Prefect server runs",
    ):
        assert words in shown.stdout
    told = json.loads(evergreen("status", "--json").stdout)
    (model,) = told["models"]
    assert (model["champion"], model["quarantined"], model["drifted"]) == (1, 1, True)
    assert model["cool_down"] == "the last training was 7 days ago: cool-down 28 days"
    assert told["server"] is False
    assert told["disk_bytes"] > 0


def test_status_of_a_new_project_says_what_to_do(project: Path, evergreen: Run) -> None:
    assert "none yet; run: evergreen train churn" in evergreen("status").stdout


def test_clean_removes_an_old_table_only_when_told_to(watched: Path, evergreen: Run) -> None:
    import os

    old, new = (watched / "store" / "snapshots" / f"{name}.parquet" for name in ("old", "new"))
    old.parent.mkdir(parents=True)
    for path in (old, new):
        path.write_bytes(b"x" * 2**20)
    year_ago = datetime.now(UTC) - timedelta(days=365)
    os.utime(old, (year_ago.timestamp(), year_ago.timestamp()))
    shown = evergreen("clean", "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert "would remove" in shown.stdout
    assert "old.parquet" in shown.stdout
    assert "1 tables: 1.0 MiB; 1 items stay" in shown.stdout
    assert old.exists()
    evergreen("clean")
    assert not old.exists()
    assert new.exists()
