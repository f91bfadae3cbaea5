"""``ui``: both UIs on the workspace's stores, on this machine only, until Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer

from evergreen.cli.blank import lay_down
from evergreen.cli.console import say
from evergreen.cli.environment import prepare
from evergreen.cli.processes import running
from evergreen.errors import UsageError
from evergreen.settings import Settings, settings


def ui(
    prefect_port: Annotated[int, typer.Option(help="Port of the Prefect UI; another one where it is taken.")] = 4200,
    mlflow_port: Annotated[int, typer.Option(help="Port of the MLflow UI; another one where it is taken.")] = 5000,
) -> None:
    """Serve the Prefect UI and the MLflow UI of this workspace on 127.0.0.1 until Ctrl-C."""
    here = settings()
    if up := running(here.workspace):
        typer.echo(f"Prefect  {up.prefect}\nMLflow   {up.mlflow}\n`evergreen up` serves both already")
        return
    prepare(here)
    interruptible()
    lay_down(Path(os.environ["PREFECT_HOME"]))
    say("starting both UIs")
    with (
        serving(mlflow_command(here, port := free_port(mlflow_port)), here, "mlflow", f"http://127.0.0.1:{port}"),
        serving(prefect_command(port_ := free_port(prefect_port)), here, "prefect", f"http://127.0.0.1:{port_}"),
    ):
        typer.echo(f"Prefect  http://127.0.0.1:{port_}\nMLflow   http://127.0.0.1:{port}\nCtrl-C stops both")
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
    return [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]


def mlflow_command(here: Settings, port: int) -> list[str]:
    """The command line of MLflow's server on the workspace's database and artifacts."""
    return [
        *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{here.workspace / 'mlflow.db'}"),
        *("--artifacts-destination", (here.workspace / "artifacts").as_uri(), "--serve-artifacts"),
        *("--host", "127.0.0.1", "--port", str(port), "--allowed-hosts", "127.0.0.1:*,localhost:*"),
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
def serving(command: list[str], here: Settings, name: str, url: str, seconds: float = 300) -> Iterator[None]:
    """Run a server in a session of its own until the block ends; its log lies in the workspace.

    Raises:
        UsageError: it does not answer in time; the message names its log.
    """
    log = here.workspace / "logs" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=output,
            env=server_environment(url),
            start_new_session=True,
            cwd=here.workspace,
        )
    try:
        _wait(process, url, log, time.monotonic() + seconds)
        yield
    finally:
        _stop(process)


def server_environment(url: str) -> Mapping[str, str]:
    """The environment of both servers.

    Args:
        url: Where Prefect's UI will be opened.
    """
    return os.environ | {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # On disk: a long run that goes on while the server dies and comes back keeps its place, and is not ended.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        # The page asks its own origin, whichever port that is.
        "PREFECT_UI_API_URL": f"{url}/api",
    }


def _wait(process: subprocess.Popen[bytes], url: str, log: Path, deadline: float) -> None:
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):
            return
        time.sleep(0.2)
    raise UsageError(f"{url} does not answer; its log is {log}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
            return
