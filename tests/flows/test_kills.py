"""A training that is killed at any step, and run again, leaves what one undisturbed training leaves."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from evergreen.io.records import ChampionHistory, local_records
from evergreen.settings import open_workspace
from flows.train import train

MARCH = datetime(2026, 3, 10, tzinfo=UTC)
#: What differs between two undisturbed runs: identifiers, the wall clock, and what was measured with it.
ASIDE = {"version", "model_id", "run_id", "sha256", "at", "who", "seconds_per_row"}

#: The kinds of writes after which a training ends; "aside" is a table that is not yet in its place.
STEPS = (
    "aside",
    "records quarantine",
    "registry log_model",
    "registry register",
    "records champion_history and verdicts",
)


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


@pytest.mark.timeout(1800)
def test_a_training_that_ends_at_each_step_comes_to_what_one_that_did_not_comes_to(
    small: Path, drive: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run begins on what the one before it left, and ends one step later."""
    killed = small / ".evergreen"
    driver = drive(small)  # imports meanwhile
    monkeypatch.setenv("EVERGREEN_WORKSPACE", str(small / "undisturbed"))
    assert train("churn", MARCH).verdict.promote
    expected = state(small / "undisturbed")
    monkeypatch.setenv("EVERGREEN_WORKSPACE", str(killed))
    steps = []
    for step in driver.ends_after_each_write("train", MARCH, STEPS):
        steps.append(step)
        crowned = step.startswith("records champion_history")
        assert (
            len(ChampionHistory(local_records(killed)).champions("churn"))
            == len(ChampionHistory(local_records(killed)).decisions("churn"))
            == crowned
        ), step
        assert open_workspace().registry.alias("churn", "champion") is None, step
    kinds = [step.rpartition(" ")[0] for step in steps]
    assert set(kinds) == set(STEPS)
    assert kinds.count("registry log_model") == 2  # the challenger, and the model that is refitted
    outcome = train("churn", MARCH)
    assert outcome.repeated  # the verdict was there; what was left to do is the alias
    assert state(killed) == expected
    assert open_workspace().registry.alias("churn", "champion") == outcome.version.version
    # Swept a day later: their writers might live.
    assert sorted(path.parent.name for path in (killed / "store").rglob("*.part")) == ["features", "snapshots"]


@pytest.mark.timeout(900)
def test_a_training_that_is_killed_from_outside_promotes_nothing_and_is_done_by_the_next(
    small: Path,
) -> None:
    workspace = small / ".evergreen"
    command = str(Path(sys.executable).parent / "evergreen")
    process = subprocess.Popen(
        [command, "train", "churn", "--as-of", f"{MARCH:%Y-%m-%d}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
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
