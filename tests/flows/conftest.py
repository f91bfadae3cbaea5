"""A project whose champion was trained once, and copied for each test; and runs that end, or are killed, at a write."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from flows.train import Outcome

MARCH = datetime(2026, 3, 10, tzinfo=UTC)


@pytest.fixture(scope="session")
def trained_project(tmp_path_factory: pytest.TempPathFactory, lay_out: Callable[[Path], Path]) -> tuple[Path, Outcome]:
    """The project of the tests after its first training, as of 10 March; only to be copied."""
    from flows.train import train

    root = lay_out(tmp_path_factory.mktemp("trained"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVERGREEN_PROJECT", str(root))
        patch.setenv("EVERGREEN_WORKSPACE", str(root / ".evergreen"))
        return root, train("churn", MARCH)


@pytest.fixture
def first(project: Path, trained_project: tuple[Path, Outcome], move: Callable[[Path, str], None]) -> Outcome:
    """What the first training came to, in a project of the test's own."""
    root, outcome = trained_project
    shutil.copytree(root / ".evergreen", project / ".evergreen", dirs_exist_ok=True)
    move(project, str(root))
    return outcome


class Driver:
    """Runs flows in processes of their own, which share their imports."""

    def __init__(self, project: Path, **environment: str) -> None:
        # The process must find the program where this one does, also where it is not installed.
        paths = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
        places = {"EVERGREEN_PROJECT": str(project), "EVERGREEN_WORKSPACE": str(project / ".evergreen")}
        self.log, self._orders = project / "run.log", 0
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(Path(__file__).parents[1] / "driver.py"), str(self.log)],
            cwd=project,
            # The log of a run is looked into.
            env=os.environ
            | places
            | {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "WARNING", "PYTHONPATH": paths}
            | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(
        self,
        flow: str,
        as_of: datetime,
        known: list[str] | None = None,
        kinds: Collection[str] = (),
        times: int = 1,
        stops: bool = False,
        **given: Any,
    ) -> list[int]:
        """Start a run, or several of the same at once; their processes.

        With ``known`` a run ends after the first write that is not among them, of one of the kinds where any are named.
        """
        assert self._process.stdin
        self._orders += 1
        given |= {"model": "churn", "as_of": as_of.isoformat()}
        order = {
            "number": self._orders,
            "flow": flow,
            "known": known,
            "kinds": sorted(kinds),
            "times": times,
            "stops": stops,
            "given": given,
        }
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self._said()

    def kill_after(self, kind: str, flow: str, as_of: datetime, **given: Any) -> None:
        """Start a run that stops at its first write of a kind, and kill it there: it cannot have ended before."""
        step, deadline = self.log.with_name(f"{self.log.name}.step"), time.monotonic() + 300
        step.unlink(missing_ok=True)
        (process,) = self.start(flow, as_of, [], [kind], stops=True, **given)
        while not step.exists():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.01)
        os.kill(process, signal.SIGKILL)
        assert self.end() == [-signal.SIGKILL], self.log.read_text()

    def end(self) -> list[int]:
        """Wait for what was started; the exit codes."""
        return self._said()

    def run(self, flow: str, as_of: datetime, known: list[str] | None = None, **given: Any) -> int:
        self.start(flow, as_of, known, **given)
        return self.end()[0]

    def ends_after_each_write(
        self, flow: str, as_of: datetime, kinds: Collection[str] = (), **given: Any
    ) -> Iterator[str]:
        """Run again and again, each time until the next write at which none ended yet; the writes, one by one."""
        known: list[str] = []
        while (code := self.run(flow, as_of, known, kinds=kinds, **given)) == 9:
            known.append(self.log.with_name(f"{self.log.name}.step").read_text())
            yield known[-1]
        assert code == 0, f"after {known}: {self.log.read_text()}"

    def close(self) -> None:
        self._process.communicate(timeout=300)

    def _said(self) -> list[int]:
        """The answer to the last order; what a failed test did not wait for is passed over."""
        assert self._process.stdout
        for line in self._process.stdout:
            number, *said = map(int, line.split())
            if number == self._orders:
                return said
        raise AssertionError(f"the driver ended: {self._process.poll()}")


@pytest.fixture(scope="module")
def drive() -> Iterator[Callable[..., Driver]]:
    """Start a driver of a project's flows; it ends with the module."""
    with ExitStack() as drivers:

        def driven(project: Path, **environment: str) -> Driver:
            driver = Driver(project, **environment)
            drivers.callback(driver.close)
            return driver

        yield driven
