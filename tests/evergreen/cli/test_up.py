"""``evergreen up`` as a person runs it: everything starts, works on its schedule, comes back, and stops."""

from __future__ import annotations

import json
import os
import queue
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from evergreen.cli import access
from evergreen.cli.processes import MARK, Up, end, marked, only_up, recorded, running
from evergreen.errors import UsageError
from evergreen.io.records import ChampionHistory, Ledger, MonitoringRecords, local_records
from evergreen.web.keys import Keys
from flows.train import train

EVERGREEN = str(Path(sys.executable).parent / "evergreen")
#: Seconds after which what has not come never comes; the machine may be slow.
_PATIENCE = 600
pytestmark = [pytest.mark.timeout(2400), pytest.mark.usefixtures("no_server")]

#: A source to which rows are added while one looks; ten days ago the plans turned round.
STREAM = """
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

FIRST, STEP = datetime.fromisoformat("{first}"), timedelta(minutes=2)
TURN = pd.Timestamp(FIRST + timedelta(days=50))


def rows(as_of):
    number = np.arange(int((as_of - FIRST) / STEP) + 1)
    at = pd.Series(pd.Timestamp(FIRST) + number * pd.Timedelta(STEP))
    amount, plan, chance = (pd.util.hash_array(number * 3 + k) / 2**64 for k in range(3))
    turn = np.where(at < TURN, 1, -1) * np.where(plan < 0.5, 1, -1)
    churned = chance < 1 / (1 + np.exp(-1.5 * turn - (100 * amount - 50) / 30))
    plans = np.where(plan < 0.5, "basic", "pro")
    return pd.DataFrame({{"id": number, "at": at, "amount": amount, "plan": plans, "churned": churned.astype(int)}})
"""
SPEC = """
model: churn
data: {source: "stream:rows", key: id, time: at, target: {column: churned, delay: 1h}}
validation: customers
training: {families: [linear], search: portfolio, holdout: 10d, tuning: 10d, budget: 20s, holdout_refit: 2d,
           holdout_back: 20d, window: 40d}
monitoring: {window: 1d, min_rows: 100}
retraining: {on: [performance], cool_down: 2d}
schedule: {score: 15s, monitor: 15s}
"""
SUITE = "expectations: [{type: expect_column_to_exist, kwargs: {column: amount}, severity: critical}]"


