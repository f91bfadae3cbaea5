"""Labels, windows and clocks as they go wrong in practice, and what the monitor makes of them."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evergreen.errors import TamperedModel, ValidationFailed
from evergreen.handoffs import ModelVersion
from evergreen.orchestration.events import tell
from evergreen.promotion import Trial
from evergreen.settings import open_workspace
from flows.monitor import monitor
from flows.score import score
from flows.train import train
from tasks.labels import take_labels

SPEC = """
model: churn
data:
  source: data/customers.csv
  key: id
  time: at
  target: {column: churned, delay: 1d}
validation: customers
training: {families: [linear], search: portfolio, holdout: 14d, tuning: 14d, budget: 20s}
monitoring: {window: 7d, min_rows: 100}
retraining: {on: [performance, estimated, drift], cool_down: 14d}
notify: [env:RECEIVER]
"""
DAY = timedelta(days=1)
#: A Monday, and the runs of the three weeks after it, when the labels of each week are known.
START = datetime(2026, 4, 6, tzinfo=UTC)
FIRST, SECOND, THIRD = (START + timedelta(days=8 + 7 * week) for week in range(3))
A_DAY = 40

Change = Callable[[pd.DataFrame], pd.DataFrame]


def customers() -> pd.DataFrame:
    rng = np.random.default_rng(7)
    n = 115 * A_DAY
    at = pd.Timestamp("2026-01-05", tz="UTC") + pd.to_timedelta(np.arange(n) * (24 * 60 // A_DAY), unit="min")
    rows = pd.DataFrame({"id": [f"c{k:06d}" for k in range(n)], "at": at, "plan": rng.choice(["a", "b", "c"], n)})
    rows["amount"] = rng.gamma(2, 50, n).round(2)
    score_ = (rows["amount"] - 100) / 60 + 2.0 * (rows["plan"] == "a")
    return rows.assign(churned=(rng.random(n) < 1 / (1 + np.exp(-score_))).astype(int))


@pytest.fixture(scope="module")
def trained(
    tmp_path_factory: pytest.TempPathFactory, lay_out: Callable[..., Path]
) -> Iterator[tuple[Path, ModelVersion]]:
    """A project whose champion was crowned as of START; trained once for all tests."""
    root = tmp_path_factory.mktemp("watching")
    lay_out(root, SPEC, rows=customers())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVERGREEN_PROJECT", str(root))
        patch.setenv("EVERGREEN_WORKSPACE", str(root / ".evergreen"))
        patch.chdir(root)
        yield root, train("churn", START).version


@pytest.fixture
def root(trained: tuple[Path, ModelVersion]) -> Path:
    """The project as it was right after the training."""
    folder, _ = trained
    customers().to_csv(folder / "data" / "customers.csv", index=False)
    with closing(sqlite3.connect(folder / ".evergreen" / "records.db")) as records, records:
        for table in ("scorings", "label_batches", "health", "retraining_decisions", "closed_causes"):
            records.execute(f"DELETE FROM {table}")
    return folder


def edit(root: Path, change: Change) -> None:
    """Write the source anew, as ``change`` makes it."""
    path = root / "data" / "customers.csv"
    change(pd.read_csv(path)).to_csv(path, index=False)


def live(*weeks: datetime) -> None:
    for week in weeks:
        score("churn", week)
        monitor("churn", week)


def kept(table: str) -> list[dict[str, Any]]:
    """A table of the records, as it stands in the file."""
    with closing(sqlite3.connect(open_workspace().folder / "records.db")) as records:
        records.row_factory = sqlite3.Row
        return [dict(row) for row in records.execute(f"SELECT * FROM {table} ORDER BY rowid")]


def flipped(rows: pd.DataFrame, ids: set[str]) -> pd.DataFrame:
    return rows.assign(churned=rows["churned"].where(~rows["id"].isin(ids), 1 - rows["churned"]))


def in_week(rows: pd.DataFrame, week: int) -> pd.Series:
    """Which rows belong to a week after START, from 0."""
    first = START + timedelta(days=7 * week)
    times = pd.to_datetime(rows["at"])
    return (times >= pd.Timestamp(first)) & (times < pd.Timestamp(first + 7 * DAY))


def test_without_a_champion_there_is_nothing_to_watch(project: Path) -> None:
    assert "run: evergreen train churn" in monitor("churn", START).why


def test_labels_that_never_come_give_no_figure_and_no_training(root: Path) -> None:
    edit(root, lambda rows: rows.assign(churned=rows["churned"].where(pd.to_datetime(rows["at"]) < START)))
    live(FIRST, SECOND, THIRD)
    watching = open_workspace().monitoring
    healths = watching.healths("churn")
    assert [one.rows for one in healths] == [7 * A_DAY - 1, 7 * A_DAY, 7 * A_DAY]
    for health in healths:
        assert health.realised is None
        assert health.estimated is not None
        assert any("not enough labels yet: 0 of" in reason for reason in health.reasons)
    assert not any(firing.fire for firing in watching.firings("churn"))
    performance = [
        rule for firing in watching.firings("churn") for rule in firing.triggers if rule.name == "performance"
    ]
    assert len(performance) == 3
    assert not any(rule.held for rule in performance)


def test_labels_that_come_twice_and_those_of_rows_that_nobody_scored_change_nothing(root: Path) -> None:
    score("churn", FIRST)
    # Rows that reach the source after their cut-off was scored: their labels are kept, and belong to no prediction.
    stray = customers().loc[lambda rows: in_week(rows, 0)].assign(id=lambda rows: "x" + rows["id"])
    edit(root, lambda rows: pd.concat([rows, stray]))
    seen = monitor("churn", FIRST).healths
    assert [(one.rows, one.labelled) for one in seen] == [(7 * A_DAY - 1, 7 * A_DAY - 1)]
    batches = kept("label_batches")
    assert monitor("churn", FIRST).healths == ()
    assert monitor("churn", FIRST + timedelta(hours=1)).healths == ()
    # An hour later the labels of one more hour are due, and nothing else.
    rows = [batch["rows"] for batch in kept("label_batches")]
    assert rows[0] == batches[0]["rows"]
    assert sum(rows[1:]) <= 2
    assert len(kept("health")) == 1


def test_a_corrected_label_is_a_new_entry_of_the_window_and_leaves_the_old_one(root: Path) -> None:
    live(FIRST)
    before = kept("health")
    ids = set(customers().loc[lambda rows: in_week(rows, 0), "id"].iloc[1:60])
    edit(root, lambda rows: flipped(rows, ids))
    when = FIRST + 2 * DAY
    seen = monitor("churn", when).healths
    after = kept("health")
    assert after[0] == before[0]
    assert len(after) == 2
    assert [row["start"] for row in after] == [before[0]["start"]] * 2
    was, now = (json.loads(row["detail"])["realised"]["value"] for row in after)
    assert now < was - 0.02
    assert seen[0].realised is not None
    assert seen[0].realised.value == now
    watching = open_workspace().monitoring
    assert [one.realised.value for one in watching.healths("churn", FIRST) if one.realised] == [was]
    assert [one.realised.value for one in watching.healths("churn") if one.realised] == [now]
    assert kept("label_batches")[-1]["corrected"] == len(ids)


def test_a_label_that_is_corrected_after_its_window_was_settled_is_seen_and_says_by_how_much(root: Path) -> None:
    live(FIRST, SECOND, THIRD)
    before = kept("health")
    ids = set(customers().loc[lambda rows: in_week(rows, 0), "id"].iloc[1:60])
    edit(root, lambda rows: flipped(rows, ids))
    seen = monitor("churn", THIRD + timedelta(hours=2)).healths
    assert [one.start for one in seen] == [START]
    was = next(one.realised for one in open_workspace().monitoring.healths("churn", THIRD) if one.start == START)
    assert seen[0].realised is not None
    assert was is not None
    assert seen[0].realised.value < was.value - 0.02
    said = f"roc_auc is {seen[0].realised.value:.3f} on 279 rows, was {was.value:.3f} on 279 rows"
    assert seen[0].reasons[0] == f"labels were corrected after the window was settled: {said}"
    # What was said before stays, the other windows are as they were, and once is enough.
    assert kept("health")[:-1] == before
    assert monitor("churn", THIRD + timedelta(hours=3)).healths == ()


def test_an_empty_window_in_the_middle_is_no_window_and_the_next_one_is(root: Path) -> None:
    edit(root, lambda rows: rows[~in_week(rows, 1)])
    live(FIRST, SECOND, THIRD)
    healths = open_workspace().monitoring.healths("churn")
    assert [one.start for one in healths] == [START, START + 14 * DAY]
    assert [one.realised is not None for one in healths] == [True, True]
    # Of the empty week nothing is late: what came, came in time.
    assert [one.late for one in healths] == [0, 0]
    assert len(open_workspace().monitoring.firings("churn")) == 3


def test_a_window_scored_twice_is_counted_once(root: Path) -> None:
    live(FIRST)
    before = kept("health")
    score("churn", FIRST, since=START)
    assert monitor("churn", FIRST).healths == ()
    assert kept("health") == before
    assert len(open_workspace().ledger.scorings("churn")) == 1


def test_a_champion_that_cannot_be_loaded_stops_the_scoring_and_not_the_monitor(
    root: Path, trained: tuple[Path, ModelVersion]
) -> None:
    live(FIRST)
    _, version = trained
    reigns = open_workspace().champions.champions("churn")
    stored = next((root / ".evergreen" / "artifacts").rglob(f"{version.model_id}/artifacts/model.skops"))
    whole = stored.read_bytes()
    stored.write_bytes(whole + b"x")
    try:
        with pytest.raises(TamperedModel):
            score("churn", SECOND)
        found = monitor("churn", SECOND)
    finally:
        stored.write_bytes(whole)
    assert found.firing is not None
    assert not found.firing.fire
    assert [one.start for one in open_workspace().monitoring.healths("churn")] == [START, START + 7 * DAY]
    assert open_workspace().champions.champions("churn") == reigns
    # What was due is made up for, and nothing stands twice.
    live(THIRD)
    assert [one.until for one in open_workspace().ledger.scorings("churn")] == [FIRST, THIRD]


def test_a_monitor_whose_clock_jumps_back_records_nothing_and_starts_nothing(root: Path) -> None:
    live(FIRST, THIRD)
    tables = ("label_batches", "health", "retraining_decisions", "champion_history", "verdicts")
    before = {table: kept(table) for table in tables}
    found = monitor("churn", SECOND)
    assert "has run as of" in found.why
    assert (found.firing, found.healths, found.outcomes) == (None, (), ())
    assert {table: kept(table) for table in tables} == before


def test_labels_of_a_run_that_died_before_its_decision_are_counted_once(root: Path) -> None:
    score("churn", FIRST)
    take_labels.fn(open_workspace(), open_workspace().spec("churn"), FIRST)
    assert "has run as of" in monitor("churn", FIRST - DAY).why
    assert monitor("churn", FIRST).firing is not None
    assert len(kept("label_batches")) == 1


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """What a receiver of alerts has got."""
    got: list[dict[str, Any]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("RECEIVER", f"json://127.0.0.1:{server.server_port}")
        yield got
        server.shutdown()
        thread.join()


def test_a_refused_scoring_and_a_training_that_starts_are_told_to_those_who_asked(
    root: Path, mailbox: list[dict[str, Any]]
) -> None:
    spec = root / "deployments" / "churn.yaml"
    live(FIRST)
    assert mailbox == []
    whole = (root / "data" / "customers.csv").read_text()
    edit(root, lambda rows: rows.drop(columns="amount"))
    with pytest.raises(ValidationFailed):
        score("churn", SECOND)
    assert [one["title"] for one in mailbox] == ["churn: score refused"]
    assert "amount" in mailbox[0]["message"]
    (root / "data" / "customers.csv").write_text(whole)
    spec.write_text(SPEC.replace("[performance, estimated, drift]", "[schedule], every: 7d").replace("14d}", "7d}"))
    try:
        live(SECOND)
    finally:
        spec.write_text(SPEC)
    assert [one["title"] for one in mailbox[1:]] == ["churn: a training is started"]
    assert "due every 7 days" in mailbox[1]["message"]


def test_a_rollback_is_told_to_those_who_asked(root: Path, mailbox: list[dict[str, Any]]) -> None:
    live(FIRST)
    (firing,) = open_workspace().monitoring.firings("churn")
    tell(open_workspace().spec("churn"), Trial(True, False, True, "not shown to be worse"), firing)
    assert mailbox == []
    tell(open_workspace().spec("churn"), Trial(True, True, False, "shown to be worse"), firing)
    assert [(one["title"], one["message"]) for one in mailbox] == [
        ("churn: the champion was rolled back", "shown to be worse")
    ]
