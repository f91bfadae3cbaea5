"""A process that ends at any write of the loop, and is run again, leaves what one undisturbed run leaves."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evergreen.cli.servers import free_port, prefect_command, serving
from evergreen.io.records import Ledger, Records, Watching
from evergreen.io.registry import Registry
from evergreen.settings import Settings

SPEC = """
model: churn
data:
  source: data/customers.csv
  key: id
  time: at
  target: {column: churned, delay: 1d}
validation: customers
training: {families: [linear], window: 21d, holdout: 7d, tuning: 7d, holdout_refit: 2d, holdout_back: 7d, budget: 20s}
monitoring: {window: 7d, min_rows: 100}
retraining: {on: [schedule], every: 14d, cool_down: 7d, budget: 9}
probation: {windows: 1}
"""
DAY = timedelta(days=1)
START = datetime(2026, 4, 6, tzinfo=UTC)
#: The weekly runs: a quiet one; a training that is promoted; its rollback; a training that is refused; one that is not.
QUIET, RETRAINED, ROLLED_BACK, REFUSED, AGAIN = (START + timedelta(days=8 + 7 * week) for week in range(5))
#: From START on the plans mean the opposite, for two weeks.
TURNED = (START, START + 14 * DAY)

#: What differs between two undisturbed runs: identifiers, the wall clock, what was measured with it, who ran it.
ASIDE = {"model_id", "run_id", "run_key", "sha256", "at", "who", "seconds_per_row", "seconds", "peak_mb"}

#: Imports all that flows need once, then forks a process for each run that is asked for: one JSON line each. A run may
#: be told to end, without a word, before or after the n-th call of a function.
DRIVER = """
import importlib, json, os, sys, traceback
from datetime import datetime

import great_expectations, lightgbm, mlflow.sklearn, skops.io, sklearn.linear_model
import flows.train, flows.score, flows.monitor, flows.promote

def dies(module, path, turn, when):
    *owners, name = path.split(".")
    owner = importlib.import_module(module)
    for one in owners:
        owner = getattr(owner, one)
    original, calls = getattr(owner, name), 0

    def dying(*args, **kwargs):
        nonlocal calls
        calls += 1
        if calls == turn and when == "before":
            os._exit(9)
        result = original(*args, **kwargs)
        if calls == turn:
            os._exit(9)
        return result

    setattr(owner, name, dying)

def run(order):
    name, given = order["flow"], order["given"]
    if order["point"]:
        dies(*order["point"])
    flow = getattr(importlib.import_module("flows." + name), name)
    flow(**given | {"as_of": datetime.fromisoformat(given["as_of"])})

for line in sys.stdin:
    pid = os.fork()
    if not pid:
        log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1), os.dup2(log, 2), os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        code = 1
        try:
            run(json.loads(line))
            code = 0
        except BaseException:
            traceback.print_exc()
        sys.stderr.flush()
        os._exit(code)
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


class Driver:
    """Runs flows in processes of their own, which share their imports."""

    def __init__(self, server: str, project: Path) -> None:
        # The process must find the program where this one does, also where it is not installed.
        paths = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
        places = {"EVERGREEN_PROJECT": str(project), "EVERGREEN_WORKSPACE": str(project / ".evergreen")}
        self.log = project / "run.log"
        self._process = subprocess.Popen(
            [sys.executable, "-c", DRIVER, str(self.log)],
            cwd=project,
            env=os.environ | places | {"PREFECT_API_URL": server, "PYTHONPATH": paths},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, flow: str, as_of: datetime, point: tuple[str, str, int, str] | None = None, **given: Any) -> int:
        """Start a run; its process."""
        assert self._process.stdin
        order = {"flow": flow, "point": point, "given": {"model": "churn", "as_of": as_of.isoformat(), **given}}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self._said()

    def end(self) -> int:
        """Wait for the run that was started; its exit code."""
        return self._said()

    def run(self, flow: str, as_of: datetime, point: tuple[str, str, int, str] | None = None, **given: Any) -> int:
        self.start(flow, as_of, point, **given)
        return self.end()

    def close(self) -> None:
        self._process.communicate(timeout=60)

    def _said(self) -> int:
        assert self._process.stdout
        return int(self._process.stdout.readline())


@dataclass(frozen=True)
class Lived:
    """A project whose weeks were lived undisturbed; its workspace before each flow run is kept aside."""

    project: Path
    driver: Driver
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
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    root, project = tmp_path_factory.mktemp("server"), tmp_path_factory.mktemp("lived")
    for folder in ("deployments", "expectations", "data"):
        (project / folder).mkdir()
    (project / "deployments" / "churn.yaml").write_text(SPEC)
    turning().to_csv(project / "data" / "customers.csv", index=False)
    with serving(prefect_command(port := free_port(0)), Settings(root, root), "prefect", f"http://127.0.0.1:{port}"):
        driver = Driver(f"http://127.0.0.1:{port}/api", project)
        whole = Lived(project, driver, {})
        whole.demand(impossible=False)
        assert driver.run("train", START) == 0, driver.log.read_text()
        for week in (QUIET, RETRAINED, ROLLED_BACK, REFUSED, AGAIN):
            for flow in ("score", "monitor"):
                whole.keep(flow, week)
                whole.demand(impossible=week == REFUSED)
                refused = flow == "monitor" and week == REFUSED
                assert driver.run(flow, week) == refused, driver.log.read_text()
                whole.after[flow, week] = state(whole.workspace)
        yield whole
        driver.close()


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
    kinds = {week: [row["kind"] for row in lived.after["monitor", week]["champion_history"]] for week in
             (QUIET, RETRAINED, ROLLED_BACK)}  # fmt: skip
    assert kinds[QUIET] == ["superior"]
    assert kinds[RETRAINED] == ["superior", "superior"]
    assert sorted(kinds[ROLLED_BACK]) == ["rollback", "superior", "superior"]
    last = lived.after["monitor", AGAIN]
    assert [row["as_of"][:10] for row in last["closed_causes"]] == [f"{REFUSED:%Y-%m-%d}"]
    fired = [row["as_of"][:10] for row in last["retraining_decisions"] if row["fire"]]
    assert sorted(fired) == [f"{week:%Y-%m-%d}" for week in (RETRAINED, REFUSED, AGAIN)]
    assert len(last["verdicts"]) == 3
