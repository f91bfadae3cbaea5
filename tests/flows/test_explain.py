"""Explanations of stored rows and of rows that are read for it, with real Prefect, MLflow and files."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from evergreen.errors import UsageError
from evergreen.settings import open_workspace
from flows.explain import explain
from flows.train import Outcome


def test_a_row_of_the_training_is_found_by_its_key_and_any_other_by_its_time(first: Outcome) -> None:
    version = first.version
    found = explain("churn", "c000123")
    assert found.version == version
    assert found.label in {"0", "1"}
    assert {part.name for part in found.explanation.contributions} >= {"amount", "plan"}
    # The same row, its window read anew, has the same features.
    assert explain("churn", "c000123", version.version, found.event_time).explanation == found.explanation
    with pytest.raises(UsageError, match="name the row's at with --at"):
        explain("churn", "c003599")
    later = explain("churn", "c003599", at=datetime(2026, 3, 31, 23, tzinfo=UTC))
    assert later.row == "c003599"
    with pytest.raises(UsageError, match="holds no row with key id = nobody"):
        explain("churn", "nobody", at=datetime(2026, 3, 31, tzinfo=UTC))
    tags = open_workspace().registry.tagged("churn", "evergreen.feature_table")[0]
    assert tags["prefect.flow_run_url"] == f"http://127.0.0.1:4200/runs/flow-run/{tags['prefect.flow_run_id']}"
    assert len(tags["evergreen.lock"]) > 64
