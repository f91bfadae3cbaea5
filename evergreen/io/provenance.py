"""What a run was made with: the code's commit, the locked versions, Python."""

from __future__ import annotations

import hashlib
import platform
import re
from importlib.metadata import PackageNotFoundError, requires
from importlib.metadata import version as installed
from pathlib import Path

#: The folder that holds the package: a checkout's root where it is installed in place.
_HOME = Path(__file__).resolve().parents[2]


def provenance(project: Path) -> dict[str, str]:
    """Tags that say by which code and which versions a run was made.

    Args:
        project: The project's folder; its repository's commit and its ``requirements.lock`` come first, then those of
            the checkout that the program is installed from.
    """
    commit = checked_out(project)
    if commit == "unknown" and (_HOME / ".git").exists():
        commit = checked_out(_HOME)
    # MLflow shows this tag of its own in its list of runs.
    shown = {} if commit == "unknown" else {"mlflow.source.git.commit": commit}
    return shown | {
        "evergreen.commit": commit,
        "evergreen.lock": locked_versions(project),
        "evergreen.python": platform.python_version(),
        "evergreen.version": installed("evergreen"),
    }


def checked_out(folder: Path) -> str:
    """The commit that the repository around a folder has checked out, read from its files; ``unknown`` without one.

    Whether files differ from the commit is not looked at: that would cost a process a run.
    """
    for place in (folder, *folder.parents):
        git = place / ".git"
        if git.exists():
            try:
                return _head(git)
            except (OSError, ValueError):
                return "unknown"
    return "unknown"


def locked_versions(project: Path) -> str:
    """The SHA-256 of ``requirements.lock``, or of the direct dependencies' installed versions where there is none."""
    for folder in (project, _HOME):
        lock = folder / "requirements.lock"
        if lock.is_file():
            return f"requirements.lock {hashlib.sha256(lock.read_bytes()).hexdigest()}"
    names = sorted({re.split(r"[^A-Za-z0-9._-]", line)[0] for line in requires("evergreen") or ()})
    lines = "".join(f"{name}=={_installed(name)}\n" for name in names)
    return f"installed {hashlib.sha256(lines.encode()).hexdigest()}"


def _installed(name: str) -> str:
    try:
        return installed(name)
    except PackageNotFoundError:  # of an extra that was not asked for
        return "none"


def _head(git: Path) -> str:
    """The commit behind HEAD; ``.git`` is a folder, or in a work tree a file that names one."""
    if git.is_file():
        git = (git.parent / git.read_text(encoding="utf-8").removeprefix("gitdir:").strip()).resolve()
    head = (git / "HEAD").read_text(encoding="utf-8").strip()
    if not head.startswith("ref:"):
        return _commit(head)
    name = head.removeprefix("ref:").strip()
    shared = git / "commondir"
    common = (git / shared.read_text(encoding="utf-8").strip()).resolve() if shared.is_file() else git
    for folder in (git, common):
        if (folder / name).is_file():
            return _commit((folder / name).read_text(encoding="utf-8").strip())
    for line in (common / "packed-refs").read_text(encoding="utf-8").splitlines():
        if line.endswith(f" {name}"):
            return _commit(line.split()[0])
    return "unknown"


def _commit(text: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{40,64}", text):
        raise ValueError(text)
    return text
