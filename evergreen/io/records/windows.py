"""Which windows of a source were read, and where the snapshots of them are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sql

from evergreen.io.records.database import moment, now, open_database
from evergreen.io.records.tables import SNAPSHOTS

#: Snapshots that are looked at for the one that shares most with a window.
_NEWEST = 50


@dataclass(frozen=True)
class ReadWindow:
    """An earlier snapshot, and the window ``[start, end)`` that it shares with the one that was asked for."""

    uri: str
    as_of: datetime
    start: datetime | None
    end: datetime | None


class Windows:
    """What was read, by model and window."""

    def __init__(self, url: str) -> None:
        """Open the database at this URL; it is made where it is not there.

        Raises:
            StoreError: it cannot be written, or is of another revision.
        """
        self._database = open_database(url)

    def keep(self, model: str, start: datetime | None, end: datetime | None, as_of: datetime, uri: str) -> None:
        """Enter a snapshot; the same window as of the same moment is replaced."""
        key = {"model": model, "since": _said(start), "until": _said(end), "as_of": moment(as_of)}
        with self._database.writing(model) as connection:
            connection.execute(
                sql.delete(SNAPSHOTS).where(*(SNAPSHOTS.c[name] == value for name, value in key.items()))
            )
            connection.execute(sql.insert(SNAPSHOTS).values(**key, uri=uri, at=now()))

    def before(self, model: str, start: datetime | None, end: datetime | None, as_of: datetime) -> ReadWindow | None:
        """The earlier snapshot that reaches furthest into the window, the newest of several; None where none does."""
        query = (
            sql.select(SNAPSHOTS)
            .where(SNAPSHOTS.c.model == model, SNAPSHOTS.c.as_of < moment(as_of))
            .order_by(SNAPSHOTS.c.as_of.desc())
            .limit(_NEWEST)
        )
        found = []
        for row in self._database.rows(query):
            since = max((one for one in (row["since"], _said(start)) if one), default="")
            until = min((one for one in (row["until"], _said(end)) if one), default="")
            if not since or not until or since < until:
                found.append((row, _read(since), _read(until)))
        if not found:
            return None
        row, shared_from, shared_to = max(found, key=lambda one: _span(one[1], one[2]))
        return ReadWindow(row["uri"], datetime.fromisoformat(row["as_of"]), shared_from, shared_to)


def _said(time: datetime | None) -> str:
    return moment(time) if time else ""


def _read(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _span(start: datetime | None, end: datetime | None) -> float:
    return (end - start).total_seconds() if start and end else float("inf")
