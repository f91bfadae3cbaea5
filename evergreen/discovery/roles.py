"""Which columns are the key, the event time and the group."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evergreen.discovery.columns import Column
from evergreen.discovery.known_later import words_of

_NO_EVENT = r"(?i)(?:birth|dob|born|expir|valid|until|due|end|last|update|modif|death|deliver|clos|status|cancel|check.?out|return|paid|settle|resol|complet|discharg|refund|result|outcome)"  # noqa: E501
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
#: Words that may follow them; what else follows tells of a property: a customer's age, a store's size.
_WHICH = frozenset(["id", "ids", "no", "nr", "num", "number", "code", "key", "name", "uuid", "guid", "hash", "index"])
#: Words of names that place a row in the calendar.
_CALENDAR = frozenset(["week", "month", "day", "year", "hour", "minute", "quarter", "season", "weekday", "dow", "doy"])


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
        if newest > now or days < 10 or not may_be_event(column.name):
            continue
        fit.append((re.search(_EVENT, column.name) is not None, days, column))
    if not fit:
        return None
    fit.sort(key=lambda one: (not one[0],))
    named, days, column = fit[0]
    others = [one[2].name for one in fit[1:]]
    check = "" if named and not others else "is this when the thing happens that a row is about?"
    if others:
        check += f" other times: {', '.join(others)}"
    return Guess(column.name, f"{column.reason}, {days:,} days, never missing", check)


def may_be_event(name: str) -> bool:
    """Whether a column's name does not say that its time is another one than the event's: a birth, a status, an end."""
    return re.search(_NO_EVENT, name) is None


def find_group(columns: Sequence[Column], taken: set[str]) -> Guess | None:
    """A column whose values stand in several rows each and whose name says that these rows are of one kind."""
    fit: list[tuple[bool, Guess]] = []
    for column in columns:
        if column.name in taken or column.kind not in ("level", "number", "id") or column.missing_share > 0.05:
            continue
        if column.kind == "number" and not column.whole:
            continue
        each = (column.rows - column.missing) / max(column.distinct, 1)
        told = _says_whose(column)
        words = words_of(column.name)
        counts = column.kind == "number" and (words[:1] in (["num"], ["n"]) or "of" in words)
        named = column.named_like_an_id and not counts and _CALENDAR.isdisjoint(words)
        if each >= 1.5 and column.distinct >= 8 and ((named and column.distinct >= 20) or told):
            said = f"{column.distinct:,} values in {each:.1f} rows each"
            fit.append((not told, Guess(column.name, said, "should all rows of one stay on one side of a split?")))
    return min(fit, key=lambda one: one[0])[1] if fit else None


def _says_whose(column: Column) -> bool:
    """Whether a name says whose rows these are: ``customer`` and ``store_id`` do, ``customer_age`` does not."""
    words = words_of(column.name)
    # Numbers of accounts and number_of_rooms count things; account and room_number say which.
    if column.kind == "number" and (words[:1] in (["num"], ["n"]) or "of" in words):
        return False
    while len(words) > 1 and words[-1] in _WHICH:
        words = words[:-1]
    last = words[-1] if words else ""
    return (last if column.kind == "number" else last.rstrip("s")) in _WHO
