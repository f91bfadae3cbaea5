"""The command of a flow run under ``up``: have the warm process fork it, or start the program as usual.

``python -I -S fork_client.py FOLDER PROGRAM``: the fork server listens in the folder, the program is a module. It needs
the standard library alone and is there in a twentieth of a second, while importing what a flow needs takes ten. It
stands for the run: signals go on to it, it ends as the run ends, and the run ends with it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

#: The name of the warm process's socket.
SOCKET = "warm.sock"
#: A length, a process number or an exit code on the wire.
NUMBER = struct.Struct("!i")


def main(folder: Path, program: str) -> None:
    """Have a run forked by the process that listens in ``folder``; without one, become the program."""
    try:
        link = connect(folder)
    except OSError:
        os.execv(sys.executable, [sys.executable, "-m", program])
    order = json.dumps({"environment": dict(os.environ), "folder": str(Path.cwd())}).encode()
    socket.send_fds(link, [NUMBER.pack(len(order))], [0, 1, 2])
    link.sendall(order)
    run = number(link)
    if run is not None:
        for sign in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sign, lambda which, _: _pass_on(run, which))
    code = number(link) if run is not None else None
    if code is None:  # the warm process is gone, and the run with it
        code = -signal.SIGKILL
    if code < 0:  # the worker shall see how the run ended
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)


def connect(folder: Path) -> socket.socket:
    """Connect to the socket in ``folder``.

    Raises:
        OSError: nobody listens there.
    """
    link = socket.socket(socket.AF_UNIX)
    try:
        with inside(folder):
            link.connect(SOCKET)
    except OSError:
        link.close()
        raise
    return link


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Be in a folder for a moment: the path of a socket may have a hundred characters, and a workspace more."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def number(link: socket.socket) -> int | None:
    """The next number from the other side, or None where it is gone."""
    found = b""
    while len(found) < NUMBER.size:
        try:
            part = link.recv(NUMBER.size - len(found))
        except ConnectionError:
            return None
        if not part:
            return None
        found += part
    return int(NUMBER.unpack(found)[0])


def _pass_on(run: int, sign: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(run, sign)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
