"""A process beside a command: it imports Great Expectations while the command imports the rest, and judges one table.

It reads an order from stdin and answers on a pipe (``evergreen.io.suites.judging``), and it lives as long as its stdin
is open: a command that is killed cannot end it, but the pipe closes by itself. What it cannot do, because it does not
start, dies or fails, the command does in its own process.

This module is imported before anything that is heavy.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import IO, Any

_PROGRAM = "import sys; from evergreen.io.suites.judging import serve; serve(int(sys.argv[1]))"
_SIZE = 8
#: Bytes of a table from which memory matters more than the seconds that the validation process saves.
_LARGE = 256 * 2**20


class ValidationProcess:
    """The process, and the two pipes to it; what is printed there goes nowhere, so an answer is all that comes back."""

    def __init__(self) -> None:
        answers, end = os.pipe()
        self._answers = os.fdopen(answers, "rb")
        try:
            # -P: the command's folder stays off sys.path. A session of its own: Ctrl-C is for the command.
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-c", _PROGRAM, str(end)], pass_fds=[end], start_new_session=True,
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        except OSError:
            self._answers.close()
            raise
        finally:
            os.close(end)

    def ask(self, order: object, meanwhile: Callable[[], None]) -> Any:
        """The answer to an order; None where it gives none. What this process has to do anyway it does meanwhile."""
        assert self.process.stdin is not None
        try:
            send(self.process.stdin, order)
            meanwhile()
            return pickle.loads(_receive(self._answers))
        except (OSError, EOFError):
            return None

    def end(self) -> None:
        """End it, whatever it does: it holds nothing that could be lost."""
        self.process.kill()
        self.process.wait()
        self._answers.close()
        if self.process.stdin:
            with suppress(OSError):  # what was not read to the end
                self.process.stdin.close()


_waiting: ValidationProcess | None = None


@contextmanager
def beside() -> Iterator[None]:
    """Have a validation process beside this one until the block ends; the first caller of ``take`` gets it.

    None is started where it would gain nothing: Great Expectations is imported already, or there is one core.
    """
    global _waiting
    found = None
    if "great_expectations" not in sys.modules and _cores() > 1:
        with suppress(OSError):
            found = ValidationProcess()
    _waiting = found
    try:
        yield
    finally:
        _waiting = None
        if found:
            found.end()


def is_waiting() -> bool:
    """Whether a validation process waits for its request."""
    return _waiting is not None


def take() -> ValidationProcess | None:
    """The waiting validation process, if there is one; it takes one request, so nobody else gets it."""
    global _waiting
    taken, _waiting = _waiting, None
    return taken


def make_room(size: int) -> None:
    """End the waiting validation process where this process holds a large table, of ``size`` bytes.

    It would read that table a second time, and what it has imported is memory too.
    """
    if size > _LARGE and (idle := take()):
        idle.end()


def orders() -> SimpleQueue[bytes]:
    """In the validation process: where its request comes in. It ends when the command does, whatever it is doing."""
    found: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_listen, args=[found], daemon=True).start()
    return found


def send(pipe: IO[bytes], what: object) -> None:
    """Write an object so that the other side can tell whether it came whole."""
    packed = pickle.dumps(what)
    pipe.write(len(packed).to_bytes(_SIZE, "big") + packed)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> bytes:
    head = pipe.read(_SIZE)
    packed = pipe.read(int.from_bytes(head, "big")) if len(head) == _SIZE else b""
    if len(head) < _SIZE or len(packed) < int.from_bytes(head, "big"):
        raise EOFError
    return packed


def _listen(found: SimpleQueue[bytes]) -> None:
    with suppress(EOFError):
        found.put(_receive(sys.stdin.buffer))
        sys.stdin.buffer.read()
    os._exit(0)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
