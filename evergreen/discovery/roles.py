"""Which columns are the key, the event time and the group, and what kind of thing the target is."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evergreen.discovery.columns import Column
from evergreen.discovery.values import means_missing
from evergreen.errors import DataError
from evergreen.spec import Task

_NO_EVENT = r"(?i)(?:birth|dob|born|expir|valid|until|due|end|last|update|modif|death|deliver|arriv|clos)"
_EVENT = r"(?i)(?:^date$|^time$|^ds$|^day$|datetime|timestamp|event|created|start|order|sched|depart|when|observ|record|sale|visit|trans)"  # noqa: E501
#: Words of names that say whose rows these are.
_WHO = frozenset(
    [
        "customer",
        "client",
        "patient",
        "subject",
        "user",
        "household",
        "person",
        "individual",
        "member",
        "account",
        "firm",
        "company",
        "store",
        "shop",
        "player",
        "student",
        "driver",
        "device",
        "machine",
        "session",
        "family",
        "school",
        "village",
        "tailnum",
        "vessel",
        "site",
        "sensor",
    ]
)
_MOST_CLASSES, _FEW_CLASSES = 200, 20
#: Whole numbers with at most this many values may be classes.
_NUMBERED_CLASSES = 20


@dataclass(frozen=True)
class Guess:
    """What was found, why, and what a person should look at."""

    value: str
    reason: str
    check: str = ""


def find_key(columns: Sequence[Column], frame: pd.DataFrame, taken: set[str]) -> Guess | None:
    """The column that identifies a row: a different value in every row, and a name or a look that says so."""
    for column in columns:
        if column.kind != "id" or column.name in taken:
            continue
        numbers = pd.to_numeric(frame[column.name], errors="coerce")
        steps = np.abs(np.diff(numbers.to_numpy(dtype=float)))
        running = len(steps) > 0 and bool((steps == 1).all())
        check = ""
        if running:
            check = "it counts the lines of this file; if the next export counts anew, take the key out"
        return Guess(column.name, column.reason, check)
    return None


def find_time(columns: Sequence[Column], frame: pd.DataFrame, taken: set[str], now: pd.Timestamp) -> Guess | None:
    """The event time: a column of times, none missing, none in the future, of which the name does not say otherwise."""
    fit = []
    for column in columns:
        if column.kind != "time" or column.missing or column.name in taken:
            continue
        moments = frame[column.name]
        newest = moments.max() if moments.dt.tz is not None else moments.max().tz_localize("UTC")
        days = moments.dt.normalize().nunique()
        name = pd.Series([column.name])
        if newest > now or days < 10 or name.str.contains(_NO_EVENT, regex=True).iloc[0]:
            continue
        fit.append((bool(name.str.contains(_EVENT, regex=True).iloc[0]), days, column))
    if not fit:
        return None
    fit.sort(key=lambda one: (not one[0],))
    named, days, column = fit[0]
    others = [one[2].name for one in fit[1:]]
    check = "" if named and not others else "is this when the thing happens that a row is about?"
    if others:
        check += f" other times: {', '.join(others)}"
    return Guess(column.name, f"{column.reason}, {days:,} days, never missing", check)


def find_group(columns: Sequence[Column], taken: set[str]) -> Guess | None:
    """A column whose values stand in several rows each and whose name says that these rows are of one kind."""
    fit: list[tuple[bool, Guess]] = []
    for column in columns:
        if column.name in taken or column.kind not in ("level", "number", "id") or column.missing_share > 0.05:
            continue
        if column.kind == "number" and not column.whole:
            continue
        each = (column.rows - column.missing) / max(column.distinct, 1)
        words = [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", column.name)]
        # Numbers of accounts and number_of_rooms count things; account and room_number say which.
        counts = column.kind == "number" and (words[:1] in (["num"], ["n"]) or "of" in words)
        told = any((word if column.kind == "number" else word.rstrip("s")) in _WHO for word in words) and not counts
        named = column.named_like_an_id and not counts
        if each >= 1.5 and column.distinct >= 8 and ((named and column.distinct >= 20) or told):
            said = f"{column.distinct:,} values in {each:.1f} rows each"
            fit.append((not told, Guess(column.name, said, "should all rows of one stay on one side of a split?")))
    return min(fit, key=lambda one: one[0])[1] if fit else None


@dataclass(frozen=True)
class TargetGuess:
    """What kind of thing the target is, and its levels or its spread."""

    task: Task
    reason: str
    checks: tuple[str, ...]


def find_task(target: pd.Series) -> TargetGuess:
    """Two values are binary; texts are classes; whole numbers are classes where they look like labels, else quantities.

    Raises:
        DataError: no or only one value, hundreds of texts, or times.
    """
    name, known = str(target.name), target.dropna()
    counts = known.value_counts()
    if len(counts) < 2:
        said = f"all {len(known):,} values are {counts.index[0]}" if len(counts) else "it has no value"
        raise DataError(f"target {name}: {said}; name another column")
    checks = []
    if target.isna().any():
        checks.append(f"{int(target.isna().sum()):,} rows have no label; they can be scored, not trained on")
    if len(counts) == 2:
        shares = ", ".join(f"{level} {count / len(known):.1%}" for level, count in counts.items())
        return TargetGuess("binary", f"two values: {shares}", (*checks, *_rare(counts)))
    if pd.api.types.is_datetime64_any_dtype(target.dtype):
        raise DataError(f"target {name}: holds times; predict a number, e.g. the days until then")
    if not pd.api.types.is_numeric_dtype(target.dtype):
        crowded = len(counts) > 0.05 * len(known) if len(counts) > _MOST_CLASSES else len(counts) > 0.2 * len(known)
        if crowded and len(counts) > _FEW_CLASSES:
            raise DataError(
                f"target {name}: {len(counts):,} different texts are too many for classes; name another column"
            )
        nothing = [str(level) for level in counts.index if means_missing(str(level), among_texts=False)]
        if nothing:
            said = f"{int(counts[nothing].sum()):,} rows have the label {' or '.join(map(repr, nothing))}"
            checks.append(f"{said}; if that means that nobody knows it: read: {{missing: {json.dumps(nothing)}}}")
        return TargetGuess("multiclass", f"{len(counts):,} texts", (*checks, *_rare(counts)))
    return _numbered(known, counts, checks)


def _numbered(known: pd.Series, counts: pd.Series, checks: list[str]) -> TargetGuess:
    levels = np.sort(counts.index.to_numpy(dtype=float))
    whole = bool((levels == np.floor(levels)).all())
    if whole and len(levels) <= _NUMBERED_CLASSES:
        running = levels[0] in (0.0, 1.0) and bool((np.diff(levels) == 1).all())
        if running and not _looks_counted(counts) and len(levels) <= 0.05 * len(known):
            if len(levels) > 3:
                checks.append("if its order matters (a rating, a count), write task: regression")
            return TargetGuess(
                "multiclass", f"whole numbers {levels[0]:g} to {levels[-1]:g}, as labels are", (*checks, *_rare(counts))
            )
        checks.append(f"whole numbers with {len(levels)} values: if they are classes, write task: multiclass")
    numbers = known.to_numpy(dtype=float)
    spread = f"{numbers.min():.6g} to {numbers.max():.6g}, median {np.median(numbers):.6g}"
    deviation = numbers.std()
    skew = float(((numbers - numbers.mean()) ** 3).mean() / deviation**3) if deviation > 0 else 0.0
    if whole and levels[0] == 0 and _looks_counted(counts):
        checks.append("if it counts events, write task: count, and name what it is in proportion to: exposure")
    if abs(skew) > 2:
        checks.append(f"skewed ({skew:.1f}): a few values dominate rmse; metric: mae judges all alike")
    return TargetGuess("regression", f"{len(levels):,} numbers, {spread}", tuple(checks))


def _looks_counted(counts: pd.Series) -> bool:
    """Counts of events fall off from their most frequent value to a thin tail; labels do not."""
    ordered = counts.sort_index().to_numpy(dtype=float)
    peak = int(ordered.argmax())
    falling = bool((np.diff(ordered[peak:]) <= 0).mean() > 0.8) if len(ordered) - peak > 2 else False
    return len(ordered) >= 5 and falling and ordered[-1] < 0.05 * ordered.max()


def _rare(counts: pd.Series) -> list[str]:
    rare = counts[counts < 10]
    if rare.empty:
        return []
    return [
        f"{len(rare)} of {len(counts)} classes have under 10 rows (e.g. {rare.index[0]}: {rare.iloc[0]}); "
        "they cannot be learned or judged"
    ]
