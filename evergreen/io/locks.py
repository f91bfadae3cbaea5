"""Locks of a workspace: what must not be done twice at once is done by one process, and the others wait.

The system drops a file lock with its process, whatever ends it; the file holds a note of who has the lock.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Protocol

logger = logging.getLogger(__name__)

#: The lock of a training that answers a decision to retrain; held also while a person is waited for.
ANSWER = "retraining"
#: The lock of a training that waits for a person.
APPROVAL = "approval"
#: For how long ``holder`` may have the lock of a file whose note it reads, in seconds: more than enough.
_READING_SECONDS = 0.05


class Lock(Protocol):
    """The right to do something for a model, which no other process of the workspace has meanwhile."""

    def released(self) -> AbstractContextManager[None]:
        """Let others have it inside the block, and wait for it again at its end."""


class Locks(Protocol):
    """The locks of a workspace, by what is done and for which model."""

    def alone(self, kind: str, model: str, note: str = "") -> AbstractContextManager[Lock]:
        """Wait until no other process does the same for this model, and keep the others waiting inside the block.

        Args:
            kind: What is done.
            model: For which model.
            note: What others shall know of it, beside the process's number.
        """

    def holder(self, kind: str, model: str) -> str:
        """The process that holds this lock now, with its note; empty where none does."""


class FileLocks:
    """Locks between the processes of one machine: a file each in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def alone(self, kind: str, model: str, note: str = "") -> Iterator[Lock]:
        """Wait until no other process of this machine does the same for this model, and keep the others waiting."""
        path = self._path(kind, model)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+") as file:
            lock = _FileLock(kind, model, file, note)
            lock.acquire()
            yield lock

    def holder(self, kind: str, model: str) -> str:
        """The process that holds this lock now, with its note; empty where none does."""
        path = self._path(kind, model)
        if not path.exists():
            return ""
        with path.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _note_in(file)
        return ""

    def _path(self, kind: str, model: str) -> Path:
        return self._folder / f"{kind}-{model}"


class _FileLock:
    """The lock of an open file; closing it, or the end of its process, releases it."""

    def __init__(self, kind: str, model: str, file: IO[str], note: str) -> None:
        self._kind, self._model, self._file, self._note = kind, model, file, note

    @contextmanager
    def released(self) -> Iterator[None]:
        """Let others have it inside the block, and wait for it again at its end."""
        fcntl.flock(self._file, fcntl.LOCK_UN)
        yield
        self.acquire()

    def acquire(self) -> None:
        """Wait for the lock, and leave a note of who has it."""
        if not self._take():
            time.sleep(_READING_SECONDS)  # somebody may only read the note, which is of a process that has ended
            if not self._take():
                logger.warning(
                    "%s: %s does a %s already; waiting until it ends (Ctrl-C gives up)",
                    self._model,
                    _note_in(self._file),
                    self._kind,
                )
                fcntl.flock(self._file, fcntl.LOCK_EX)
        self._file.truncate(0)
        self._file.write(f"process {os.getpid()}{f', {self._note}' if self._note else ''}")
        self._file.flush()

    def _take(self) -> bool:
        """Take the lock where nobody has it; whether that was so."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _note_in(file: IO[str]) -> str:
    """What the holder of a lock left there."""
    file.seek(0)
    return file.read().strip() or "another process"
