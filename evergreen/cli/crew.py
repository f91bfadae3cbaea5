"""The parts that ``up`` keeps alive: both servers, a worker, and the warm process that forks the worker's runs."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import typer

from evergreen.cli import access
from evergreen.cli.processes import MARK, Up, end, record
from evergreen.cli.servers import mlflow_command, prefect_command, server_environment
from evergreen.errors import UsageError
from evergreen.web.keys import Keys, new_key
from evergreen.workspace import Workspace

_STARTING_SECONDS = 300
_POOL, _ENGINE = "evergreen", "prefect.engine"
#: On macOS system libraries do not outlive a fork: there each run does its own imports.
_FORKS = sys.platform != "darwin"


@dataclass
class Part:
    """One process that is kept alive: how it is started, and how one sees that it works."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    log: Path
    works: Callable[[Part], bool]
    line: str
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    healthy: bool = False
    failures: int = 0

    @property
    def died(self) -> bool:
        """Whether it was started and has ended."""
        return self.process is not None and self.process.poll() is not None

    def start(self) -> None:
        """Start it in a session of its own; what is left of an earlier start is ended first."""
        if self.process is not None:
            end(self.environment[MARK])
        self.started, self.healthy = time.time(), False
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env=dict(self.environment), start_new_session=True, cwd=self.log.parent,
            )  # fmt: skip

    def look(self) -> None:
        """Say it once when the part begins to work."""
        if not self.healthy and not self.died and self.works(self):
            self.healthy = True
            typer.echo(f"{self.name:8} {self.line}")

    def obituary(self) -> str:
        """How it ended."""
        code = self.process.returncode if self.process else 0
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        return f"{self.name:8} {how}; it is started again (log: {self.log})"


