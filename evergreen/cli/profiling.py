"""``profile``: a page that says what a table holds and what is odd about it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evergreen.cli.console import say
from evergreen.cli.discovery import source_of
from evergreen.masking import masked
from evergreen.settings import open_workspace

if TYPE_CHECKING:
    import pandas as pd

    from evergreen.discovery import Leak
    from evergreen.spec import Task


def profile(
    what: Annotated[str, typer.Argument(help="A model of this project, or a file, folder or glob.")],
    target: Annotated[str | None, typer.Option(help="The column to predict; a model's own by default.")] = None,
    time: Annotated[str | None, typer.Option(help="The time along which change is shown; by default found.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The page; by default in the workspace.")] = None,
) -> None:
    """Write a page that says what a table holds and what is odd about it, and print its short form."""
    from evergreen.discovery import model_name, page, summary
    from evergreen.discovery import profile as count
    from evergreen.io.sampling import read_all

    here = open_workspace(new=True)
    say(f"{masked(what)}: reading")
    known = here.deployments / f"{what}.yaml"
    if known.is_file():
        data = here.spec(what).data
        title, target = what, target or data.target.column
        frame = read_all(data.source, here.project, data.read, data.time, data.timezone)
        time = time or data.time
    else:
        source = source_of(what, here.project)
        title = model_name(source)
        frame = read_all(source, here.project)
    time, task, leaks = _suspects(frame, target, time)
    say(f"{title}: {len(frame):,} rows by {len(frame.columns)} columns")
    found = count(frame, target, task, time)
    path = out or here.folder / "profiles" / f"{title}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(title, found, leaks, target), encoding="utf-8")
    typer.echo(summary(title, found, leaks))
    typer.echo(f"written    {path}")


def _suspects(
    frame: pd.DataFrame, target: str | None, time: str | None
) -> tuple[str | None, Task | None, tuple[Leak, ...]]:
    """The event time, the task, and the columns that seem to know the target."""
    import pandas as pd

    from evergreen.discovery import Hints, find_event, survey

    now = pd.Timestamp.now("UTC")
    if target is None:
        return time or find_event(frame, now), None, ()
    found = survey(frame, Hints(target, time), now)
    return found.time.value if found.time else None, found.task.task, found.leaks
