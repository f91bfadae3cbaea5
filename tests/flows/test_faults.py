"""A process that ends at any write of the loop, and is run again, leaves what one undisturbed run leaves."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evergreen.cli import access
from evergreen.cli.servers import free_port, prefect_command, server_environment
from evergreen.io.records import ChampionHistory, Ledger, MonitoringRecords, local_records
from evergreen.web.keys import Keys, new_key
from evergreen.workspace import Workspace

SPEC = """
model: churn
data:
  source: data/customers.csv
  key: id
  time: at
  target: {column: churned, delay: 1d}
validation: customers
training:
  {families: [linear], search: portfolio, window: 21d, holdout: 7d, tuning: 7d, holdout_refit: 2d, holdout_back: 7d,
   budget: 20s}
monitoring: {window: 7d, min_rows: 100}
retraining: {on: [schedule], every: 14d, cool_down: 7d, budget: 9}
probation: {windows: 1}
"""
DAY = timedelta(days=1)
START = datetime(2026, 4, 6, tzinfo=UTC)
#: The runs: a training that is promoted; its rollback; a training that is refused; one that is not.
RETRAINED, ROLLED_BACK, REFUSED, AGAIN = (START + timedelta(days=15 + 7 * week) for week in range(4))
#: From START on the plans mean the opposite, for two weeks.
TURNED = (START, START + 14 * DAY)

#: What differs between two undisturbed runs: identifiers, the wall clock, what was measured with it, who ran it.
ASIDE = {"model_id", "run_id", "run_key", "sha256", "at", "who", "seconds_per_row", "seconds", "peak_mb"}


class Server:
    """A Prefect server that can be killed and comes back at the same place, on the same state.

    Its database is its own: the server that other tests' flows start by themselves would write to it too, and a run
    that meets a locked database tries again for two minutes without a word.
    """

    def __init__(self, folder: Path) -> None:
        self._port, self._log, self.home = free_port(0), folder / "server.log", str(folder / "prefect")
        self.url, self.key, self._here = f"http://127.0.0.1:{self._port}", new_key(), Workspace.local(folder, folder)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                prefect_command(self._port), stdout=log, stderr=log, start_new_session=True,
                env={**server_environment(self._here, self.key), "PREFECT_HOME": self.home},
            )  # fmt: skip

    def wait(self) -> None:
        deadline = time.monotonic() + 300
        while not access.answers(f"{self.url}/api/health", self.key):
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.1)

    def kill(self) -> None:
        assert self._process
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


@dataclass(frozen=True)
class Lived:
    """A project whose weeks were lived undisturbed; its workspace before each flow run is kept aside."""

    project: Path
    server: Server
    driver: Any
    #: By flow and week, the records that it left.
    after: dict[tuple[str, datetime], dict[str, Any]]

    @property
    def workspace(self) -> Path:
        return self.project / ".evergreen"

    def aside(self, flow: str, as_of: datetime) -> Path:
        return self.project / "aside" / f"{flow}-{as_of:%m%d}"

    def keep(self, flow: str, as_of: datetime) -> None:
        shutil.copytree(self.workspace, self.aside(flow, as_of))

    def back_to(self, flow: str, as_of: datetime) -> None:
        """Restore the workspace, in its own place, as it was before a run."""
        shutil.rmtree(self.workspace)
        shutil.copytree(self.aside(flow, as_of), self.workspace)
        self.demand(impossible=as_of == REFUSED)

    def demand(self, impossible: bool) -> None:
        """A suite that the rows meet, or one that they cannot; scoring is judged by the same one."""
        rule = "expect_table_row_count_to_be_between, kwargs: {max_value: 300}, severity: critical"
        more = f"  - {{type: {rule}}}\n" if impossible else ""
        (self.project / "expectations" / "customers.yaml").write_text(SUITE + more)


SUITE = """
expectations:
  - {type: expect_column_values_to_not_be_null, kwargs: {column: id}, severity: critical}
  - {type: expect_column_values_to_be_between, kwargs: {column: amount, min_value: 0}, severity: quarantine}
