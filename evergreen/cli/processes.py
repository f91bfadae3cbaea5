"""The processes that ``up`` starts: one ``up`` a workspace, and nothing left running, even after a ``kill -9``.

Whether an ``up`` lives is told by a lock that the system drops with its process. What it started carries a mark in its
environment, so that nothing else is ever ended, whatever has become of the process numbers.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from evergreen.errors import UsageError
from evergreen.private import write_private

#: The variable that marks what an ``up`` started, as ``TOKEN/PART``.
MARK = "EVERGREEN_PART"


@dataclass(frozen=True)
class Up:
    """An ``up`` as its workspace knows it: its process, the mark of what it started, where its servers answer."""

    pid: int
    token: str
    prefect: str
    mlflow: str
    parts: dict[str, int] = field(default_factory=dict)


def running(workspace: Path) -> Up | None:
    """The living ``up`` of a workspace, or None while there is none, or it is only just starting."""
    path = workspace / "up.lock"
    if not path.exists():
        return None
    with path.open("r") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            up = recorded(workspace)
            return up if up and str(up.pid) == lock.read().strip() else None
    return None


def recorded(workspace: Path) -> Up | None:
    """What the last ``up`` of a workspace wrote down, whether it lives or not."""
    with contextlib.suppress(FileNotFoundError):
        return Up(**json.loads((workspace / "up.json").read_text(encoding="utf-8")))
    return None


def record(workspace: Path, up: Up) -> None:
    """Write down what runs, in one step."""
    write_private(workspace / "up.json", json.dumps(asdict(up), indent=1))


@contextlib.contextmanager
def only_up(workspace: Path, seconds: float = 2) -> Iterator[None]:
    """Be the only ``up`` of a workspace until the block ends; what a killed one left running is ended first.

    Raises:
        UsageError: another one lives; the message names its process.
    """
    workspace.mkdir(parents=True, exist_ok=True)
    with (workspace / "up.lock").open("a+") as lock:
        _take(lock, workspace, time.monotonic() + seconds)
        left = recorded(workspace)
        if left:
            end(f"{left.token}/")
        try:
            yield
        finally:
            (workspace / "up.json").unlink(missing_ok=True)


def _take(lock: IO[str], workspace: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:  # another one, or only a look at whether one lives
            if time.monotonic() > deadline:
                lock.seek(0)
                pid = lock.read().strip()
                raise UsageError(
                    f"{workspace}: `evergreen up` runs already, as process {pid}; stop it with Ctrl-C or: kill {pid}"
                ) from None
            time.sleep(0.05)
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()


def marked(mark: str) -> list[int]:
    """The living processes whose mark starts so."""
    wanted = f"{MARK}={mark}".encode()
    if not Path("/proc/self/environ").exists():
        listed = subprocess.run(["ps", "axeww", "-o", "pid=,command="], capture_output=True, check=False).stdout
        return [int(line.split()[0]) for line in listed.splitlines() if wanted in line]
    found = []
    for folder in Path("/proc").iterdir():
        # A process that ends meanwhile, or belongs to someone else, is none of ours.
        with contextlib.suppress(OSError):
            if folder.name.isdigit() and any(
                entry.startswith(wanted) for entry in (folder / "environ").read_bytes().split(b"\0")
            ):
                found.append(int(folder.name))
    return found


def end(mark: str, patience: float = 10) -> None:
    """End every process with this mark: asked twice, as a worker with a flow in it wants it, then killed."""
    for sign, seconds in ((signal.SIGTERM, patience), (signal.SIGTERM, patience / 2), (signal.SIGKILL, patience)):
        for pid in marked(mark):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sign)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not marked(mark):
                return
            time.sleep(0.1)
