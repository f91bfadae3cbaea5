"""The indexes of the prediction ledger and the label ledger; their rows are tables in the store.

The prediction ledger is a map from cut-offs to stored tables, without overlaps: writing a range again replaces what was
there, and a reader who keeps to ``(since, until]`` of each entry never meets a row twice.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sql

from evergreen.io.records.database import moment, now, open_database
from evergreen.io.records.tables import LABELS, SCORINGS

#: Who scored: the champion serves; the previous champion and challengers only run beside it.
Role = Literal["champion", "previous", "challenger"]


@dataclass(frozen=True)
class Scoring:
    """One stored table of predictions, valid for the cut-offs in ``(since, until]``.

    ``features`` is the table of inputs that they were made from, ``seconds`` and ``peak_mb`` what making them took.
    """

    model: str
    role: Role
    since: datetime
    until: datetime
    uri: str
    features: str
    rows: int
    version: int
    as_of: datetime
    seconds: float = 0.0
    peak_mb: float = 0.0


@dataclass(frozen=True)
class LabelBatch:
    """One stored table of labels that became known in a run as of ``as_of``."""

    as_of: datetime
    uri: str
    rows: int
    corrected: int


class Ledger:
    """What was predicted, and what turned out to be true."""

    def __init__(self, url: str) -> None:
        """Open the database at this URL; it is made where it is not there.

        Raises:
            StoreError: it cannot be written, or is of another revision.
        """
        self._database = open_database(url)

    def replace(self, scoring: Scoring) -> None:
        """Enter predictions for a range of cut-offs; what was there for any of them is replaced, in one transaction."""
        with self._database.writing(scoring.model) as connection:
            where = _overlapping(scoring.model, scoring.role, scoring.since, scoring.until)
            old = [_scoring(row) for row in connection.execute(sql.select(SCORINGS).where(*where)).mappings()]
            connection.execute(sql.delete(SCORINGS).where(*where))
            rest = [replace(one, until=scoring.since) for one in old if one.since < scoring.since]
            rest += [replace(one, since=scoring.until) for one in old if one.until > scoring.until]
            connection.execute(sql.insert(SCORINGS), [_row(one) for one in [*rest, scoring]])

    def scorings(
        self, model: str, role: Role = "champion", since: datetime | None = None, until: datetime | None = None
    ) -> list[Scoring]:
        """The entries with a cut-off in ``(since, until]``, oldest first."""
        query = sql.select(SCORINGS).where(*_overlapping(model, role, since, until)).order_by(SCORINGS.c.until)
        return [_scoring(row) for row in self._database.rows(query)]

    def last_cut_off(self, model: str, role: Role = "champion") -> datetime | None:
        """The newest cut-off that was scored."""
        query = sql.select(sql.func.max(SCORINGS.c.until).label("until")).where(
            SCORINGS.c.model == model, SCORINGS.c.role == role
        )
        newest = self._database.rows(query)[0]["until"]
        return datetime.fromisoformat(newest) if newest else None

    def keep_labels(self, model: str, batch: LabelBatch) -> None:
        """Enter labels that became known; the same run again changes nothing."""
        row = asdict(batch) | {"model": model, "as_of": moment(batch.as_of), "at": now()}
        self._database.insert(LABELS, [row], keep=True)

    def label_batches(self, model: str, as_of: datetime | None = None) -> list[LabelBatch]:
        """The batches of labels that were known at ``as_of``, oldest first."""
        query = sql.select(LABELS).where(LABELS.c.model == model).order_by(LABELS.c.as_of)
        if as_of:
            query = query.where(LABELS.c.as_of <= moment(as_of))
        return [
            LabelBatch(datetime.fromisoformat(row["as_of"]), row["uri"], row["rows"], row["corrected"])
            for row in self._database.rows(query)
        ]


def _overlapping(model: str, role: str, since: datetime | None, until: datetime | None) -> list[Any]:
    where = [SCORINGS.c.model == model, SCORINGS.c.role == role]
    if since:
        where.append(SCORINGS.c.until > moment(since))
    if until:
        where.append(SCORINGS.c.since < moment(until))
    return where


def _row(scoring: Scoring) -> dict[str, Any]:
    times = {name: moment(getattr(scoring, name)) for name in ("since", "until", "as_of")}
    return asdict(scoring) | times | {"at": now()}


def _scoring(row: Any) -> Scoring:
    values = {name: value for name, value in row.items() if name != "at"}
    times = {name: datetime.fromisoformat(row[name]) for name in ("since", "until", "as_of")}
    return Scoring(**{**values, **times})
