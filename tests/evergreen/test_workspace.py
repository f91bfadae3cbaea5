from __future__ import annotations

import os
import pickle
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evergreen.errors import UsageError
from evergreen.io.records import ChampionHistory
from evergreen.settings import open_workspace
from evergreen.workspace import Workspace

APRIL = datetime(2026, 4, 1, tzinfo=UTC)


def test_opening_a_workspace_writes_nothing(project: Path) -> None:
    before = sorted(project.rglob("*"))
    workspace = open_workspace()
    assert workspace.project == project
    assert workspace.folder == project / ".evergreen"
    assert sorted(project.rglob("*")) == before


def test_a_workspace_travels_as_a_few_addresses_and_opens_the_same_doors_elsewhere(project: Path) -> None:
    workspace = open_workspace()
    workspace.champions.release("churn", ["c000007"], "a refund")
    packed = pickle.dumps(workspace)
    assert len(packed) < 1000
    read = (
        "import pickle, sys; workspace = pickle.loads(bytes.fromhex(sys.argv[1]));"
        "print(sorted(workspace.champions.released('churn')))"
    )
    bare = {name: value for name, value in os.environ.items() if not name.startswith("EVERGREEN_")}
    command = [sys.executable, "-c", read, packed.hex()]
    answer = subprocess.run(command, env=bare, cwd="/", capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "['c000007']"


def test_nothing_changes_below_where_the_environment_changes_after_the_opening(
    project: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.data import take_snapshot
    from tasks.features import build_features
    from tasks.promotion import find_champion

    workspace = open_workspace()
    spec = workspace.spec("churn")
    before = take_snapshot.fn(workspace, spec, APRIL)
    for name in ("EVERGREEN_PROJECT", "EVERGREEN_WORKSPACE", "EVERGREEN_STORE"):
        monkeypatch.delenv(name, raising=False)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(elsewhere)
    with pytest.raises(UsageError, match="no deployments/ here or above"):
        open_workspace()
    assert take_snapshot.fn(workspace, spec, APRIL) == before
    assert Path(build_features.fn(workspace, spec, before).uri).is_relative_to(workspace.folder)
    assert find_champion.fn(workspace, "churn") is None
    with workspace.locks.alone("training", "churn"):
        assert workspace.locks.holder("training", "churn")
    assert list(elsewhere.iterdir()) == []


def test_records_are_asked_where_they_are_and_not_only_in_the_workspace_s_folder(tmp_path: Path) -> None:
    workspace = Workspace.local(tmp_path, tmp_path / "workspace")
    assert not workspace.has_records
    workspace.champions.release("churn", ["c1"], "why")
    assert workspace.has_records
    elsewhere = "postgresql+psycopg://models@db/evergreen"
    assert Workspace.local(tmp_path, tmp_path / "other", records_url=elsewhere).has_records


def test_the_records_are_opened_once_a_process_and_anew_where_their_file_was_replaced(tmp_path: Path) -> None:
    workspace = Workspace.local(tmp_path, tmp_path / "workspace")
    assert workspace.champions._database is workspace.monitoring._database
    workspace.champions.release("churn", ["c1"], "why")
    (tmp_path / "workspace").rename(tmp_path / "moved")
    assert workspace.champions.released("churn") == frozenset()
    moved = Workspace.local(tmp_path, tmp_path / "moved")
    assert ChampionHistory(moved.records_url).released("churn") == {"c1"}


@pytest.mark.parametrize("name", ["EVERGREEN_STORE", "EVERGREEN_PREFECT_URL", "EVERGREEN_MLFLOW_URL"])
def test_an_address_with_a_password_is_refused_without_showing_it(
    project: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "https://user:hunter2@host/path")
    with pytest.raises(UsageError, match="holds a password") as refused:
        open_workspace()
    assert "hunter2" not in str(refused.value)


def test_a_folder_without_a_project_becomes_one_only_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="no deployments/"):
        open_workspace()
    assert open_workspace(new=True) == Workspace.local(tmp_path, tmp_path / ".evergreen")
