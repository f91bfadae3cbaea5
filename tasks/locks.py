"""Locks of a workspace: what must not be done twice at once is done by one process, and the others wait."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from evergreen.settings import settings

logger = logging.getLogger(__name__)

#: The lock of a training that answers a decision to retrain; held also while a person is waited for.
ANSWER = "retraining"


class Lock:
    """The right to do something for a model, which no other process of the workspace has meanwhile."""

    def __init__(self, kind: str, model: str, place: IO[str]) -> None:
        """Wait for it; a process that dies lets go by itself."""
        self._kind, self._model, self._place = kind, model, place
        self._acquire()

    @contextmanager
    def released(self) -> Iterator[None]:
        """Let others have it inside the block, and wait for it again at its end."""
        fcntl.flock(self._place, fcntl.LOCK_UN)
        yield
        self._acquire()

    def _acquire(self) -> None:
        try:
            fcntl.flock(self._place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._place.seek(0)
            who = self._place.read().strip() or "another process"
            logger.warning(
                "%s: %s does a %s already; waiting until it ends (Ctrl-C gives up)", self._model, who, self._kind
            )
            fcntl.flock(self._place, fcntl.LOCK_EX)
        self._place.truncate(0)
        self._place.write(f"process {os.getpid()}")
        self._place.flush()


@contextmanager
def alone(kind: str, model: str) -> Iterator[Lock]:
    """Wait until no other process of this workspace does the same for this model, and keep the others waiting."""
    path = _place(kind, model)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as place:
        yield Lock(kind, model, place)


def taken(kind: str, model: str) -> bool:
    """Whether some process holds this lock now."""
    path = _place(kind, model)
    if not path.exists():
        return False
    with path.open() as place:
        try:
            fcntl.flock(place, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _place(kind: str, model: str) -> Path:
    return settings().workspace / "locks" / f"{kind}-{model}"
