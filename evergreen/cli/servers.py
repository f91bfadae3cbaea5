"""``ui``: both UIs on the workspace's stores, on this machine only, until Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer

from evergreen.cli import access
from evergreen.cli.blank import lay_down
from evergreen.cli.console import say
from evergreen.cli.environment import prepare
from evergreen.cli.processes import running
from evergreen.errors import UsageError
from evergreen.settings import open_workspace
from evergreen.web.keys import new_key
from evergreen.web.policy import environment
from evergreen.workspace import Workspace

#: The program of Prefect's server.
LIFELINE = Path(__file__).with_name("lifeline.py")


def ui(
    prefect_port: Annotated[int, typer.Option(help="Port of the Prefect UI; another one where it is taken.")] = 4200,
    mlflow_port: Annotated[int, typer.Option(help="Port of the MLflow UI; another one where it is taken.")] = 5000,
) -> None:
    """Serve the Prefect UI and the MLflow UI of this workspace on 127.0.0.1 until Ctrl-C.

    It prints links that sign a browser in, once each, within ten minutes; beside an `evergreen up` new ones for that.
    """
    here = open_workspace()
    if up := running(here.folder):
        links = access.links(access.kept(here.folder), up.prefect, up.mlflow)
        typer.echo(f"{links}\n`evergreen up` serves both already; each link signs in once, within ten minutes")
        return
    prepare(here)
    interruptible()
    lay_down(Path(os.environ["PREFECT_HOME"]))
    say("starting both UIs")
    key, ports = new_key(), (free_port(prefect_port), free_port(mlflow_port))
    prefect, mlflow = (f"http://127.0.0.1:{port}" for port in ports)
    with (
        serving(mlflow_command(here, ports[1]), here, "mlflow", f"{mlflow}/health", key),
        serving(prefect_command(ports[0]), here, "prefect", f"{prefect}/api/health", key),
    ):
        typer.echo(
            f"{access.links(key, prefect, mlflow)}\neach link signs in once, within ten minutes; Ctrl-C stops both"
        )
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()
    typer.echo("stopped")


def interruptible() -> None:
    """Let SIGTERM, and a terminal that closes, stop like Ctrl-C; Ctrl-C also where a shell had SIGINT ignored."""
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, _interrupt)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup wants it ignored
        signal.signal(signal.SIGHUP, _interrupt)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def prefect_command(port: int) -> list[str]:
    """The command line of Prefect's server."""
    # -P: the program's folder stays off sys.path, where its neighbours would shadow installed packages.
    return [sys.executable, "-P", str(LIFELINE), "--port", str(port)]


def mlflow_command(here: Workspace, port: int) -> list[str]:
    """The command line of MLflow's server on the workspace's database and artifacts."""
    return [
        *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{here.folder / 'mlflow.db'}"),
        *("--artifacts-destination", (here.folder / "artifacts").as_uri(), "--serve-artifacts"),
        # The door before it knows hosts, origins and who asks: one set of rules.
        *("--host", "127.0.0.1", "--port", str(port), "--app-name", "evergreen", "--disable-security-middleware"),
    ]


def free_port(wanted: int) -> int:
    """The wanted port where it is free on 127.0.0.1, else one that the system chooses."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            # Connections to a server that has just ended do not count; both servers start beside them too.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise UsageError("no free port on 127.0.0.1")


@contextlib.contextmanager
def serving(
    command: list[str], here: Workspace, name: str, health: str, key: str, seconds: float = 300
) -> Iterator[None]:
    """Run a server in a session of its own until the block ends; its log lies in the workspace.

    Args:
        command: Its command line.
        here: The workspace.
        name: The log's.
        health: What is asked until it answers.
        key: What it opens its door for.
        seconds: How long it may take.

    Raises:
        UsageError: it does not answer in time; the message names its log.
    """
    log = here.folder / "logs" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=output,
            env=server_environment(here, key),
            start_new_session=True,
            cwd=here.folder,
        )
    try:
        deadline = time.monotonic() + seconds
        while not access.answers(health, key):
            if time.monotonic() > deadline or process.poll() is not None:
                raise UsageError(f"{health} does not answer; its log is {log}")
            time.sleep(0.2)
        yield
    finally:
        _stop(process)


def server_environment(here: Workspace, key: str) -> Mapping[str, str]:
    """The environment of both servers.

    Args:
        here: The names by which people reach them.
        key: What they open their doors for.
    """
    return {
        **os.environ,
        **environment(key, here.hosts),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # On disk: a long run that goes on while the server dies and comes back keeps its place, and is not ended.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        # The page asks its own origin, whichever that is.
        "PREFECT_UI_API_URL": "/api",
    }


def _stop(process: subprocess.Popen[bytes]) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
            return