class Lines:
    """What a process says, as it says it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._waiting: queue.Queue[str] = queue.Queue()
        self.seen: list[str] = []
        threading.Thread(target=self._read, args=(process,), daemon=True).start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            self._waiting.put(line.rstrip())

    def wait_for(self, words: str) -> str:
        """The next line that holds these words."""
        while True:
            try:
                line = self._waiting.get(timeout=_PATIENCE)
            except queue.Empty:
                raise AssertionError(f"{words!r} was never said, but: {self.seen}") from None
            self.seen.append(line)
            if words in line:
                return line


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose champion is twelve days old, and knows nothing of what happened ten days ago."""
    root = tmp_path_factory.mktemp("alone")
    for folder in ("deployments", "expectations"):
        (root / folder).mkdir()
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    (root / "stream.py").write_text(STREAM.format(first=(today - timedelta(days=60)).isoformat()))
    (root / "deployments" / "churn.yaml").write_text(SPEC)
    (root / "expectations" / "customers.yaml").write_text(SUITE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVERGREEN_PROJECT", str(root))
        patch.setenv("EVERGREEN_WORKSPACE", str(root / ".evergreen"))
        assert train("churn", today - timedelta(days=12)).verdict.promote
    return root


#: A living `up`: its process, what it says, and what it has written down.
Started = tuple[subprocess.Popen[str], Lines, Up]


def start(root: Path) -> Started:
    command = [EVERGREEN, "up", "--prefect-port", "0", "--mlflow-port", "0"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, cwd=root
    )
    lines = Lines(process)
    lines.wait_for("everything runs")
    here = running(root / ".evergreen")
    assert here is not None
    return process, lines, here


@pytest.fixture(scope="module")
def up(root: Path) -> Iterator[Started]:
    started = start(root)
    try:
        yield started
    finally:
        started[0].kill()
        started[0].wait()
        path = root / ".evergreen" / "up.json"
        if path.exists():  # that of another one, where a test has killed the first
            end(f"{json.loads(path.read_text())['token']}/", patience=2)


def ask(root: Path, url: str, question: dict[str, Any]) -> Any:
    return access.ask(url, question, Keys(access.kept(root / ".evergreen")).authorization(), seconds=300)


def both_answer(root: Path, here: Up) -> bool:
    key = access.kept(root / ".evergreen")
    return all(access.answers(url, key) for url in (f"{here.prefect}/api/health", f"{here.mlflow}/health"))


def told(root: Path, *command: str, code: int = 0) -> str:
    """What a command of the program says beside the living one, or why it refuses."""
    done = subprocess.run([EVERGREEN, *command], capture_output=True, text=True, check=False, cwd=root)
    assert done.returncode == code, done.stderr
    return done.stderr if code else done.stdout


def until(true: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + _PATIENCE
    while not (answer := true()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.3)
    return answer


def test_left_alone_it_scores_watches_fires_and_retrains(root: Path, up: Started) -> None:
    process, lines, here = up
    workspace = root / ".evergreen"
    assert here.pid == process.pid
    assert set(here.parts) == {"Prefect", "MLflow", "runs", "worker"}
    assert both_answer(root, here)
    assert any("1 models" in line for line in lines.seen)
    assert f"runs already, as process {process.pid}" in told(root, "up", code=2)

    records, watching = ChampionHistory(local_records(workspace)), MonitoringRecords(local_records(workspace))
    until(lambda: len(records.champions("churn")) > 1)
    fired = [one for one in watching.firings("churn") if one.fire]
    first, second_ = records.champions("churn")[:2]
    answered = next(one for one in records.decisions("churn") if one.cause)
    assert answered.cause == fired[0].cause
    assert answered.version.version == second_.version.version
    assert any(rule.name == "performance" and rule.held for rule in fired[0].triggers)
    seen = [health for health in watching.healths("churn", fired[0].as_of) if health.realised]
    assert {health.version for health in seen} == {first.version.version}

    # It was the event that started the training; everything else was started by its schedule.
    ended = {"flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}

    def completed() -> list[dict[str, Any]]:
        return list(ask(root, f"{here.prefect}/api/flow_runs/filter", ended))

    until(lambda: any(run["parameters"].get("cause") for run in completed()))
    runs = completed()
    trained = [run for run in runs if run["parameters"].get("cause")]
    assert [run["parameters"]["cause"] for run in trained] == [fired[0].cause]
    assert not trained[0]["auto_scheduled"]
    assert all(run["auto_scheduled"] for run in runs if run not in trained)

    # What our own words say of a run stands in its log.
    where = {"logs": {"flow_run_id": {"any_": [trained[0]["id"]]}}}
    until(
        lambda: (
            {"tasks.data", "tasks.training"}
            <= {line["name"] for line in ask(root, f"{here.prefect}/api/logs/filter", where)}
        )
    )

    flows = json.loads(told(root, "status", "--json"))["models"][0]["flows"]
    assert all(flows[name]["last"] is not None for name in ("score", "monitor", "train"))
    # Scored with the new champion, rows that did not exist when the test began.
    ledger = Ledger(local_records(workspace))
    until(lambda: ledger.scorings("churn")[-1].version == second_.version.version)


def test_each_part_that_is_killed_comes_back_and_the_schedule_goes_on(root: Path, up: Started) -> None:
    _, lines, here = up
    workspace = root / ".evergreen"
    for part, sign in (("MLflow", "answers"), ("runs", "start at once"), ("Prefect", "answers"), ("worker", "takes")):
        pid = kill(workspace, part)
        lines.wait_for(f"{part:8} was killed by SIGKILL")
        lines.wait_for(f"{part:8} {sign}")
        assert parts(workspace)[part] != pid
    assert both_answer(root, here)
    goes_on(workspace)


def parts(workspace: Path) -> dict[str, int]:
    here = running(workspace)
    assert here is not None
    return here.parts


def kill(workspace: Path, part: str) -> int:
    """Kill a part while it lives; the worker may end by itself when its server is gone, and come back."""

    def killed() -> int:
        pid = parts(workspace)[part]
        if pid not in marked(f"{recorded(workspace).token}/{part.lower()}"):  # type: ignore[union-attr]
            return 0
        os.kill(pid, signal.SIGKILL)
        return pid

    return int(until(killed))


def goes_on(workspace: Path) -> None:
    """Wait until a scoring and a decision that nobody has seen before are in the records."""
    ledger, watching = Ledger(local_records(workspace)), MonitoringRecords(local_records(workspace))
    scored, decided = ledger.last_cut_off("churn"), len(watching.firings("churn"))
    until(lambda: ledger.last_cut_off("churn") != scored and len(watching.firings("churn")) > decided)


def test_a_killed_up_is_followed_by_one_that_goes_on_and_ctrl_c_leaves_nothing_running(root: Path, up: Started) -> None:
    killed, _, before = up
    workspace = root / ".evergreen"
    killed.kill()
    killed.wait()
    assert running(workspace) is None
    process, lines, here = start(root)
    assert marked(f"{before.token}/") == []
    goes_on(workspace)
    process.send_signal(signal.SIGINT)
    lines.wait_for("nothing is left running")
    assert process.wait(timeout=300) == 0
    assert marked(f"{here.token}/") == []
    assert running(workspace) is None
    assert not (workspace / "up.json").exists()
    with closing(sqlite3.connect(workspace / "prefect" / "prefect.db")) as server:
        under_way = "SELECT count(*) FROM flow_run WHERE state_type IN ('RUNNING', 'PENDING')"
        assert server.execute(under_way).fetchone() == (0,)
    # Whatever was killed: one cause, one training, one promotion.
    assert [one.fire for one in MonitoringRecords(local_records(workspace)).firings("churn")].count(True) <= 1
    assert len(ChampionHistory(local_records(workspace)).champions("churn")) <= 2


def test_what_a_killed_up_left_is_ended_by_its_mark_and_nothing_else() -> None:
    command = [sys.executable, "-c", "print('here', flush=True); input()"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    ours, child, other = (
        subprocess.Popen(command, env=os.environ | {MARK: mark}, **pipes)  # type: ignore[call-overload]
        for mark in ("test-token/MLflow", "test-token/worker", "test-other/MLflow")
    )
    for process in (ours, child, other):
        process.stdout.readline()
    assert set(marked("test-token/")) == {ours.pid, child.pid}
    end("test-token/MLflow", patience=5)
    assert ours.wait(timeout=300) == -signal.SIGTERM
    end("test-token/", patience=5)
    assert child.wait(timeout=300) == -signal.SIGTERM
    assert other.poll() is None
    other.communicate(b"\n")


HOLD = """
import os, subprocess, sys
from pathlib import Path
from evergreen.cli import access
from evergreen.cli.processes import MARK, Up, only_up, record
workspace = Path(sys.argv[1])
with only_up(workspace):
    command = [sys.executable, "-c", "import signal; signal.pause()"]
    part = subprocess.Popen(command, env=os.environ | {MARK: "held/part"}, stdout=subprocess.DEVNULL)
    record(workspace, Up(os.getpid(), "held", "http://127.0.0.1:1", "http://127.0.0.1:2", {"part": part.pid}))
    print("held", flush=True)
    input()
"""


def test_one_up_a_workspace_and_what_a_killed_one_left_is_ended_by_the_next(tmp_path: Path) -> None:
    assert running(tmp_path) is None
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    living = running(tmp_path)
    assert living is not None
    assert (living.pid, living.prefect) == (holder.pid, "http://127.0.0.1:1")
    with pytest.raises(UsageError, match=f"runs already, as process {holder.pid}"), only_up(tmp_path, seconds=0.1):
        pass
    holder.kill()
    holder.wait()
    assert running(tmp_path) is None
    until(lambda: marked("held/") == [living.parts["part"]])  # a fresh process has its environment once it has begun
    with only_up(tmp_path):
        assert marked("held/") == []
    assert not (tmp_path / "up.json").exists()


def test_without_a_server_deploy_says_what_to_do(project: Path) -> None:
    assert "no Prefect server: run `evergreen up`" in told(project, "deploy", code=2)