"""


def turning(days: int = 135, rows_a_day: int = 40) -> pd.DataFrame:
    """Customers whose plan means the opposite while TURNED; one amount a month is negative."""
    rng = np.random.default_rng(5)
    n = days * rows_a_day
    at = pd.Timestamp("2026-01-05", tz="UTC") + pd.to_timedelta(np.arange(n) * (24 * 60 // rows_a_day), unit="min")
    plan = rng.choice(["basic", "plus", "pro"], n)
    turn = np.where((at >= TURNED[0]) & (at < TURNED[1]), -1.0, 1.0)
    score = turn * (3.0 * (plan == "basic") - 3.0 * (plan == "pro"))
    rows = pd.DataFrame({"id": [f"c{k:06d}" for k in range(n)], "at": at, "plan": plan})
    rows["amount"] = np.where(np.arange(n) % 300 == 7, -1.0, rng.gamma(2, 50, n).round(2))
    return rows.assign(churned=(rng.random(n) < 1 / (1 + np.exp(-score))).astype(int))


@pytest.fixture(scope="module")
def lived(
    tmp_path_factory: pytest.TempPathFactory, lay_out: Callable[..., Path], drive: Callable[..., Any]
) -> Iterator[Lived]:
    root, project = tmp_path_factory.mktemp("server"), tmp_path_factory.mktemp("lived")
    lay_out(project, SPEC, rows=turning())
    server = Server(root)
    server.start()
    # It imports while the server starts.
    api = {"PREFECT_API_URL": f"{server.url}/api", **access.environment(server.key)}
    driver = drive(project, PREFECT_HOME=server.home, **api)
    try:
        server.wait()
        whole = Lived(project, server, driver, {})
        live(whole)
        yield whole
    finally:
        server.kill()


def live(whole: Lived) -> None:
    """The weeks, undisturbed."""
    whole.demand(impossible=False)
    assert whole.driver.run("train", START) == 0, whole.driver.log.read_text()
    for week in (RETRAINED, ROLLED_BACK, REFUSED, AGAIN):
        for flow in ("score", "monitor"):
            whole.keep(flow, week)
            whole.demand(impossible=week == REFUSED)
            refused = flow == "monitor" and week == REFUSED
            assert whole.driver.run(flow, week) == refused, whole.driver.log.read_text()
            whole.after[flow, week] = state(whole.workspace)


def state(workspace: Path) -> dict[str, Any]:
    """All that the records say but ASIDE, versions counted in the order of their verdicts; every table in the store."""
    with closing(sqlite3.connect(workspace / "records.db")) as records:
        records.row_factory = sqlite3.Row
        names = [row["name"] for row in records.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {name: [dict(row) for row in records.execute(f"SELECT * FROM {name}")] for name in names}
    decisions = sorted(rows["verdicts"], key=lambda row: row["as_of"])
    numbers = {json.loads(row["detail"])["version"]: place for place, row in enumerate(decisions, 1)}
    tables = (workspace / "store").rglob("*.parquet")
    found: dict[str, Any] = {
        name: sorted((plain(row, numbers, name) for row in some), key=lambda row: json.dumps(row, default=str))
        for name, some in rows.items()
    }
    stored = sorted(path.relative_to(workspace).as_posix() for path in tables if path.parent.name != "predictions")
    return found | {"tables": stored}


def plain(value: Any, numbers: dict[int, int], name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: plain(one, numbers, key) for key, one in value.items() if key not in ASIDE}
    if isinstance(value, list):
        return [plain(one, numbers) for one in value]
    if name == "version":
        return numbers[value]
    if name == "uri" and "/predictions/" in value:
        said = pd.read_parquet(value)
        return said.assign(version=said["version"].map(numbers)).to_csv(index=False)
    if isinstance(value, str) and value[:1] == "{":
        return plain(json.loads(value), numbers)
    if isinstance(value, str):
        value = re.sub(r"(?<=churn-v)\d+(?=-\d)", lambda found: str(numbers[int(found[0])]), value)
        return re.sub(r"(?<=champion )\d+", lambda found: str(numbers[int(found[0])]), value)
    return value


def test_the_undisturbed_weeks_hold_a_promotion_a_rollback_and_a_refusal(lived: Lived) -> None:
    kinds = {
        week: [row["kind"] for row in lived.after["monitor", week]["champion_history"]]
        for week in (RETRAINED, ROLLED_BACK)
    }
    assert kinds[RETRAINED] == ["superior", "superior"]
    assert sorted(kinds[ROLLED_BACK]) == ["rollback", "superior", "superior"]
    last = lived.after["monitor", AGAIN]
    assert [row["as_of"][:10] for row in last["closed_causes"]] == [f"{REFUSED:%Y-%m-%d}"]
    fired = [row["as_of"][:10] for row in last["retraining_decisions"] if row["fire"]]
    assert sorted(fired) == [f"{week:%Y-%m-%d}" for week in (RETRAINED, REFUSED, AGAIN)]
    assert len(last["verdicts"]) == 3


#: By flow run the kinds of writes that it has to make, or it would not be the run that is meant. The last two begin as
#: the retraining does, whose every write has its end already.
RECORDED = "table snapshots", "table features", "records snapshots"
SCORING = {"aside", *RECORDED, "records quarantine", "records scorings"}
TRAINING = {*RECORDED, "registry log_model", "registry register", "records champion_history and verdicts"}
WATCHING = {"table labels", "records label_batches", "records health", "records retraining_decisions"}
RETRAINING = {*TRAINING, *WATCHING, "registry log_files", "registry set_alias"}
ROLLING_BACK = {"records champion_history and probations", "registry set_alias"}
REFUSING = {"records retraining_decisions", "records closed_causes"}
PROMOTING = {"records champion_history", "registry set_alias"}


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("flow", "week", "writes"),
    [
        ("score", ROLLED_BACK, SCORING),
        ("monitor", RETRAINED, RETRAINING),
        ("monitor", ROLLED_BACK, ROLLING_BACK),
        ("monitor", REFUSED, REFUSING),
    ],
    ids=["scoring", "retraining", "rolling back", "refusing"],
)
def test_a_run_that_ends_at_each_write_leaves_in_the_end_what_an_undisturbed_one_leaves(
    lived: Lived, flow: str, week: datetime, writes: set[str]
) -> None:
    """Each run begins on what the one before left."""
    lived.back_to(flow, week)
    reigns, steps = len(ChampionHistory(local_records(lived.workspace)).champions("churn")), []
    kinds = writes if writes in (ROLLING_BACK, REFUSING) else ()
    for step in lived.driver.ends_after_each_write(flow, week, kinds):
        steps.append(step)
        crowned = any("champion_history" in one for one in steps)
        assert len(ChampionHistory(local_records(lived.workspace)).champions("churn")) == reigns + crowned, step
    assert writes <= {step.rsplit(" ", 1)[0] for step in steps}, steps
    assert state(lived.workspace) == lived.after[flow, week]
    assert_settled(lived)


@pytest.mark.timeout(600)
def test_a_promotion_by_hand_that_ends_at_each_write_is_made_once(lived: Lived) -> None:
    when = ROLLED_BACK + DAY
    lived.back_to("score", REFUSED)
    lived.demand(impossible=False)
    version = ChampionHistory(local_records(lived.workspace)).champions("churn")[1].version.version
    assert lived.driver.run("promote", when, version=version, why="a test") == 0, lived.driver.log.read_text()
    expected = state(lived.workspace)
    assert [row["kind"] for row in expected["champion_history"]].count("by hand") == 1
    lived.back_to("score", REFUSED)
    steps = list(lived.driver.ends_after_each_write("promote", when, version=version, why="a test"))
    assert {step.rsplit(" ", 1)[0] for step in steps} == PROMOTING
    assert state(lived.workspace) == expected
    assert_settled(lived)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("flow", "week", "kind"), [("score", ROLLED_BACK, "table features"), ("monitor", RETRAINED, "table labels")]
)
def test_a_run_that_is_killed_from_outside_is_done_by_the_next(
    lived: Lived, flow: str, week: datetime, kind: str
) -> None:
    lived.back_to(flow, week)
    lived.driver.kill_after(kind, flow, week)
    assert lived.driver.run(flow, week) == 0, lived.driver.log.read_text()
    assert state(lived.workspace) == lived.after[flow, week]
    assert_settled(lived)


@pytest.mark.soak
def test_a_run_that_is_killed_at_any_moment_is_done_by_the_next(lived: Lived, rounds: Iterator[Random]) -> None:
    for draw in rounds:
        flow, week = draw.choice(sorted(lived.after))
        lived.back_to(flow, week)
        (process,) = lived.driver.start(flow, week)
        time.sleep(draw.uniform(0, 6))
        with suppress(ProcessLookupError):  # it has ended
            os.kill(process, signal.SIGKILL)
        lived.driver.end()
        code = lived.driver.run(flow, week)
        assert code == 0 or (flow, week) == ("monitor", REFUSED), lived.driver.log.read_text()
        assert state(lived.workspace) == lived.after[flow, week]
        assert_settled(lived)


@pytest.mark.timeout(600)
def test_a_promotion_by_hand_that_is_killed_from_outside_stands_once_and_its_alias_follows(lived: Lived) -> None:
    lived.back_to("score", REFUSED)
    records = ChampionHistory(local_records(lived.workspace))
    chosen: dict[str, Any] = {"version": records.champions("churn")[1].version.version, "why": "a test"}
    reigns = len(records.champions("churn"))
    lived.driver.kill_after("records champion_history", "promote", ROLLED_BACK + DAY, **chosen)
    assert len(records.champions("churn")) == reigns + 1
    assert lived.driver.run("promote", ROLLED_BACK + DAY, **chosen) == 0, lived.driver.log.read_text()
    assert [reign.kind for reign in records.champions("churn")[reigns:]] == ["by hand"]
    assert_settled(lived)


@pytest.mark.timeout(600)
def test_a_server_that_dies_between_two_runs_or_in_the_middle_of_one_and_comes_back_changes_nothing(
    lived: Lived,
) -> None:
    """A run may end with its server or go on without it; the next one, as on a schedule, does what is left."""
    lived.back_to("score", RETRAINED)
    lived.server.kill()
    lived.driver.start("score", RETRAINED)  # with nobody there to tell
    lived.server.start()
    codes = {"score": lived.driver.end()[0]}
    lived.server.wait()
    for flow, week, sign in (("score", RETRAINED, ""), ("monitor", RETRAINED, "labels"), ("score", ROLLED_BACK, "")):
        if sign:
            began = set((lived.workspace / "store" / sign).glob("*.parquet"))
            lived.driver.start(flow, week)
            deadline = time.monotonic() + 300
            while set((lived.workspace / "store" / sign).glob("*.parquet")) == began:
                assert time.monotonic() < deadline, lived.driver.log.read_text()
                time.sleep(0.01)
            lived.server.kill()
            lived.server.start()
            codes[flow] = lived.driver.end()[0]
            lived.server.wait()
        assert lived.driver.run(flow, week) == 0, (codes, lived.driver.log.read_text())
        assert state(lived.workspace) == lived.after[flow, week], codes
    assert_settled(lived)


@pytest.mark.timeout(600)
def test_the_place_that_a_run_holds_outlives_its_server(lived: Lived) -> None:
    """Prefect ends a run that cannot keep its place any more; a training may take longer than a server lives."""

    def tell(path: str, content: dict[str, Any]) -> Any:
        url = f"{lived.server.url}/api/v2/concurrency_limits/{path}"
        return access.ask(url, content, Keys(lived.server.key).authorization(), seconds=300)

    tell("", {"name": "place", "limit": 1})
    held = tell("increment-with-lease", {"names": ["place"], "slots": 1, "lease_duration": 600})["lease_id"]
    lived.server.kill()
    lived.server.start()
    lived.server.wait()
    tell(f"leases/{held}/renew", {"lease_duration": 600})


@pytest.mark.timeout(600)
def test_two_monitors_at_once_make_one_decision_and_one_training(lived: Lived) -> None:
    lived.back_to("monitor", RETRAINED)
    lived.driver.start("monitor", RETRAINED, times=2)
    assert lived.driver.end() == [0, 0], lived.driver.log.read_text()
    assert state(lived.workspace) == lived.after["monitor", RETRAINED]
    with closing(sqlite3.connect(lived.workspace / "mlflow.db")) as registry:
        assert registry.execute("SELECT count(*) FROM model_versions").fetchone() == (2,)
    assert_settled(lived)


@pytest.mark.timeout(600)
def test_two_trainings_at_once_follow_each_other_and_the_second_finds_nothing_new(lived: Lived) -> None:
    lived.back_to("score", RETRAINED)
    lived.driver.start("train", RETRAINED, times=2)
    assert lived.driver.end() == [0, 0], lived.driver.log.read_text()
    assert len(ChampionHistory(local_records(lived.workspace)).decisions("churn")) == 2
    with closing(sqlite3.connect(lived.workspace / "mlflow.db")) as registry:
        assert registry.execute("SELECT count(*) FROM model_versions").fetchone() == (2,)


@pytest.mark.timeout(600)
def test_a_training_waits_for_another_of_its_model_and_says_for_whom(lived: Lived) -> None:
    lived.back_to("score", RETRAINED)
    with (lived.workspace / "locks" / "training-churn").open("w") as place:
        fcntl.flock(place, fcntl.LOCK_EX)
        place.write("process 12")
        place.flush()
        lived.driver.start("train", RETRAINED)
        waited = time.monotonic() + 300
        while "process 12 does a training already; waiting" not in lived.driver.log.read_text():
            assert time.monotonic() < waited, lived.driver.log.read_text()
            time.sleep(0.1)
        assert len(ChampionHistory(local_records(lived.workspace)).decisions("churn")) == 1
    assert lived.driver.end() == [0], lived.driver.log.read_text()
    assert len(ChampionHistory(local_records(lived.workspace)).decisions("churn")) == 2


@pytest.mark.timeout(600)
def test_a_frozen_model_is_neither_retrained_nor_rolled_back(lived: Lived) -> None:
    for week, reigns in ((RETRAINED, 1), (ROLLED_BACK, 2)):
        lived.back_to("monitor", week)
        MonitoringRecords(local_records(lived.workspace)).freeze("churn", True, "a fair")
        assert lived.driver.run("monitor", week) == 0, lived.driver.log.read_text()
        assert len(ChampionHistory(local_records(lived.workspace)).champions("churn")) == reigns
        assert ChampionHistory(local_records(lived.workspace)).trials("churn") == {}
        firing = MonitoringRecords(local_records(lived.workspace)).firings("churn")[-1]
        assert not firing.fire
        assert any("frozen: a fair" in rule.reason for rule in firing.bars if not rule.held)


def test_after_a_rollback_the_cool_down_is_twice_as_long(lived: Lived) -> None:
    fired = [row for row in lived.after["monitor", REFUSED]["retraining_decisions"] if row["fire"]]
    bars = {bar["name"]: bar["reason"] for bar in fired[-1]["detail"]["bars"]}
    assert fired[-1]["as_of"].startswith(f"{REFUSED:%Y-%m-%d}")
    assert "cool-down 14 days, doubled from 7 days as training brought nothing" in bars["cool_down"]


@pytest.mark.timeout(600)
def test_a_training_that_was_refused_is_tried_again_a_window_later_and_not_before(lived: Lived) -> None:
    lived.back_to("score", AGAIN)
    assert lived.driver.run("monitor", REFUSED + 3 * DAY) == 0, lived.driver.log.read_text()
    firing = MonitoringRecords(local_records(lived.workspace)).firings("churn")[-1]
    assert firing.called
    assert not firing.fire
    assert [rule.name for rule in firing.bars if not rule.held] == ["refused"]
    # The same suite, a window later: one attempt more.
    assert [row["fire"] for row in lived.after["monitor", AGAIN]["retraining_decisions"]].count(1) == 3


@pytest.mark.timeout(600)
def test_a_version_promoted_by_hand_is_on_probation_and_the_rules_go_on_from_the_last_training(lived: Lived) -> None:
    """The version that was rolled back is promoted again by a person; it is as bad as before."""
    lived.back_to("score", REFUSED)
    lived.demand(impossible=False)
    first, second, _ = (
        reign.version.version for reign in ChampionHistory(local_records(lived.workspace)).champions("churn")
    )
    driver, bad = lived.driver, ROLLED_BACK + DAY
    assert driver.run("promote", bad, version=second, why="a test") == 0, driver.log.read_text()
    for flow, week in (("monitor", bad), ("score", REFUSED), ("monitor", REFUSED)):
        assert driver.run(flow, week) == 0, driver.log.read_text()
    reigns = ChampionHistory(local_records(lived.workspace)).champions("churn")
    assert [reign.kind for reign in reigns[:5]] == ["superior", "superior", "rollback", "by hand", "rollback"]
    assert [reign.version.version for reign in reigns[:5]] == [first, second, first, second, first]
    firings = MonitoringRecords(local_records(lived.workspace)).firings("churn")[-2:]
    assert [(firing.version, firing.fire) for firing in firings] == [(second, False), (first, True)]
    assert "14 days ago" in next(rule.reason for rule in firings[-1].triggers if rule.name == "schedule")
    assert_settled(lived)


def assert_settled(lived: Lived) -> None:
    """No cut-off stands twice, no decision waits, and the alias names the champion."""
    champion = ChampionHistory(local_records(lived.workspace)).champion("churn")
    assert champion
    # Not through MLflow, which would hold on to a file that the next test replaces.
    with closing(sqlite3.connect(lived.workspace / "mlflow.db")) as registry:
        found = registry.execute("SELECT version FROM registered_model_aliases WHERE alias = 'champion'").fetchall()
    assert [int(version) for (version,) in found] == [champion.version.version]
    entries = Ledger(local_records(lived.workspace)).scorings("churn")
    assert all(one.until <= later.since for one, later in pairwise(entries))
    assert not MonitoringRecords(local_records(lived.workspace)).pending("churn")
