"""Locks of a workspace: what must not be done twice at once is done by one process, and the others wait."""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from evergreen.settings import settings

logger = logging.getLogger(__name__)

#: The lock of a training that answers a decision to retrain; held also while a person is waited for.
ANSWER = "retraining"
#: The lock of a training that waits for a person.
APPROVAL = "approval"
#: How long who looks at a lock may hold it, in seconds: more than enough.
_A_LOOK = 0.05


class Lock:
    """The right to do something for a model, which no other process of the workspace has meanwhile."""

    def __init__(self, kind: str, model: str, place: IO[str], note: str = "") -> None:
        """Wait for it; a process that dies lets go by itself."""
        self._kind, self._model, self._place, self._note = kind, model, place, note
        self._acquire()

    @contextmanager
    def released(self) -> Iterator[None]:
        """Let others have it inside the block, and wait for it again at its end."""
        fcntl.flock(self._place, fcntl.LOCK_UN)
        yield
        self._acquire()

    def _acquire(self) -> None:
        if not self._free():
            time.sleep(_A_LOOK)  # it may only be looked at: then what it says is of one that ended
            if not self._free():
                logger.warning(
                    "%s: %s does a %s already; waiting until it ends (Ctrl-C gives up)",
                    self._model,
                    _said(self._place),
                    self._kind,
                )
                fcntl.flock(self._place, fcntl.LOCK_EX)
        self._place.truncate(0)
        self._place.write(f"process {os.getpid()}{f', {self._note}' if self._note else ''}")
        self._place.flush()

    def _free(self) -> bool:
        """Take it where nobody has it."""
        try:
            fcntl.flock(self._place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@contextmanager
def alone(kind: str, model: str, note: str = "") -> Iterator[Lock]:
    """Wait until no other process of this workspace does the same for this model, and keep the others waiting.

    Args:
        kind: What is done.
        model: For which model.
        note: What others shall know of it, beside the process's number.
    """
    path = _place(kind, model)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as place:
        yield Lock(kind, model, place, note)


def taken(kind: str, model: str) -> bool:
    """Whether some process holds this lock now."""
    return bool(holder(kind, model))


def holder(kind: str, model: str) -> str:
    """The process that holds this lock now, with its note; empty where none does."""
    path = _place(kind, model)
    if not path.exists():
        return ""
    with path.open() as place:
        try:
            fcntl.flock(place, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _said(place)
    return ""


def _said(place: IO[str]) -> str:
    """What the holder of a lock left there."""
    place.seek(0)
    return place.read().strip() or "another process"


def _place(kind: str, model: str) -> Path:
    return settings().workspace / "locks" / f"{kind}-{model}"
