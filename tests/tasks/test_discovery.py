from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evergreen.settings import open_workspace
from evergreen.spec import ModelSpec
from tasks.data import take_snapshot
from tasks.discovery import find_rules, warn_of_leaks
from tasks.features import build_features
from tasks.training import reserve

AS_OF = datetime(2024, 6, 1, tzinfo=UTC)


@pytest.fixture
def spec(project: Path) -> ModelSpec:
    rng = np.random.default_rng(8)
    late = rng.random(600) < 0.3
    pd.DataFrame(
        {
            "id": [f"T{number}" for number in range(600)],
            "rain": late + rng.normal(0, 1, 600),
            "fine": np.where(late, 60.0, 0.0) + np.arange(600) % 7,
            "late": late.astype(int),
        }
    ).to_csv(project / "data" / "trips.csv", index=False)
    data = {"source": "data/trips.csv", "key": "id", "target": {"column": "late"}}
    return ModelSpec.model_validate({"model": "trips", "data": data, "training": {"task": "binary"}})


def test_training_names_an_input_that_knows_the_target_and_keeps_the_words_with_its_run(
    spec: ModelSpec, caplog: pytest.LogCaptureFixture
) -> None:
    table = build_features.fn(open_workspace(), spec, take_snapshot.fn(open_workspace(), spec, AS_OF))
    contest = reserve.fn(open_workspace(), spec, table, None)
    registry = open_workspace().registry
    with caplog.at_level(logging.WARNING), registry.run("trips", "train", {}) as run_id:
        warnings = warn_of_leaks.fn(open_workspace(), spec, table, contest, run_id)
    assert len(warnings) == 1
    assert warnings[0].startswith("fine may know the target: alone it predicts the target with ROC AUC 1.000")
    assert f"trips: LEAK? {warnings[0]}" in caplog.messages
    assert warnings[0] in str(registry.read_text(run_id, "leaks.md"))


def test_rules_are_found_from_the_rows_as_training_would_see_them(spec: ModelSpec) -> None:
    rows, rules = find_rules(open_workspace(), spec, None, None)
    assert rows == 600
    balance = [rule for rule in rules if "label balance" in rule.remark]
    assert [rule.kwargs["column"] for rule in balance] == ["late"]
