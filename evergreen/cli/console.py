"""Progress on stderr: what happens now, and how long it has been going on."""

from __future__ import annotations

import logging
import time

import typer

_STARTED = time.monotonic()


def say(text: str) -> None:
    """Print one line of progress with the seconds since the command began."""
    typer.secho(f"{time.monotonic() - _STARTED:6.1f}s  {text}", err=True, dim=True)


class _Progress(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        say(record.getMessage())


def listen() -> None:
    """Show what our own loggers say from now on, once each."""
    for name in ("evergreen", "tasks", "flows"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        if not any(isinstance(handler, _Progress) for handler in logger.handlers):
            logger.addHandler(_Progress())
