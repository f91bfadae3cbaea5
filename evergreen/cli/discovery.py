"""``init`` and ``suite``: from a file that nobody has described to a spec and a suite that fits its data."""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evergreen.cli.console import say
from evergreen.errors import UsageError
from evergreen.masking import masked
from evergreen.settings import open_workspace
from evergreen.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

    from evergreen.discovery import Hints, Survey

_File = Annotated[str, typer.Argument(help="A file, folder or glob, near or by URL; or module:function.")]


def init(
    file: _File,
    target: Annotated[str, typer.Option(help="The column to predict; its position (1, 2, ..., -1) without a header.")],
    name: Annotated[str | None, typer.Option(help="The model's name; by default the file's.")] = None,
    time: Annotated[str | None, typer.Option(help="The event time.")] = None,
    key: Annotated[str | None, typer.Option(help="The column that identifies a row.")] = None,
    lead: Annotated[
        str | None, typer.Option(help="How long before the event time a prediction is made: 2h, 1d.")
    ] = None,
    group: Annotated[str | None, typer.Option(help="Whose rows stay on one side of each split.")] = None,
    header: Annotated[bool | None, typer.Option(help="Whether the first line of a CSV holds names.")] = None,
) -> None:
    """Write a model's file and its suite from a table: each guess with its reason, every doubt marked check."""
    import pandas as pd

    from evergreen.discovery import model_file, survey, without_unusable
    from evergreen.io.sampling import read_sample, take_sample

    here = open_workspace(new=True)
    _check_lead(lead)
    source = _source_without_password(file, here.project)
    name, rules, path = _free_names(name, source, here)
    say(f"{name}: reading {source}")
    sample = take_sample(source, here.project, header, target)
    hints = _hints([str(one) for one in sample.raw.columns], bool(sample.layout.names), target, time, key, group)
    reading, frame = read_sample(sample, hints.time)
    say(f"{name}: {len(frame):,} rows by {len(frame.columns)} columns{'' if sample.complete else ' (a sample)'}")
    now = pd.Timestamp.now("UTC")
    frame = without_unusable(frame, reading, hints.target, now)
    found = survey(frame, hints, now, reading)
    if lead and not found.time:
        raise UsageError(f"--lead {lead}: is counted from the event time, and none was found; say which: --time COLUMN")
    rows = f"{len(frame):,} {'' if sample.complete else 'sampled '}rows"
    how = f"evergreen init {file} --target {target}: found from {rows}"
    text = model_file(name, source, found, reading, lead, how)
    suite = _first_suite(name, text, frame, sample.complete, how)
    for folder in (here.deployments, here.expectations):
        folder.mkdir(parents=True, exist_ok=True)
    _write_new(rules, suite)
    _write_new(path, text)
    _say_found(found, text, rules, path, here)


def suite(
    name: Annotated[str, typer.Argument(help="The model: a file in deployments/, without .yaml.")],
    window: Annotated[str | None, typer.Option(help="Event times, start/end (UTC): 2013-01-01/2013-02-01.")] = None,
    to: Annotated[str | None, typer.Option(help="The suite's name; by default the model's. - prints it.")] = None,
) -> None:
    """Infer a starting suite from a model's rows as they were known at the window's end, and write it."""
    from evergreen.cli.environment import prepare
    from evergreen.discovery import suite_file

    here = open_workspace()
    prepare(here)
    spec = here.spec(name)
    named = to or (spec.validation.suite if spec.validation else name)
    path = here.expectations / f"{named}.yaml"
    if to != "-" and path.exists():
        raise UsageError(f"{path}: exists and is not overwritten; write another: --to NAME, or print it: --to -")
    start, end = _window(window)
    say(f"{name}: reading {'all rows' if window is None else window}")
    from tasks.discovery import find_rules

    rows, rules = find_rules(here, spec, start, end)
    said = f"evergreen suite {name}{f' --window {window}' if window else ''}: found from {rows:,} rows"
    text = suite_file(name if to == "-" else named, rules, said, rows)
    if to == "-":
        typer.echo(text, nl=False)
        return
    here.expectations.mkdir(parents=True, exist_ok=True)
    _write_new(path, text)
    counts = ", ".join(f"{sum(rule.severity == kind for rule in rules)} {kind}" for kind in ("critical", "warning"))
    typer.echo(f"written    {_near(path, here)}: {len(rules)} rules from {rows:,} rows ({counts})")
    if spec.validation is None or spec.validation.suite != named:
        typer.echo(f"to use it, write in {_near(here.deployments / f'{name}.yaml', here)}: validation: {named}")


