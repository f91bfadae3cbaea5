"""All that can be said of a table before anyone trains on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from evergreen.discovery.columns import Column, describe, twins
from evergreen.discovery.leaks import Leak, find_leaks, repeated_rows, sorted_by_target
from evergreen.discovery.reading import Reading
from evergreen.discovery.roles import Guess, find_group, find_key, find_time
from evergreen.discovery.target import TargetGuess, find_task
from evergreen.errors import DataError, did_you_mean
from evergreen.spec import Task


@dataclass(frozen=True)
class Hints:
    """What a person said and nobody needs to guess."""

    target: str
    time: str | None = None
    key: str | None = None
    group: str | None = None


@dataclass(frozen=True)
class Survey:
    """Columns, roles, the target, and what is suspicious.

    Attributes:
        excluded: Columns that cannot help, each with the reason.
        leaks: Columns that seem to know the target, with the evidence.
        repeated: Rows that repeat an earlier one in all inputs and the event time; those of them with another label.
        days: Different days of the event time; 0 without one.
    """

    rows: int
    columns: tuple[Column, ...]
    target: str
    task: TargetGuess
    key: Guess | None
    time: Guess | None
    group: Guess | None
    excluded: dict[str, str]
    leaks: tuple[Leak, ...]
    repeated: tuple[int, int]
    inputs: tuple[str, ...]
    days: int


def survey(frame: pd.DataFrame, hints: Hints, now: pd.Timestamp, reading: Reading | None = None) -> Survey:
    """Look at a sample as a person would.

    Args:
        frame: Rows whose values have been read (see ``find_reading``).
        hints: The target, and what else is known.
        now: The present, with a zone: an event time does not lie in the future.
        reading: How the values were read, where that was found out.

    Raises:
        DataError: a named column is not there, the target cannot be learned, or no column is left to learn from.
    """
    _check_names(hints, [str(name) for name in frame.columns])
    task = find_task(frame[hints.target], [str(name) for name in frame.columns])
    columns = describe(frame)
    taken = {name for name in (hints.target, hints.time, hints.key, hints.group) if name}
    key = _told(hints.key, "--key") or find_key(columns, frame, taken)
    time = _told(hints.time, "--time") or _made(reading, frame) or find_time(columns, frame, taken, now)
    event = time.value if time else ""
    roles = {hints.target, key.value if key else "", event}
    parts = reading.together[event][0] if reading and event in reading.together else ()
    excluded = dict.fromkeys(parts, f"a part of {event}")
    excluded |= _useless(columns, frame, roles | {*excluded})
    inputs = tuple(column.name for column in columns if column.name not in roles and column.name not in excluded)
    if not inputs and time is None:
        whys = "; ".join(f"{name} {why}" for name, why in excluded.items())
        raise DataError(f"no column is left to predict {hints.target} from: {whys}")
    return Survey(
        rows=len(frame),
        columns=tuple(columns),
        target=hints.target,
        task=task,
        key=key,
        time=time,
        group=_told(hints.group, "--group") or find_group(columns, roles),
        excluded=excluded,
        leaks=_leaks(frame, columns, (hints.target, task.task), inputs, event, reading),
        repeated=repeated_rows(frame, hints.target, (*inputs, *([event] if event else []))),
        inputs=inputs,
        days=_days(frame[event]) if event else 0,
    )


def without_unusable(frame: pd.DataFrame, reading: Reading, target: str, now: pd.Timestamp) -> pd.DataFrame:
    """The rows without times that were put together and are no event time: of the target, missing, or in the future."""
    for name, (parts, _) in list(reading.together.items()):
        moments = frame[name]
        if target in parts or moments.isna().any() or moments.max().tz_localize("UTC") > now or moments.nunique() < 10:
            del reading.together[name]
            frame = frame.drop(columns=name)
    return frame


def _made(reading: Reading | None, frame: pd.DataFrame) -> Guess | None:
    """The event time that was put together of several columns."""
    for name, (parts, why) in reading.together.items() if reading else ():
        check = "" if "%d" in " ".join(parts.values()) else "no day: each row counts as the first day of its month"
        return Guess(name, f"{' and '.join(parts)}: {why}; {_days(frame[name]):,} days", check)
    return None


def _check_names(hints: Hints, names: Sequence[str]) -> None:
    for name in (hints.target, hints.time, hints.key, hints.group):
        if name is not None and name not in names:
            raise DataError(f"no column {name}{did_you_mean(name, names)}")
    said = {"key": hints.key, "time": hints.time, "group": hints.group}
    for role, name in said.items():
        if name == hints.target:
            raise DataError(f"{name}: is the target, and cannot be the {role} too; name another column with --{role}")


def _leaks(
    frame: pd.DataFrame,
    columns: Sequence[Column],
    wanted: tuple[str, Task],
    inputs: Sequence[str],
    event: str,
    reading: Reading | None,
) -> tuple[Leak, ...]:
    """Ids by which the target is sorted, and columns that seem to know it."""
    target, task = wanted
    blanked = {*reading.blanked, *reading.sentinels} if reading else set()
    ids = [column.name for column in columns if column.kind == "id" and column.name != target]
    times = [column.name for column in columns if column.kind == "time"]
    return (
        *sorted_by_target(frame, target, task, ids),
        *find_leaks(frame, target, task, inputs, times, event, blanked),
    )


def _days(moments: pd.Series) -> int:
    """How many days there are; 0 where the column holds no times."""
    return int(moments.dt.normalize().nunique()) if pd.api.types.is_datetime64_any_dtype(moments.dtype) else 0


def find_event(frame: pd.DataFrame, now: pd.Timestamp) -> str | None:
    """The event time of a table of which nothing else is known, or None."""
    guess = find_time(describe(frame), frame, set(), now)
    return guess.value if guess else None


def _told(name: str | None, option: str) -> Guess | None:
    return Guess(name, f"given by {option}") if name else None


def _useless(columns: Sequence[Column], frame: pd.DataFrame, roles: set[str]) -> dict[str, str]:
    """Columns that cannot help, with the reason."""
    found = {}
    for column in columns:
        if column.name in roles:
            continue
        if column.kind in ("empty", "constant") and not (column.kind == "constant" and column.missing):
            found[column.name] = column.reason
        elif column.kind == "id":
            found[column.name] = f"{column.reason}: an id says nothing about a new row"
    left = [column.name for column in columns if column.name not in found and column.name not in roles]
    for name, other in twins(frame[left]).items():
        found[name] = f"repeats {other} value by value"
    return found
