"""Health history, decision history, the outbox, and freezes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sql

from evergreen.handoffs import Health, RetrainingDecision
from evergreen.io.records.database import moment, now, open_database, who
from evergreen.io.records.tables import CLOSINGS, FIRINGS, FREEZES, HEALTH, VERDICTS
from evergreen.io.records.texts import health_of, retraining_decision_of, text_of


@dataclass(frozen=True)
class Freeze:
    """Whether a person has frozen a model, and why."""

    frozen: bool
    who: str
    why: str
    at: str


class MonitoringRecords:
    """What the monitor saw, what the rules decided, and which of their causes are still open."""

    def __init__(self, url: str) -> None:
        """Open the database at this URL; it is made where it is not there.

        Raises:
            StoreError: it cannot be written, or is of another revision.
        """
        self._database = open_database(url)

    def keep_health(self, health: Health) -> None:
        """Enter what was known of a window at a time; the same again changes nothing."""
        row = {
            "model": health.model, "start": moment(health.start), "as_of": moment(health.as_of),
            "version": health.version, "detail": text_of(health), "at": now(),
        }  # fmt: skip
        self._database.insert(HEALTH, [row], keep=True)

    def healths(self, model: str, as_of: datetime | None = None) -> list[Health]:
        """Each window as it was last known at ``as_of``, oldest first."""
        query = sql.select(HEALTH).where(HEALTH.c.model == model).order_by(HEALTH.c.start, HEALTH.c.as_of)
        if as_of:
            query = query.where(HEALTH.c.as_of <= moment(as_of))
        newest = {row["start"]: row["detail"] for row in self._database.rows(query)}
        return [health_of(text) for text in newest.values()]

    def keep_firing(self, firing: RetrainingDecision) -> RetrainingDecision:
        """Enter a decision of the rules; the first for a moment stands, and is returned."""
        row = {
            "model": firing.model, "as_of": moment(firing.as_of), "cause": firing.cause, "fire": int(firing.fire),
            "detail": text_of(firing), "at": now(),
        }  # fmt: skip
        self._database.insert(FIRINGS, [row], keep=True)
        query = sql.select(FIRINGS).where(FIRINGS.c.model == firing.model, FIRINGS.c.as_of == row["as_of"])
        return retraining_decision_of(self._database.rows(query)[0]["detail"])

    def firings(self, model: str) -> list[RetrainingDecision]:
        """Every decision, to train or not to, oldest first."""
        query = sql.select(FIRINGS).where(FIRINGS.c.model == model).order_by(FIRINGS.c.as_of)
        return [retraining_decision_of(row["detail"]) for row in self._database.rows(query)]

    def pending(self, model: str) -> list[RetrainingDecision]:
        """The outbox: decisions to train whose cause has neither a verdict nor been closed."""
        verdicts = sql.select(VERDICTS.c.cause).where(VERDICTS.c.model == model)
        done = {row["cause"] for row in self._database.rows(verdicts)} | set(self.closed(model))
        return [firing for firing in self.firings(model) if firing.fire and firing.cause not in done]

    def close(self, model: str, cause: str, as_of: datetime, why: str) -> None:
        """Enter that the training for a cause ended without a verdict; the first reason stands."""
        row = {"model": model, "cause": cause, "as_of": moment(as_of), "why": why, "at": now()}
        self._database.insert(CLOSINGS, [row], keep=True)

    def closed(self, model: str) -> dict[str, tuple[datetime, str]]:
        """When and why each cause without a verdict was closed, oldest first."""
        query = sql.select(CLOSINGS).where(CLOSINGS.c.model == model).order_by(CLOSINGS.c.as_of)
        return {row["cause"]: (datetime.fromisoformat(row["as_of"]), row["why"]) for row in self._database.rows(query)}

    def freeze(self, model: str, frozen: bool, why: str) -> None:
        """Freeze a model, or let it go on: while frozen neither rules nor rollbacks touch its champion."""
        query = sql.select(sql.func.max(FREEZES.c.sequence).label("last")).where(FREEZES.c.model == model)
        last = self._database.rows(query)[0]["last"] or 0
        row = {"model": model, "sequence": last + 1, "frozen": int(frozen), "who": who(), "why": why, "at": now()}
        self._database.insert(FREEZES, [row])

    def frozen(self, model: str) -> Freeze | None:
        """The freeze that holds, or None."""
        query = sql.select(FREEZES).where(FREEZES.c.model == model).order_by(FREEZES.c.sequence.desc()).limit(1)
        found = [Freeze(bool(row["frozen"]), row["who"], row["why"], row["at"]) for row in self._database.rows(query)]
        return found[0] if found and found[0].frozen else None
