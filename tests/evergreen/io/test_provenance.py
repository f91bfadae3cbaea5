from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from evergreen.io.provenance import checked_out, locked_versions, provenance


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "first")
    return tmp_path


def test_the_commit_is_read_from_a_branch_packed_or_not_and_from_below(repository: Path) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    assert checked_out(repository) == commit
    git(repository, "pack-refs", "--all")
    (repository / "inner").mkdir()
    assert checked_out(repository / "inner") == commit


def test_the_commit_is_read_in_a_work_tree_and_without_a_branch(repository: Path) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    git(repository, "worktree", "add", "-q", "-b", "other", str(repository / "tree"))
    assert checked_out(repository / "tree") == commit
    git(repository, "checkout", "-q", "--detach")
    assert checked_out(repository) == commit


def test_a_repository_without_a_commit_or_with_broken_files_is_unknown(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert checked_out(tmp_path) == "unknown"
    (tmp_path / ".git" / "HEAD").write_text("what?")
    assert checked_out(tmp_path) == "unknown"


def test_the_projects_own_lock_counts_first_and_a_change_shows(tmp_path: Path) -> None:
    without = locked_versions(tmp_path)
    (tmp_path / "requirements.lock").write_text("a==1\n")
    first = locked_versions(tmp_path)
    (tmp_path / "requirements.lock").write_text("a==2\n")
    assert len({without, first, locked_versions(tmp_path)}) == 3


def test_every_tag_has_a_value(tmp_path: Path) -> None:
    assert all(provenance(tmp_path).values())
