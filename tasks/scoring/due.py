"""Find out which cut-offs each version has not scored yet, and read their rows."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from prefect import task

from evergreen import scoring
from evergreen.errors import EmptyWindow, UsageError
from evergreen.handoffs import ModelVersion, Snapshot
from evergreen.io.records import Role, Scoring
from evergreen.io.sources import read
from evergreen.spec import ModelSpec
from evergreen.workspace import Workspace
from tasks.data import take_snapshot

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Turn:
    """A version, in which role it scores, and the cut-offs ``(since, until]`` that it has not scored yet."""

    role: Role
    version: ModelVersion
    since: datetime
    until: datetime


@dataclass(frozen=True)
class Due:
    """What a scoring run has to do, the champion first; ``why`` says what is not to be done.

    ``begun`` is the wall clock (seconds since 1970) at which the run found out; ``strict`` refuses rows of which a
    single value cannot be read.
    """

    turns: tuple[Turn, ...]
    as_of: datetime
    why: str
    begun: float
    strict: bool = False


def shadows(workspace: Workspace, spec: ModelSpec) -> list[tuple[Role, ModelVersion, datetime]]:
    """Who runs beside the champion on the same rows, and since when: logged, never served.

    The previous champion while the new one is on probation; not after a rollback, whose previous version was found to
    be worse. With ``monitoring.shadow`` also the newest version that was trained since and not promoted.
    """
    records = workspace.champions
    reigns = records.champions(spec.model)
    found: list[tuple[Role, ModelVersion, datetime]] = []
    if spec.probation.windows and len(reigns) > 1 and reigns[-1].kind != "rollback":
        found.append(("previous", reigns[-2].version, reigns[-1].as_of))
    if spec.monitoring.shadow and reigns:
        since = reigns[-1].as_of
        kept = [one for one in records.decisions(spec.model) if not one.verdict.promote and one.as_of > since]
        found += [("challenger", one.version, one.as_of) for one in kept[-1:]]
    return found


@task
def find_due(
    workspace: Workspace, spec: ModelSpec, champion: ModelVersion | None, as_of: datetime, since: datetime | None
) -> Due:
    """Which cut-offs each version has not scored yet, or all since ``since``.

    A range in which no row was found counts as scored, and is looked at again together with the next one: a source
    that was down brings its rows in the end, marked late where their event has passed.

    Raises:
        UsageError: ``since`` is not before ``as_of``.
    """
    begun = time.time()
    if champion is None:
        return Due((), as_of, f"there is no champion yet; run: evergreen train {spec.model}", begun)
    if since is not None and since >= as_of:
        raise UsageError(f"since {since:%Y-%m-%d %H:%M} is not before {as_of:%Y-%m-%d %H:%M}; give an earlier one")
    crowned = workspace.champions.champions(spec.model)[-1].as_of
    entries = workspace.ledger.scorings(spec.model)
    found = scoring.due(_last(entries, as_of) if since is None else since, crowned, as_of)
    turns = [Turn("champion", champion, *found)] if found else []
    turns += _turns_of_shadows(workspace, spec, as_of, since)
    why = f"every cut-off up to {entries[-1].until:%Y-%m-%d %H:%M} UTC is scored" if entries else _before(crowned)
    return Due(tuple(turns), as_of, "" if turns else why, begun)


def _turns_of_shadows(workspace: Workspace, spec: ModelSpec, as_of: datetime, since: datetime | None) -> list[Turn]:
    """What each shadow has not scored yet, or all since ``since``; never what lies before its own time."""
    turns, ledger = [], workspace.ledger
    for role, version, first in shadows(workspace, spec):
        ours = [one for one in ledger.scorings(spec.model, role) if one.version == version.version]
        last = max(first, since) if since is not None else (_last(ours, as_of) or first)
        found = scoring.due(last, first, as_of)
        turns += [Turn(role, version, *found)] if found else []
    return turns


def _before(crowned: datetime) -> str:
    return f"the champion was crowned as of {crowned:%Y-%m-%d %H:%M} UTC; there is nothing to score before that"


def _last(entries: list[Scoring], as_of: datetime) -> datetime | None:
    """Up to when rows were scored: the beginning of the empty entries at the end, if the clock has moved on."""
    if not entries or entries[-1].until >= as_of:
        return entries[-1].until if entries else None
    last = entries[-1].until
    for entry in reversed(entries):
        if entry.rows or entry.until != last:
            break
        last = entry.since
    return last


@task
def read_due(workspace: Workspace, spec: ModelSpec, due: Due) -> Snapshot | None:
    """The rows whose cut-off lies in what is due, as known now; None where the source has none."""
    if not spec.data.time:
        return take_snapshot.fn(workspace, spec, due.as_of)
    # A range of cut-offs holds its end, a window of event times its beginning.
    shift = spec.data.lead + _MICROSECOND
    start, end = min(turn.since for turn in due.turns) + shift, max(turn.until for turn in due.turns) + shift
    try:
        return take_snapshot.fn(workspace, spec, due.as_of, start, end)
    except EmptyWindow:
        data, project = spec.data, workspace.project
        rows = read(data.source, project, columns=(), time=data.time, start=start, end=end, timezone=data.timezone,
                    partition=data.partition, may_be_empty=True, how=data.read, as_of=due.as_of)  # fmt: skip
        if len(rows):  # a joined table is empty, not the window
            raise
        return None
