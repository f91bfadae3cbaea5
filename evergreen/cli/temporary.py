"""A Prefect server of one command's own: it starts while the command imports, and it ends when the command does.

Prefect would start such a server by itself, but only at the first flow, when all imports are over, and it would import
the whole server into this process as well.
"""

from __future__ import annotations

import atexit
import contextlib
import http
import http.client
import os
import select
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from evergreen.cli import access
from evergreen.cli.blank import lay_down
from evergreen.cli.console import say
from evergreen.cli.environment import prepare
from evergreen.cli.servers import LIFELINE
from evergreen.errors import UsageError
from evergreen.web.keys import Keys, new_key
from evergreen.web.policy import environment
from evergreen.workspace import Workspace

_PROGRAM = LIFELINE
#: How Prefect starts a temporary server: the services that record runs, no UI, and no list of blocks for one.
_EPHEMERAL = {
    "PREFECT_UI_ENABLED": "0",
    "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT__SERVER_FINAL": "1",
}


#: Nobody listens to a flow run's heartbeat on a server that dies with it, and its end waits a second for it.
NO_HEARTBEAT = ("PREFECT_FLOWS", '{"heartbeat_frequency": null}')


@contextlib.contextmanager
def prefect(here: Workspace, seconds: float = 300) -> Iterator[None]:
    """Start what runs flows; the block imports them, and at its end Prefect answers.

    Where a server is named already (``PREFECT_API_URL``, a profile or a ``prefect.toml``), nothing is started. While
    the temporary server comes up, this process imports MLflow and Great Expectations, which nearly every flow needs.

    Args:
        here: The project and the workspace.
        seconds: How long the server may take.

    Raises:
        UsageError: the temporary server does not answer; the message names its log.
    """
    server = begin(here)
    yield
    if server is None:
        return
    for step in (_mlflow, _great_expectations):
        if not server.answers(0) and server.process.poll() is None:
            step(here)
    if not server.answers(seconds):
        raise UsageError(f"the temporary Prefect server does not answer; its log is {server.log}")


def begin(here: Workspace) -> Server | None:
    """Point the giants at the workspace and start the temporary server.

    None where a person has named a server, or an ``evergreen up`` runs one on the same database.
    """
    prepare(here)
    access.join(here)
    return None if _is_elsewhere(here) else start(here)


@dataclass
class Server:
    """A running temporary server: its process, a question that waits for its answer, and its log."""

    process: subprocess.Popen[bytes]
    question: http.client.HTTPConnection
    log: Path
    ready: bool = False

    def answers(self, seconds: float) -> bool:
        """Whether the server has answered, or does within ``seconds``."""
        waiting = None if self.ready else self.question.sock
        if waiting and select.select([waiting], [], [], seconds)[0]:
            with contextlib.suppress(OSError, http.client.HTTPException):  # it died while it was asked
                self.ready = self.question.getresponse().status == http.HTTPStatus.OK
        return self.ready

    def stop(self) -> None:
        """End the server as Ctrl-C would, and wait until it has written what it holds."""
        self.question.close()
        if self.process.stdin:
            self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@cache
def start(here: Workspace) -> Server:
    """Start the temporary server of this process, once, and name it in ``PREFECT_API_URL``; it stops at exit.

    The listening socket is made here and handed over: no other process can take the port, and a question asked too
    early waits instead of being refused.
    """
    if not lay_down(Path(os.environ["PREFECT_HOME"])):
        say("the workspace is new: Prefect makes its database first")
    log = here.folder / "logs" / "prefect-temporary.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    key = new_key()  # of this command alone: what it starts inherits it, and it is written down nowhere
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening, log.open("ab") as output:
        port, number = listening.getsockname()[1], listening.fileno()
        process = subprocess.Popen(
            # -P: the program's folder stays off sys.path, where its neighbours would shadow installed packages.
            [sys.executable, "-P", str(_PROGRAM), "--socket", str(number)],
            stdin=subprocess.PIPE, stdout=output, stderr=output, pass_fds=[number], start_new_session=True,
            env=os.environ | _EPHEMERAL | environment(key, ()),
        )  # fmt: skip
        question = http.client.HTTPConnection("127.0.0.1", port)
        question.request("GET", "/api/health", headers={"Authorization": Keys(key).authorization()})
    server = Server(process, question, log)
    # Before Prefect is imported: its own last words at exit are said before the server goes.
    atexit.register(server.stop)
    os.environ.update({"PREFECT_API_URL": f"http://127.0.0.1:{port}/api", **access.environment(key)})
    os.environ.setdefault(*NO_HEARTBEAT)
    return server


def _is_elsewhere(here: Workspace) -> bool:
    """Whether a person has named a server; one that this command started counts as none."""
    if start.cache_info().currsize:
        return False
    profiles, project = _told(Path(os.environ["PREFECT_HOME"]) / "profiles.toml"), _told(here.project / "prefect.toml")
    active = os.environ.get("PREFECT_PROFILE") or profiles.get("active", "")
    profile = profiles.get("profiles", {}).get(active, {})
    return bool(
        os.environ.get("PREFECT_API_URL") or profile.get("PREFECT_API_URL") or project.get("api", {}).get("url")
    )


def _told(path: Path) -> dict[str, Any]:
    """What a file of settings says; Prefect says what is wrong with one that cannot be read."""
    with contextlib.suppress(OSError, ValueError):
        return tomllib.loads(path.read_text(encoding="utf-8"))
    return {}


def _mlflow(here: Workspace) -> None:
    from evergreen.io import registry

    registry.warm_up()
    _ = here.registry  # opens the database, or makes it


def _great_expectations(_: Workspace) -> None:
    from evergreen.io import suites
    from evergreen.runtime import validation_process

    if not validation_process.is_waiting():
        suites.warm_up()