class Crew:
    """The parts of one ``up``: Prefect's server, MLflow's server, the worker, the warm process that forks its runs."""

    def __init__(self, here: Workspace, prefect_port: int, mlflow_port: int, runs: int) -> None:
        """Describe the parts; nothing is started yet."""
        self._here, self._key, token = here, new_key(), uuid.uuid4().hex
        self._log("up").parent.mkdir(parents=True, exist_ok=True)
        prefect, mlflow = f"http://127.0.0.1:{prefect_port}", f"http://127.0.0.1:{mlflow_port}"
        self._up = Up(os.getpid(), token, prefect, mlflow)

        def marked(name: str, **more: str) -> dict[str, str]:
            return {**os.environ, MARK: f"{token}/{name}", **more}

        client = {
            **access.environment(self._key),
            "PREFECT_API_URL": f"{prefect}/api",
            "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
            # Reports link to where people open the UIs: here, unless a proxy stands before them.
            "EVERGREEN_PREFECT_URL": os.environ.get("EVERGREEN_PREFECT_URL", prefect),
            "EVERGREEN_MLFLOW_URL": os.environ.get("EVERGREEN_MLFLOW_URL", mlflow),
        }
        serving = server_environment(here, self._key)
        own = {name: value for name, value in marked("prefect", **serving).items() if name != "PREFECT_API_URL"}
        self.prefect = Part(
            "Prefect", prefect_command(prefect_port), own, self._log("prefect"),
            lambda _: access.answers(f"{prefect}/api/health", self._key), f"answers at {prefect}",
        )  # fmt: skip
        self.mlflow = Part(
            "MLflow", mlflow_command(here, mlflow_port), marked("mlflow", **serving), self._log("mlflow"),
            lambda _: access.answers(f"{mlflow}/health", self._key), f"answers at {mlflow}",
        )  # fmt: skip
        self._clerk = marked("deploy", **client)
        client["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "INFO"  # into the logs of the parts
        warming = [sys.executable, "-m", "evergreen.runtime.fork_server", str(here.folder), _ENGINE, *_imports()]
        self.warm = Part(
            "runs", warming, marked("runs", **client), self._log("runs"),
            lambda _: _listens(here.folder), "start at once: their imports are done",
        )  # fmt: skip
        self.worker = Part(
            "worker",
            [sys.executable, "-m", "evergreen.orchestration.worker",
             *f"worker start -p {_POOL} -t process -n {_POOL} --limit {runs}".split()],
            marked("worker", **client, PREFECT_WORKER_QUERY_SECONDS="1", EVERGREEN_RUN=_run_command(here)),
            self._log("worker"), lambda part: self._polls(part.started), f"takes runs from the pool {_POOL}",
        )  # fmt: skip
        self.parts = (self.prefect, self.mlflow, *((self.warm,) if _FORKS else ()), self.worker)

    def start(self) -> None:
        """Start everything, wait until it works, and say how a browser signs in.

        Raises:
            UsageError: a part does not start in time, or a model cannot be registered.
        """
        access.keep(self._here.folder, self._key)
        for part in self.parts[:-1]:
            self._launch(part)
        self._wait(self.prefect)
        if not self._register():
            raise UsageError(f"the models cannot be registered; the log is {self._log('deploy')}")
        self._launch(self.worker)
        for part in self.parts[1:]:
            self._wait(part)
        typer.echo(access.links(self._key, self._up.prefect, self._up.mlflow))
        typer.echo("each link signs in once, within ten minutes; `evergreen ui` prints new ones")

    def watch(self) -> None:
        """Start again what has died, and say what works again."""
        for part in self.parts:
            if part.died and time.time() - part.started > min(60, 2**part.failures):
                # The worker comes back to a server that works and to runs that are in order.
                if part is self.worker and not self.prefect.healthy:
                    continue
                typer.echo(part.obituary())
                part.failures = 0 if time.time() - part.started > 120 else part.failures + 1
                if part is self.worker:
                    end(part.environment[MARK])
                    self._register()
                self._launch(part)
            elif part.died:
                part.healthy = False
            part.look()

    def stop(self) -> None:
        """End every part, the servers last, and whatever they started; no run stays as if it went on."""
        for part in reversed(self.parts):
            if part is self.prefect and part.healthy and not part.died:
                self._end_runs()
            if part.process:
                end(part.environment[MARK])
                with contextlib.suppress(subprocess.TimeoutExpired):
                    part.process.wait(timeout=10)
        end(f"{self._up.token}/")
        access.forget(self._here.folder)

    def _end_runs(self) -> None:
        """Tell the server which runs have ended with the worker."""
        states = {"flow_runs": {"state": {"type": {"any_": ["RUNNING", "PENDING", "PAUSED"]}}}}
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            if self._ask("flow_runs/count", states):
                command = [
                    sys.executable,
                    "-c",
                    "from evergreen.orchestration.recovery import recover; recover(alone=True)",
                ]
                subprocess.run(command, capture_output=True, env=self._clerk, check=False, timeout=120)

    def _polls(self, since: float) -> bool:
        """Whether the worker has given a sign of life since then."""
        with contextlib.suppress(OSError):
            times = [worker["last_heartbeat_time"] for worker in self._ask(f"work_pools/{_POOL}/workers/filter", {})]
            return any(datetime.fromisoformat(text).timestamp() > since for text in times if text)
        return False

    def _ask(self, path: str, question: dict[str, Any]) -> Any:
        return access.ask(f"{self._up.prefect}/api/{path}", question, Keys(self._key).authorization(), seconds=5)

    def _launch(self, part: Part) -> None:
        part.start()
        assert part.process is not None
        self._up = replace(self._up, parts={**self._up.parts, part.name: part.process.pid})
        record(self._here.folder, self._up)

    def _wait(self, part: Part) -> None:
        deadline = time.monotonic() + _STARTING_SECONDS
        while not part.healthy:
            if part.died or time.monotonic() > deadline:
                raise UsageError(f"{part.name} does not start; its log is {part.log}")
            part.look()
            time.sleep(0.2)

    def _register(self) -> bool:
        """Register every model, in a process of its own: this one stays small."""
        command = [sys.executable, "-c", "from evergreen.cli import main; main()", "deploy", "--alone"]
        done = subprocess.run(command, capture_output=True, text=True, env=self._clerk, check=False)
        self._log("deploy").write_text(done.stdout + done.stderr, encoding="utf-8")
        typer.echo(f"models   {(done.stderr if done.returncode else done.stdout).strip().splitlines()[-1]}")
        return not done.returncode

    def _log(self, name: str) -> Path:
        return self._here.folder / "logs" / f"{name}.log"


def _imports() -> list[str]:
    """What flows need: their modules, and the giants behind their doors; nothing of it is imported here."""
    import flows

    own = sorted(f"flows.{path.stem}" for path in Path(flows.__path__[0]).glob("[a-z]*.py"))
    return ["prefect.flow_engine", *own, "evergreen.io.registry:warm_up", "evergreen.io.suites:warm_up"]


def _run_command(here: Workspace) -> str:
    """What the worker starts for each run; isolated and without packages, as it has to be quick."""
    from evergreen import runtime

    client = Path(runtime.__path__[0]) / "fork_client.py"
    return shlex.join([sys.executable, "-I", "-S", str(client), str(here.folder), _ENGINE])


def _listens(folder: Path) -> bool:
    """Whether the warm process takes orders."""
    from evergreen.runtime.fork_client import connect

    with contextlib.suppress(OSError):
        connect(folder).close()
        return True
    return False
