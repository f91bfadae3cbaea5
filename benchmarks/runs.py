"""One side of a benchmark in a fresh process and a fresh workspace, and what it cost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from evergreen.cli.environment import prepare
from evergreen.workspace import Workspace

_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Cost:
    """What a process cost: wall and CPU seconds (those of its own servers included), and what it said itself."""

    wall: float
    cpu: float
    said: dict[str, Any]

    @property
    def seconds(self) -> dict[str, float]:
        """Wall seconds by what they were spent on."""
        return dict(self.said["seconds"])


def seconds(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """What a piece of work takes, by a clock."""
    began = clock()
    work()
    return clock() - began


def run(side: str, project: Path, as_of: datetime, server: Mapping[str, str] | None = None, rounds: int = 0) -> Cost:
    """Run one side (``flow``, ``script`` or ``imports``) in a workspace that is made for it and removed after it.

    Args:
        side: The function of ``benchmarks.sides``.
        project: A project's folder; the workspace is made in it.
        as_of: The time for which the model is trained.
        server: What the environment says of a running Prefect server; by default none runs.
        rounds: Of boosting, whatever the tuning rows say; by default these say it.

    Raises:
        RuntimeError: the process failed; the message ends with what it said.
    """
    here = Workspace.local(project, project / f"workspace-{side}")
    shutil.rmtree(here.folder, ignore_errors=True)
    here.folder.mkdir()
    environment = isolated(here) | dict(server or {})
    log = project / f"{side}.log"
    began = time.perf_counter()
    with log.open("wb") as errors:
        command = [sys.executable, "-m", "benchmarks.sides", side, as_of.isoformat(), str(rounds)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environment, cwd=_ROOT)
        assert process.stdout is not None
        said = process.stdout.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{side} failed:\n{log.read_text(encoding='utf-8', errors='replace')[-3000:]}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, json.loads(said.splitlines()[-1]))


def isolated(here: Workspace) -> dict[str, str]:
    """The environment of a command in this workspace, whatever the caller's own says of Prefect, MLflow and us."""
    ours = ("PREFECT_", "EVERGREEN_", "MLFLOW_")
    before = dict(os.environ)
    try:
        for name in [name for name in os.environ if name.startswith(ours)]:
            del os.environ[name]
        prepare(here)
        return dict(os.environ) | {"MLFLOW_DISABLE_TELEMETRY": "true", "GIT_PYTHON_REFRESH": "quiet"}
    finally:
        os.environ.clear()
        os.environ.update(before)
