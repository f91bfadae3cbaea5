"""Progress on stderr: what happens now, how long it has been going on, and a bar where time is all that is known."""

from __future__ import annotations

import atexit
import json
import logging
import math
import sys
import time
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.progress import Progress

_STARTED = time.monotonic()


def say(text: str) -> None:
    """Print one line of progress with the seconds since the command began."""
    line = f"{time.monotonic() - _STARTED:6.1f}s  {text}"
    # Not by typer.echo, which would write past a bar that has put itself in the place of stderr.
    sys.stderr.write((typer.style(line, dim=True) if sys.stderr.isatty() else line) + "\n")
    sys.stderr.flush()


class _Lines(logging.Handler):
    """A line a record, and on a terminal a bar below them.

    A record with ``budget`` (seconds) and ``doing`` starts the bar, the next one with a ``budget`` of 0 ends it.
    """

    bar: Progress | None = None

    def emit(self, record: logging.LogRecord) -> None:
        say(record.getMessage())
        budget = getattr(record, "budget", None)
        if budget is not None:
            self.end()
        if budget and sys.stderr.isatty():
            self.bar = _bar(str(getattr(record, "doing", "")), budget)

    def end(self) -> None:
        """Take the bar away, and let the terminal be as it was."""
        if self.bar:
            self.bar.stop()
        self.bar = None


_LINES = _Lines()


def end() -> None:
    """Take the bar away, so that what is said next does not stand behind it."""
    _LINES.end()


def _bar(doing: str, seconds: float) -> Progress:
    """A bar on stderr that fills with time, under the lines that are printed meanwhile."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
    from rich.progress_bar import ProgressBar
    from rich.text import Text

    def spent(task: Task) -> float:
        return min(task.elapsed or 0.0, seconds)

    class Filling(BarColumn):
        def render(self, task: Task) -> ProgressBar:
            return ProgressBar(total=seconds, completed=spent(task), width=40)

    class Spent(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{spent(task):.0f} of {seconds:.0f} s")

    columns = (TextColumn("{task.description}"), Filling(), Spent())
    bar = Progress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=4)
    bar.add_task(doing)
    bar.start()
    return bar


def listen() -> None:
    """Show what our own loggers say from now on, once each."""
    for name in ("evergreen", "tasks", "flows"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        logger.addHandler(_LINES)  # once, however often it is added
    atexit.register(end)


def json_text(content: Any) -> str:
    """One JSON text that every reader takes: what is not a number is null, times and paths are texts."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {str(key): plain(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [plain(inner) for inner in value]
        return None if isinstance(value, float) and not math.isfinite(value) else value

    return json.dumps(plain(content), default=str)
