"""Progress on stderr: what happens now, and how long it has been going on."""

from __future__ import annotations

import json
import logging
import math
import time
from typing import Any

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


def json_text(content: Any) -> str:
    """One JSON text that every reader takes: what is not a number is null, times and paths are texts."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {str(key): plain(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [plain(inner) for inner in value]
        return None if isinstance(value, float) and not math.isfinite(value) else value

    return json.dumps(plain(content), default=str)
