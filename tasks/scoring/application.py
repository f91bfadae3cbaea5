"""Apply each version to the rows that are due, and enter what it says in the prediction ledger."""

from __future__ import annotations

import logging
import resource
import sys
import time
from dataclasses import dataclass, field

import pandas as pd
from prefect import task

from evergreen import features, scoring, training
from evergreen.errors import EvergreenError
from evergreen.handoffs import CUT_OFF, KEY, FeatureTable, Unread, ValidationReport
from evergreen.io.records import Scoring
from evergreen.spec import ModelSpec
from evergreen.workspace import Workspace
from tasks.scoring.due import Due, Turn
from tasks.scoring.report import publish

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scored:
    """What a scoring run left: ledger entries, the champion's first; or why there is nothing new.

    ``unread`` is what of the rows the champion could not read.
    """

    scorings: tuple[Scoring, ...] = ()
    late: int = 0
    validation: ValidationReport | None = None
    why: str = ""
    unread: Unread = field(default_factory=Unread)

    @property
    def scoring(self) -> Scoring | None:
        """The champion's new entry."""
        champions = [one for one in self.scorings if one.role == "champion"]
        return champions[0] if champions else None


@task
def enter_nothing(workspace: Workspace, spec: ModelSpec, due: Due) -> Scored:
    """Enter that the range held no row, so that it counts as scored."""
    table = workspace.store.write(scoring.nothing(bool(spec.data.time)), "predictions")
    ledger, entered = workspace.ledger, []
    for turn in due.turns:
        entered.append(_entry(spec, turn, table.uri, "", 0, due))
        ledger.replace(entered[-1])
    logger.info("%s: no rows have become due up to %s", spec.model, f"{due.as_of:%Y-%m-%d %H:%M} UTC")
    return Scored(tuple(entered), why="the source has no row in this range; it is looked at again next time")


@task
def apply(
    workspace: Workspace, spec: ModelSpec, table: FeatureTable, report: ValidationReport, due: Due, run_id: str
) -> Scored:
    """Apply each version to its rows and enter what it says, the champion first; a shadow that fails stops nobody.

    Raises:
        DataError: the champion cannot read one value of a column, or any where ``due`` is strict; nothing is entered.
        TamperedModel: the champion's files differ from what was logged; nothing is entered.
    """
    rows = workspace.store.read(table.uri)
    late, entered, unread = 0, [], Unread()
    for turn in due.turns:
        try:
            entry, predictions, lost = _score(workspace, spec, table, _due_rows(workspace, spec, rows, turn), turn, due)
        except EvergreenError as error:
            if turn.role == "champion":
                raise
            logger.warning("%s: %s version %d did not score: %s", spec.model, turn.role, turn.version.version, error)
            continue
        entered.append(entry)
        logger.info("%s: %s version %d scored %s rows", spec.model, turn.role, entry.version, f"{entry.rows:,}")
        if turn.role == "champion":
            late, unread = int(predictions[scoring.LATE].sum()), lost
            publish(workspace, spec, entry, predictions, report, run_id, lost)
    return Scored(tuple(entered), late, report, unread=unread)


def _due_rows(workspace: Workspace, spec: ModelSpec, rows: pd.DataFrame, turn: Turn) -> pd.DataFrame:
    """A turn's rows: by cut-off or, without a time, those that were not seen before its range."""
    if spec.data.time:
        inside = (rows[CUT_OFF] > pd.Timestamp(turn.since)) & (rows[CUT_OFF] <= pd.Timestamp(turn.until))
    else:
        earlier = workspace.labelled_predictions.read_scored(spec, None, turn.since, turn.role, (KEY,))
        inside = ~rows[KEY].isin(earlier[KEY])
    return rows[inside.to_numpy()].reset_index(drop=True)


def _score(
    workspace: Workspace, spec: ModelSpec, table: FeatureTable, rows: pd.DataFrame, turn: Turn, due: Due
) -> tuple[Scoring, pd.DataFrame, Unread]:
    pipeline = workspace.registry.load(turn.version)
    _, unread = features.readable(rows, pipeline.named_steps["rows"])
    if turn.role == "champion":
        unread.refuse(str(spec.data.source), strict=due.strict)
    values = training.predict(pipeline, turn.version.task, rows, len(turn.version.classes))
    slices = spec.promotion.slices if spec.monitoring.slices is None else spec.monitoring.slices
    # Which rows came late is the champion's to say; it has entered them before any shadow does.
    ledger = workspace.ledger
    ranges = tuple((e.since, e.until) for e in ledger.scorings(spec.model, "champion", turn.since, turn.until))
    held = workspace.labelled_predictions.read_scored(spec, turn.since, turn.until, "champion", (KEY, scoring.LATE))
    known = scoring.Before(ranges, held)
    predictions = scoring.predictions(rows, values, turn.version, slices, due.as_of, known)
    stored = workspace.store.write(predictions, "predictions")
    entry = _entry(spec, turn, stored.uri, table.uri, stored.rows, due)
    ledger.replace(entry)
    return entry, predictions, unread


def _entry(spec: ModelSpec, turn: Turn, uri: str, features: str, rows: int, due: Due) -> Scoring:
    seconds, version = round(time.time() - due.begun, 3), turn.version.version
    return Scoring(spec.model, turn.role, turn.since, turn.until, uri, features, rows, version, due.as_of, seconds,
                   _peak_mb())  # fmt: skip


def _peak_mb() -> float:
    """The most memory that this process ever held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)
