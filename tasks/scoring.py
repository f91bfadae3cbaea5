"""Score the rows that are due, and enter what was said about them in the prediction ledger."""

from __future__ import annotations

import logging
import resource
import sys
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from prefect import task
from prefect.artifacts import create_markdown_artifact

from evergreen import scoring, training
from evergreen.errors import EmptyWindow, EvergreenError, UsageError
from evergreen.handoffs import CUT_OFF, KEY, FeatureTable, ModelVersion, Snapshot, ValidationReport
from evergreen.io.live import read_scored
from evergreen.io.records import Ledger, Records, Role, Scoring
from evergreen.io.registry import Registry
from evergreen.io.sources import read
from evergreen.io.store import Store
from evergreen.settings import settings
from evergreen.spec import ModelSpec
from tasks.data import take_snapshot

logger = logging.getLogger(__name__)

_MICROSECOND = timedelta(microseconds=1)
#: Quantiles of the predictions that a run shows.
_PERCENT = (5, 25, 50, 75, 95)


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

    ``begun`` is the wall clock (seconds since 1970) at which the run found out.
    """

    turns: tuple[Turn, ...]
    as_of: datetime
    why: str
    begun: float


@dataclass(frozen=True)
class Scored:
    """What a scoring run left: ledger entries, the champion's first; or why there is nothing new."""

    scorings: tuple[Scoring, ...] = ()
    late: int = 0
    validation: ValidationReport | None = None
    why: str = ""

    @property
    def scoring(self) -> Scoring | None:
        """The champion's new entry."""
        champions = [one for one in self.scorings if one.role == "champion"]
        return champions[0] if champions else None


def shadows(spec: ModelSpec) -> list[tuple[Role, ModelVersion, datetime]]:
    """Who runs beside the champion on the same rows, and since when: logged, never served.

    The previous champion while the new one is on probation; not after a rollback, whose previous version was found to
    be worse. With ``monitoring.shadow`` also the newest version that was trained since and not promoted.
    """
    records = Records(settings().workspace)
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
def find_due(spec: ModelSpec, champion: ModelVersion | None, as_of: datetime, since: datetime | None) -> Due:
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
    ledger = Ledger(settings().workspace)
    entries = ledger.scorings(spec.model)
    crowned = [reign.as_of for reign in Records(settings().workspace).champions(spec.model)]
    last = _last(entries, as_of) if since is None else since
    found = scoring.due(last, crowned[-1], as_of)
    turns = [Turn("champion", champion, *found)] if found else []
    for role, version, first in shadows(spec):
        ours = [one for one in ledger.scorings(spec.model, role) if one.version == version.version]
        last = max(first, since) if since is not None else (_last(ours, as_of) or first)
        found = scoring.due(last, first, as_of)
        turns += [Turn(role, version, *found)] if found else []
    why = f"every cut-off up to {entries[-1].until:%Y-%m-%d %H:%M} UTC is scored" if entries else _before(crowned[-1])
    return Due(tuple(turns), as_of, "" if turns else why, begun)


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
def read_due(spec: ModelSpec, due: Due) -> Snapshot | None:
    """The rows whose cut-off lies in what is due, as known now; None where the source has none."""
    if not spec.data.time:
        return take_snapshot.fn(spec, due.as_of)
    # A range of cut-offs holds its end, a window of event times its beginning.
    shift = spec.data.lead + _MICROSECOND
    start, end = min(turn.since for turn in due.turns) + shift, max(turn.until for turn in due.turns) + shift
    try:
        return take_snapshot.fn(spec, due.as_of, start, end)
    except EmptyWindow:
        data, project = spec.data, settings().project
        rows = read(data.source, project, columns=(), time=data.time, start=start, end=end, timezone=data.timezone,
                    partition=data.partition, may_be_empty=True, how=data.read, as_of=due.as_of)  # fmt: skip
        if len(rows):  # a joined table is empty, not the window
            raise
        return None


@task
def enter_nothing(spec: ModelSpec, due: Due) -> Scored:
    """Enter that the range held no row, so that it counts as scored."""
    table = Store(str(settings().store)).write(scoring.nothing(bool(spec.data.time)), "predictions")
    ledger, entered = Ledger(settings().workspace), []
    for turn in due.turns:
        entered.append(_entry(spec, turn, table.uri, "", 0, due))
        ledger.replace(entered[-1])
    logger.info("%s: no rows have become due up to %s", spec.model, f"{due.as_of:%Y-%m-%d %H:%M} UTC")
    return Scored(tuple(entered), why="the source has no row in this range; it is looked at again next time")


