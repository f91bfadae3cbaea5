from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evergreen.cli.operating import print_scored
from evergreen.handoffs import Snapshot, ValidationReport
from evergreen.io.records import Scoring
from tasks.scoring import Scored

MARCH, APRIL = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)


def test_a_scoring_tells_range_rows_version_and_where_the_predictions_are(capsys: pytest.CaptureFixture[str]) -> None:
    entry = Scoring("churn", "champion", MARCH, APRIL, "/store/p.parquet", "f", 6511, 3, APRIL, 2.5, 300)
    report = ValidationReport("customers", Snapshot("u", 6515, "d", APRIL), (), 6515, 4)
    print_scored("churn", Scored((entry,), 12, report))
    shown = capsys.readouterr().out
    for words in (
        "version 3 of churn", "after 2026-03-01 00:00 up to 2026-04-01 00:00", "6,511", "/store/p.parquet",
        "12 rows late, 4 quarantined",
    ):  # fmt: skip
        assert words in shown


def test_without_a_champion_score_says_what_to_do(project: Path) -> None:
    command = [str(Path(sys.executable).parent / "evergreen"), "score", "churn", "--as-of", "2026-03-10", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["scorings"] == []
    assert answer["why"] == "there is no champion yet; run: evergreen train churn"
