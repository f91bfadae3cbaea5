"""The warm process of ``up``: it has imported all that flows need, and forks each run in a moment.

``python -m evergreen.runtime.fork_server FOLDER PROGRAM MODULE…`` imports the modules, or calls a function of one
(``MODULE:NAME``), and listens on a socket in the folder, which only its owner may open. Each run is the program, a
module, with the environment, the folder and the outputs of the command that asks for it
(``evergreen.runtime.fork_client``), and has a process beside it that ends it when that command ends.
"""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import os
import runpy
import select
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from evergreen.runtime.fork_client import NUMBER, SOCKET, inside

logger = logging.getLogger(__name__)

#: How often a run's guard looks after it, in seconds.
_BLINK = 0.05


@dataclass(frozen=True)
class ForkRequest:
    """A run that is asked for: its environment, its folder, and its standard streams."""

    environment: dict[str, str]
    folder: str
    streams: Sequence[int]


def main(folder: Path, program: str, modules: Sequence[str]) -> None:
    """Import, listen, and fork; what is forked goes on below and ends as any process does."""
    (folder / SOCKET).unlink(missing_ok=True)
    before = set(os.environ)
    for name in modules:
        module, _, function = name.partition(":")
        found = import_module(module)
        if function:
            getattr(found, function)()
    if threading.active_count() > 1:
        logger.warning("imports have started threads, which a fork does not take along: %s", threading.enumerate())
    gc.collect()
    gc.freeze()  # or the first collection of a run would copy what all of them share
    with socket.socket(socket.AF_UNIX) as listening:
        mask = os.umask(0o077)
        with inside(folder):
            listening.bind(SOCKET)
        os.umask(mask)
        listening.listen(64)
        order = _take_orders(listening)
    _become(program, order, {name: value for name, value in os.environ.items() if name not in before})


def _take_orders(listening: socket.socket) -> ForkRequest:
    """Fork for everyone who asks; returns in the process of a run alone."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # guards are not waited for
    while True:
        link, _ = listening.accept()
        with link:
            if os.fork():
                continue
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listening.close()
            try:
                order = _read(link)
            except (OSError, ValueError, EOFError):
                os._exit(1)
            run = os.fork()
            if not run:
                return order
            os._exit(_accompany(link, run))


def _read(link: socket.socket) -> ForkRequest:
    head, streams, _, _ = socket.recv_fds(link, NUMBER.size, 3)
    if not head:  # only a look at whether anyone listens
        raise EOFError
    size, text = NUMBER.unpack(head)[0], b""
    while len(text) < size:
        part = link.recv(size - len(text))
        if not part:
            raise EOFError
        text += part
    asked = json.loads(text)
    return ForkRequest(asked["environment"], asked["folder"], streams)


def _accompany(link: socket.socket, run: int) -> int:
    """Tell the command the run's process number and its end; end the run where the command ends first."""
    with contextlib.suppress(OSError):  # the command has ended
        link.sendall(NUMBER.pack(run))
        while not (select.select([link], [], [], _BLINK)[0] and not link.recv(1)):
            done, status = os.waitpid(run, os.WNOHANG)
            if done:
                run = 0  # the number may be another process's from now on
                link.sendall(NUMBER.pack(os.waitstatus_to_exitcode(status)))
                return 0
    if run:
        os.kill(run, signal.SIGKILL)
        os.waitpid(run, 0)  # not every machine has someone who clears away what has lost its parent
    return 1


def _become(program: str, order: ForkRequest, added: dict[str, str]) -> None:
    """Become the run, as if the program had been started with its environment.

    Args:
        program: The program's module.
        order: The run.
        added: What the imports have put into the environment, as they would have in a process of the run's own.
    """
    for number, stream in enumerate(order.streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update({**added, **order.environment})
    os.chdir(order.folder)
    if "prefect.context" in sys.modules:  # it has read its settings from the environment
        sys.modules["prefect.context"].refresh_global_settings_context()
    sys.argv = [program]
    sys.modules.pop(program, None)  # as a program it is another one than the module that was imported
    runpy.run_module(program, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
