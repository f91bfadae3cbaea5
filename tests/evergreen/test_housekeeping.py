"""A workspace after several trainings: what a record or a champion rests on stays, the rest goes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from evergreen.cache import Cache
from evergreen.errors import RegistryError
from evergreen.handoffs import Evidence, Interval, ModelVersion, Rule, Snapshot, Verdict
from evergreen.housekeeping import disk_used, holdings, remove
from evergreen.io.records import LabelBatch, Scoring
from evergreen.io.registry import Registry
from evergreen.io.registry.entries import StoredRun
from evergreen.retention import Item, removable
from evergreen.workspace import Workspace

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FACTS = ModelVersion("churn", 0, "", "", "", "{}", NOON, NOON)
ROWS = pd.DataFrame({"a": np.linspace(-1, 1, 60)})
GAIN = Interval(0.01, 0.02, 0.03)
EVIDENCE = Evidence("roc_auc", 900, 14, GAIN, GAIN, GAIN, "trivial")


@dataclass
class Trained:
    """A workspace whose trainings are made by hand."""

    here: Workspace

    def table(self, number: int, kind: str) -> str:
        return self.here.store.write(pd.DataFrame({kind: [number]}), kind).uri

    def train(self, number: int, promote: bool) -> ModelVersion:
        """One training: two tables, and two stored models, as a challenger that is refitted leaves them."""
        registry, records = self.here.registry, self.here.champions
        pipeline = LogisticRegression().fit(ROWS, ROWS["a"] > 0)
        with registry.run("churn", "train", {"evergreen.feature_table": self.table(number, "features")}) as run_id:
            registry.log_child(run_id, "a candidate", {}, {}, 0.1)
            uri = self.table(number, "snapshots")
            registry.log_dataset(run_id, Snapshot(uri, 1, Path(uri).stem, NOON), "data.csv", "rows")
            for _ in range(2):
                model_id = registry.log_model(run_id, pipeline, ROWS, pipeline.predict_proba(ROWS), FACTS)
        version = registry.register(registry.describe(model_id, FACTS), {})
        verdict = Verdict(promote, (Rule("gain", promote, "because"),))
        records.settle(f"key {number}", version, verdict, EVIDENCE, records.champion("churn"))
        return version


@pytest.fixture
def workspace(new_workspace: Workspace) -> Trained:
    return Trained(new_workspace)


def clean(here: Workspace) -> list[Item]:
    held = holdings(here, ["churn"])
    gone = removable(held.items, held.protected, datetime.now(UTC) + timedelta(days=100), timedelta(days=90))
    for item in gone:
        remove(here, item)
    return list(gone)


def test_only_the_old_challenger_goes_with_all_that_it_left(workspace: Trained) -> None:
    first, kept = workspace.train(1, promote=True), workspace.train(2, promote=False)
    second, newest = workspace.train(3, promote=True), workspace.train(4, promote=False)
    before = disk_used(workspace.here.folder / "artifacts")
    gone = clean(workspace.here)
    assert sorted(item.kind for item in gone) == ["run", "table", "table", "version"]
    registry = workspace.here.registry
    for version in (first, second, newest):
        registry.load(version)
        assert [Path(uri).exists() for uri in _run(registry, version).tables] == [True, True]
    with pytest.raises(RegistryError):
        registry.load(kept)
    assert {run.run_id for run in registry.runs("churn")} == {v.run_id for v in (first, second, newest)}
    assert [one.version for one in registry.versions("churn")] == [4, 3, 1]
    # The challenger that had been refitted went with its run.
    assert disk_used(workspace.here.folder / "artifacts") < 0.8 * before
    assert [one.version.version for one in workspace.here.champions.decisions("churn")] == [1, 2, 3, 4]
    assert clean(workspace.here) == []


def _run(registry: Registry, version: ModelVersion) -> StoredRun:
    return next(run for run in registry.runs("churn") if run.run_id == version.run_id)


def test_parts_of_old_backtests_and_old_logs_go_and_what_was_used_today_stays(workspace: Trained) -> None:
    root, long_ago = workspace.here.folder, (NOON - timedelta(days=300)).timestamp()
    for name in ("old", "used"):
        Cache(root / "backtests" / name).write("fit", {"a": np.arange(3)})
        os.utime(root / "backtests" / name / "fit.npz", (long_ago, long_ago))
        os.utime(root / "backtests" / name, (long_ago, long_ago))
    Cache(root / "backtests" / "used").read("fit")
    (root / "logs").mkdir()
    for name, at in (("mlflow.log", long_ago), ("worker.log", datetime.now(UTC).timestamp())):
        (root / "logs" / name).write_text("a line\n" * 100)
        os.utime(root / "logs" / name, (at, at))
    held = holdings(workspace.here, ["churn"])
    gone = removable(held.items, held.protected, datetime.now(UTC), timedelta(days=90))
    assert {(item.kind, Path(item.name).name) for item in gone} == {("backtest", "old"), ("log", "mlflow.log")}
    assert [item.size for item in gone if item.kind == "log"] == [700]
    for item in gone:
        remove(workspace.here, item)
    assert sorted(path.name for path in (root / "backtests").iterdir()) == ["used"]
    assert [path.name for path in (root / "logs").iterdir()] == ["worker.log"]


def test_what_ledgers_and_quarantine_name_stays(workspace: Trained) -> None:
    names = ("predictions", "features", "labels", "snapshots")
    predictions, features, labels, quarantined = (workspace.table(1, kind) for kind in names)
    for kind in names:
        workspace.table(2, kind)
    ledger = workspace.here.ledger
    ledger.replace(Scoring("churn", "previous", NOON, NOON + timedelta(days=1), predictions, features, 1, 1, NOON))
    ledger.keep_labels("churn", LabelBatch(NOON, labels, 1, 0))
    records = workspace.here.champions
    records.quarantine("churn", Path(quarantined).stem, [("c1", "amount")])
    assert len(clean(workspace.here)) == 4
    assert [Path(uri).exists() for uri in (predictions, features, labels, quarantined)] == [True] * 4
    records.release("churn", ["c1"], "a refund")
    assert [item.name for item in clean(workspace.here)] == [quarantined]