@task
def apply(spec: ModelSpec, table: FeatureTable, report: ValidationReport, due: Due, run_id: str) -> Scored:
    """Apply each version to its rows and enter what it says, the champion first; a shadow that fails stops nobody.

    Raises:
        TamperedModel: the champion's files differ from what was logged; nothing is entered.
    """
    rows = Store(str(settings().store)).read(table.uri)
    late, entered = 0, []
    for turn in due.turns:
        try:
            entry, predictions = _score(spec, table, _due_rows(spec, rows, turn), turn, due)
        except EvergreenError as error:
            if turn.role == "champion":
                raise
            logger.warning("%s: %s version %d did not score: %s", spec.model, turn.role, turn.version.version, error)
            continue
        entered.append(entry)
        logger.info("%s: %s version %d scored %s rows", spec.model, turn.role, entry.version, f"{entry.rows:,}")
        if turn.role == "champion":
            late = int(predictions[scoring.LATE].sum())
            _publish(spec, entry, predictions, report, run_id)
    return Scored(tuple(entered), late, report)


def _due_rows(spec: ModelSpec, rows: pd.DataFrame, turn: Turn) -> pd.DataFrame:
    """A turn's rows: by cut-off or, without a time, those that were not seen before its range."""
    if spec.data.time:
        inside = (rows[CUT_OFF] > pd.Timestamp(turn.since)) & (rows[CUT_OFF] <= pd.Timestamp(turn.until))
    else:
        earlier = read_scored(spec, None, turn.since, turn.role, (KEY,))
        inside = ~rows[KEY].isin(earlier[KEY])
    return rows[inside.to_numpy()].reset_index(drop=True)


def _score(
    spec: ModelSpec, table: FeatureTable, rows: pd.DataFrame, turn: Turn, due: Due
) -> tuple[Scoring, pd.DataFrame]:
    pipeline = Registry(settings()).load(turn.version)
    values = training.predict(pipeline, turn.version.task, rows, len(turn.version.classes))
    slices = spec.promotion.slices if spec.monitoring.slices is None else spec.monitoring.slices
    # Which rows came late is the champion's to say; it has entered them before any shadow does.
    ledger = Ledger(settings().workspace)
    ranges = tuple((e.since, e.until) for e in ledger.scorings(spec.model, "champion", turn.since, turn.until))
    held = read_scored(spec, turn.since, turn.until, "champion", (KEY, scoring.LATE))
    known = scoring.Before(ranges, held)
    predictions = scoring.predictions(rows, values, turn.version, slices, due.as_of, known)
    stored = Store(str(settings().store)).write(predictions, "predictions")
    entry = _entry(spec, turn, stored.uri, table.uri, stored.rows, due)
    ledger.replace(entry)
    return entry, predictions


def _entry(spec: ModelSpec, turn: Turn, uri: str, features: str, rows: int, due: Due) -> Scoring:
    seconds, version = round(time.time() - due.begun, 3), turn.version.version
    return Scoring(spec.model, turn.role, turn.since, turn.until, uri, features, rows, version, due.as_of, seconds,
                   _peak_mb())  # fmt: skip


def _peak_mb() -> float:
    """The most memory that this process ever held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


def _publish(spec: ModelSpec, entry: Scoring, predictions: pd.DataFrame, report: ValidationReport, run_id: str) -> None:
    """Show in both UIs what was scored."""
    values, late = predictions[scoring.PREDICTION].to_numpy(), int(predictions[scoring.LATE].sum())
    metrics = {
        "rows": entry.rows, "late_rows": late, "quarantined_rows": report.quarantined, "seconds": entry.seconds,
        "rows_per_second": entry.rows / max(entry.seconds, 1e-3), "peak_mb": entry.peak_mb,
    }  # fmt: skip
    if len(values):
        metrics["prediction_mean"] = float(values.mean())
        quantiles = np.quantile(values, np.array(_PERCENT) / 100)
        metrics |= {f"prediction_q{level:02d}": float(q) for level, q in zip(_PERCENT, quantiles, strict=True)}
    Registry(settings()).log(run_id, metrics=metrics, params={"version": entry.version, "predictions": entry.uri})
    create_markdown_artifact(key=f"{spec.model}-score", markdown=_summary(entry, late, report.quarantined))


def _summary(entry: Scoring, late: int, quarantined: int) -> str:
    return (
        f"# {entry.model}: {entry.rows:,} rows scored\n\n"
        f"| | |\n|---|---|\n"
        f"| cut-offs | after {entry.since:%Y-%m-%d %H:%M} up to {entry.until:%Y-%m-%d %H:%M} UTC |\n"
        f"| version | {entry.version} |\n| late | {late:,} |\n| quarantined | {quarantined:,} |\n"
        f"| took | {entry.seconds:.1f} s, {entry.peak_mb:,.0f} MB |\n| predictions | `{entry.uri}` |\n"
    )
