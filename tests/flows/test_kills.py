"""A training that is killed at any step, and run again, leaves what one undisturbed training leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from evergreen.cli import access
from evergreen.cli.servers import free_port, prefect_command, serving
from evergreen.io.records import ChampionHistory, local_records
from evergreen.settings import open_workspace
from evergreen.web.keys import new_key
from evergreen.workspace import Workspace
from flows.train import train

MARCH = datetime(2026, 3, 10, tzinfo=UTC)
#: What differs between two undisturbed runs: identifiers, the wall clock, and what was measured with it.
ASIDE = {"version", "model_id", "run_id", "sha256", "at", "who", "seconds_per_row"}

#: Runs the flow in a process of its own that ends, without a word, before or after the n-th call of a function.
DYING = """
import importlib, os, sys
from datetime import datetime

module, path, turn, when, as_of = sys.argv[1:]
*owners, name = path.split(".")
owner = importlib.import_module(module)
for one in owners:
    owner = getattr(owner, one)
original, calls = getattr(owner, name), 0

def dying(*args, **kwargs):
    global calls
    calls += 1
    if calls == int(turn) and when == "before":
        os._exit(9)
    result = original(*args, **kwargs)
    if calls == int(turn):
        os._exit(9)
    return result

setattr(owner, name, dying)
from flows.train import train

train("churn", datetime.fromisoformat(as_of))
"""
POINTS = {
    "a table is written but not yet in its place": ("os", "fsync", "1", "before"),
    "rows are put aside": ("evergreen.io.records", "ChampionHistory.quarantine", "1", "after"),
    "the challenger is stored": ("evergreen.io.registry", "Registry.log_model", "1", "after"),
    "the refitted model is stored": ("evergreen.io.registry", "Registry.log_model", "2", "after"),
    "the version is registered": ("evergreen.io.registry", "Registry.register", "1", "after"),
    "the champion is crowned": ("evergreen.io.registry", "Registry.set_alias", "1", "before"),
}

#: What the environment of a process says of the server.
Server = dict[str, str]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One Prefect server for all killed processes; each would start its own for ten seconds."""
    root, port, key = tmp_path_factory.mktemp("server"), free_port(0), new_key()
    api = f"http://127.0.0.1:{port}/api"
    with serving(prefect_command(port), Workspace.local(root, root), "prefect", f"{api}/health", key):
        yield {"PREFECT_API_URL": api, **access.environment(key)}


def state(workspace: Path) -> dict[str, Any]:
    records = ChampionHistory(local_records(workspace))
    return {
        "champions": [plain(asdict(reign)) for reign in records.champions("churn")],
        "verdicts": [plain(asdict(decision)) for decision in records.decisions("churn")],
        "quarantine": [plain(row) for row in records.quarantined("churn")],
        "tables": sorted(str(path.relative_to(workspace)) for path in (workspace / "store").rglob("*.parquet")),
    }


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items() if key not in ASIDE}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


@pytest.fixture
def small(project: Path) -> Path:
    spec = project / "deployments" / "churn.yaml"
    spec.write_text(spec.read_text().replace("[lightgbm, linear]", "[linear]"))
    return project


def started(server: Server, *command: str) -> subprocess.Popen[bytes]:
    # The process must find the program where this one does, also where it is not installed.
    paths = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, *command],
        env=os.environ | server | {"PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


@pytest.mark.timeout(1800)
def test_a_training_killed_at_each_step_ends_as_one_that_was_not(
    small: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run begins on what the one killed before it left, and is killed one step later."""
    monkeypatch.setenv("EVERGREEN_WORKSPACE", str(small / "undisturbed"))
    assert train("churn", MARCH).verdict.promote
    expected = state(small / "undisturbed")
    killed = small / "killed"
    monkeypatch.setenv("EVERGREEN_WORKSPACE", str(killed))
    for step, point in POINTS.items():
        process = started(server, "-c", DYING, *point, MARCH.isoformat())
        output, _ = process.communicate(timeout=300)
        assert process.returncode == 9, f"{step}: {output.decode()}"
        crowned = step == "the champion is crowned"
        assert (
            len(ChampionHistory(local_records(killed)).champions("churn"))
            == len(ChampionHistory(local_records(killed)).decisions("churn"))
            == crowned
        ), step
        assert open_workspace().registry.alias("churn", "champion") is None, step
    outcome = train("churn", MARCH)
    assert outcome.repeated  # the verdict was there; what was left to do is the alias
    assert state(killed) == expected
    assert open_workspace().registry.alias("churn", "champion") == outcome.version.version
    assert len(list((killed / "store").rglob("*.part"))) == 1  # swept a day later: its writer might live


@pytest.mark.timeout(900)
def test_a_training_that_is_killed_from_outside_promotes_nothing_and_is_done_by_the_next(
    small: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = small / ".evergreen"
    command = str(Path(sys.executable).parent / "evergreen")
    process = started(server, command, "train", "churn", "--as-of", f"{MARCH:%Y-%m-%d}")
    deadline = time.monotonic() + 300
    while not list(workspace.glob("store/features/*.parquet")) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == -signal.SIGKILL, output.decode()
    assert (
        ChampionHistory(local_records(workspace)).champions("churn")
        == ChampionHistory(local_records(workspace)).decisions("churn")
        == []
    )
    outcome = train("churn", MARCH)
    assert outcome.verdict.promote
    assert not outcome.repeated
    assert [reign.version for reign in ChampionHistory(local_records(workspace)).champions("churn")] == [
        outcome.version
    ]
    assert open_workspace().registry.alias("churn", "champion") == outcome.version.version