def _window(text: str | None) -> tuple[datetime | None, datetime | None]:
    """Start and end, ``2013-01-01/2013-02-01``; either may be left out."""
    if text is None:
        return None, None
    parts = text.split("/")
    try:
        if len(parts) != 2:
            raise ValueError
        start, end = (datetime.fromisoformat(part) if part else None for part in parts)
    except ValueError:
        raise UsageError(f"--window {text}: write start/end, for example 2013-01-01/2013-02-01") from None
    moments = [moment.replace(tzinfo=UTC) if moment and not moment.tzinfo else moment for moment in (start, end)]
    return moments[0], moments[1]


def source_of(file: str, project: Path) -> str:
    """What ``data.source`` says: relative to the project where the file lies in it."""
    if "://" in file or (":" in file and not Path(file).exists()):
        return file
    path = Path(os.path.abspath(file))
    return path.relative_to(project).as_posix() if path.is_relative_to(project) else path.as_posix()


def _check_lead(lead: str | None) -> None:
    from evergreen.spec.kinds import parse_duration

    try:
        parse_duration(lead or "0s")
    except ValueError as error:
        raise UsageError(f"--lead {lead}: {error}") from None


def _source_without_password(file: str, project: Path) -> str:
    source = source_of(file, project)
    if masked(source) != source:
        raise UsageError(
            f"{masked(source)}: holds a password, which would stand in the model's file; take it out and let the "
            "environment say who you are (AWS_PROFILE, AWS_ACCESS_KEY_ID, ...), or fetch the file first"
        )
    return source


def _free_names(name: str | None, source: str, here: Workspace) -> tuple[str, Path, Path]:
    """The model's name, and where its suite and its file will stand; neither is there yet."""
    from evergreen.discovery import model_name

    name = name or model_name(source)
    rules, path = here.expectations / f"{name}.yaml", here.deployments / f"{name}.yaml"
    for taken in (path, rules):
        if taken.exists():
            raise UsageError(f"{taken}: exists and is not overwritten; say another name: --name NAME, or remove it")
    return name, rules, path


def _hints(names: list[str], made_up: bool, target: str, time: str | None, key: str | None, group: str | None) -> Hints:
    """What a person said, by the names that the columns have."""
    from evergreen.discovery import Hints

    time, key, group = (None if one is None else _column(one, names, made_up) for one in (time, key, group))
    return Hints(_column(target, names, made_up), time, key, group)


def _column(said: str, names: list[str], made_up: bool) -> str:
    """A column by its name, whatever blanks and case a person typed; by its position in a file without a header."""
    if said in names:
        return said
    alike = [name for name in names if name.strip().casefold() == said.strip().casefold()]
    if len(alike) == 1:
        return alike[0]
    if not made_up:
        return said
    try:
        at = int(said)
        return names[at - 1 if at > 0 else at]
    except (ValueError, IndexError):
        raise UsageError(
            f"{said}: the file has no header, or none with that name; name the column by its position, 1 to "
            f"{len(names)}, or -1 for the last, or say that the first line holds names: --header"
        ) from None


def _first_suite(name: str, text: str, frame: pd.DataFrame, complete: bool, how: str) -> str:
    """The suite that these rows hold, once the spec that was found has proved to be right."""
    from evergreen.data import assemble, with_measures
    from evergreen.discovery import infer, suite_file
    from evergreen.learning_tasks import TASKS
    from evergreen.spec import load_spec

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
        spec = load_spec(path)
    now = datetime.now(UTC)
    table = with_measures(assemble(frame, [], spec.data, now), spec.data.timezone, now)
    task = spec.training.task or "regression"
    rules = infer(table, spec.data.target.column, task if TASKS[task].classes else "regression", complete)
    return suite_file(name, rules, how, len(table))


def _write_new(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(
            f"{path}: exists and is not overwritten; remove it, or say another name: --name NAME"
        ) from None


def _say_found(found: Survey, text: str, suite: Path, path: Path, here: Workspace) -> None:
    typer.echo(f"target     {found.target}: {found.task.task}, {found.task.reason}")
    for label, guess in (("key", found.key), ("time", found.time), ("group", found.group)):
        typer.echo(f"{label:10} {f'{guess.value}: {guess.reason}' if guess else 'none found'}")
    typer.echo(f"inputs     {len(found.inputs)} of {len(found.columns)} columns; {len(found.excluded)} excluded")
    for leak in found.leaks:
        typer.echo(f"  LEAK?    {leak.column}: {leak.evidence}")
    typer.echo(f"written    {_near(path, here)} ({text.count('# check:')} checks) and {_near(suite, here)}")
    typer.echo(f"go on with evergreen train {path.stem}")


def _near(path: Path, here: Workspace) -> str:
    return path.relative_to(here.project).as_posix()
