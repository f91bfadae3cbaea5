"""``evergreen up`` as a person runs it: everything starts, works on its schedule, comes back, and stops."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evergreen.cli.processes import MARK, end, marked, only_up, running
from evergreen.errors import UsageError

EVERGREEN = str(Path(sys.executable).parent / "evergreen")
_PATIENCE = 240


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


@pytest.fixture
def up(project: Path) -> Iterator[tuple[subprocess.Popen[str], Lines]]:
    spec = project / "deployments" / "churn.yaml"
    spec.write_text(spec.read_text() + "schedule: {score: 20s}\n")
    command = [EVERGREEN, "up", "--prefect-port", "0", "--mlflow-port", "0"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, cwd=project
    )
    try:
        yield process, Lines(process)
    finally:
        process.kill()
        process.wait()
        here = json.loads(path.read_text()) if (path := project / ".evergreen" / "up.json").exists() else None
        if here:
            end(f"{here['token']}/", patience=2)


def ask(url: str, question: dict[str, Any]) -> Any:
    request = urllib.request.Request(url, json.dumps(question).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def until(true: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + _PATIENCE
    while not (answer := true()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.5)
    return answer


@pytest.mark.timeout(600)
def test_everything_starts_runs_on_schedule_survives_a_kill_and_stops(
    up: tuple[subprocess.Popen[str], Lines], project: Path
) -> None:
    process, lines = up
    lines.wait_for("everything runs")
    workspace = project / ".evergreen"
    here = running(workspace)
    assert here is not None
    assert here.pid == process.pid
    assert set(here.parts) == {"Prefect", "MLflow", "worker"}
    for url in (f"{here.prefect}/api/health", f"{here.mlflow}/health"):
        assert urllib.request.urlopen(url, timeout=30).status == 200
    assert any("1 models" in line for line in lines.seen)

    second = subprocess.run([EVERGREEN, "up"], capture_output=True, text=True, check=False, cwd=project)
    assert second.returncode == 2
    assert f"runs already, as process {process.pid}" in second.stderr

    os.kill(here.parts["MLflow"], signal.SIGKILL)
    assert "SIGKILL" in lines.wait_for("MLflow")
    lines.wait_for("MLflow   answers")
    assert urllib.request.urlopen(f"{here.mlflow}/health", timeout=30).status == 200

    # A schedule started a flow, and a process of the worker carried it out.
    ended = {"flow_runs": {"state": {"type": {"any_": ["COMPLETED", "FAILED"]}}}}
    (run, *_) = until(lambda: ask(f"{here.prefect}/api/flow_runs/filter", ended))
    assert run["auto_scheduled"]
    assert run["parameters"] == {"model": "churn"}

    # Whichever flow came first: each of them runs, and the status tells when.
    def told() -> dict[str, Any]:
        asked = subprocess.run([EVERGREEN, "status", "--json"], capture_output=True, text=True, check=True)
        return dict(json.loads(asked.stdout)["models"][0]["flows"])

    until(lambda: all(told()[name]["last"] is not None for name in ("score", "monitor")))

    process.send_signal(signal.SIGINT)
    lines.wait_for("nothing is left running")
    assert process.wait(timeout=60) == 0
    assert marked(here.token) == []
    assert running(workspace) is None
    assert not (workspace / "up.json").exists()


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
    assert ours.wait(timeout=30) == -signal.SIGTERM
    end("test-token/", patience=5)
    assert child.wait(timeout=30) == -signal.SIGTERM
    assert other.poll() is None
    other.communicate(b"\n")


HOLD = """
import os, subprocess, sys
from pathlib import Path
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
    refused = subprocess.run([EVERGREEN, "deploy"], capture_output=True, text=True, check=False, cwd=project)
    assert refused.returncode == 2
    assert "no Prefect server: run `evergreen up`" in refused.stderr
