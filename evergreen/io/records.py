"""Records that are never rewritten: verdicts, the champion history, quarantine. One small database in the workspace.

The champion history is the truth about which version serves; its row is the commit. Two commands that race for the same
place in it meet in the primary key: one of them wins, the other learns that the champion moved.
"""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sql

from evergreen.errors import ChampionMoved, StoreError
from evergreen.handoffs import Evidence, Interval, ModelVersion, Rule, SliceEvidence, Verdict

_tables = sql.MetaData()

_champions = sql.Table(
    "champion_history",
    _tables,
    sql.Column("model", sql.String, primary_key=True),
    sql.Column("sequence", sql.Integer, primary_key=True),
    sql.Column("version", sql.Integer, nullable=False),
    sql.Column("detail", sql.Text, nullable=False),
    sql.Column("who", sql.String, nullable=False),
    sql.Column("at", sql.String, nullable=False),
    sql.Column("why", sql.Text, nullable=False),
    sql.Column("evidence", sql.Text),
)
_verdicts = sql.Table(
    "verdicts",
    _tables,
    sql.Column("model", sql.String, primary_key=True),
    sql.Column("run_key", sql.String, primary_key=True),
    sql.Column("at", sql.String, nullable=False),
    sql.Column("detail", sql.Text, nullable=False),
    sql.Column("verdict", sql.Text, nullable=False),
    sql.Column("evidence", sql.Text),
)
_measurements = sql.Table(
    "measurements",
    _tables,
    sql.Column("model", sql.String, primary_key=True),
    sql.Column("version", sql.Integer, primary_key=True),
    sql.Column("run_key", sql.String, primary_key=True),
    sql.Column("evidence", sql.Text, nullable=False),
    sql.Column("at", sql.String, nullable=False),
)
_quarantine = sql.Table(
    "quarantine",
    _tables,
    sql.Column("model", sql.String, primary_key=True),
    sql.Column("snapshot", sql.String, primary_key=True),
    sql.Column("row_key", sql.String, primary_key=True),
    sql.Column("rule", sql.String, primary_key=True),
    sql.Column("at", sql.String, nullable=False),
)
_releases = sql.Table(
    "quarantine_releases",
    _tables,
    sql.Column("model", sql.String, primary_key=True),
    sql.Column("row_key", sql.String, primary_key=True),
    sql.Column("who", sql.String, nullable=False),
    sql.Column("why", sql.Text, nullable=False),
    sql.Column("at", sql.String, nullable=False),
)


@dataclass(frozen=True)
class Reign:
    """One row of the champion history: which version became champion, when, by whom, why."""

    sequence: int
    version: ModelVersion
    who: str
    at: str
    why: str
    evidence: Evidence | None


@dataclass(frozen=True)
class Decision:
    """The verdict of one finished training, and the version that it left."""

    version: ModelVersion
    verdict: Verdict
    evidence: Evidence | None
    at: str


class Records:
    """The records of one workspace."""

    def __init__(self, folder: Path) -> None:
        """Open (and create, where it is not there) ``records.db`` in ``folder``.

        Raises:
            StoreError: the folder cannot be written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._engine = sql.create_engine(f"sqlite:///{folder / 'records.db'}", connect_args={"timeout": 30})
            with self._engine.begin() as connection:
                connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            # Two processes that create the same table at once: the second finds it there.
            with suppress(sql.exc.OperationalError):
                _tables.create_all(self._engine)
            _tables.create_all(self._engine)
        except (OSError, sql.exc.OperationalError) as error:
            raise StoreError(f"{folder}: the workspace cannot be written ({error}); set EVERGREEN_WORKSPACE") from None

    def champion(self, model: str) -> Reign | None:
        """The reigning champion, or None before the first."""
        history = self.champions(model)
        return history[-1] if history else None

    def champions(self, model: str) -> list[Reign]:
        """The whole champion history of a model, oldest first."""
        query = sql.select(_champions).where(_champions.c.model == model).order_by(_champions.c.sequence)
        return [
            Reign(r["sequence"], _version(r["detail"]), r["who"], r["at"], r["why"], _evidence(r["evidence"]))
            for r in self._rows(query)
        ]

    def settle(
        self, run_key: str, version: ModelVersion, verdict: Verdict, evidence: Evidence | None, expected: Reign | None
    ) -> None:
        """Keep a training's outcome and, where it promotes, crown its version: one transaction, by compare-and-set.

        The same run key again changes nothing.

        Raises:
            ChampionMoved: the verdict promotes, but the champion is no longer the expected one.
        """
        if self.decision(version.model, run_key):
            return
        row = {
            "model": version.model,
            "run_key": run_key,
            "at": _now(),
            "detail": _text(version),
            "verdict": _text(verdict),
            "evidence": _text(evidence) if evidence else None,
        }
        try:
            with self._engine.begin() as connection:
                connection.execute(sql.insert(_verdicts), [row])
                if verdict.promote:
                    reign = _reign(version, expected, "; ".join(verdict.reasons), evidence)
                    connection.execute(sql.insert(_champions), [reign])
        except sql.exc.IntegrityError:
            if not self.decision(version.model, run_key):
                raise self._moved(version) from None

    def crown(self, version: ModelVersion, expected: Reign | None, why: str) -> None:
        """Make a version champion by hand, if the champion is still the expected one.

        Raises:
            ChampionMoved: another version was crowned meanwhile.
        """
        try:
            self._insert(_champions, [_reign(version, expected, why, None)])
        except sql.exc.IntegrityError:
            raise self._moved(version) from None

    def _moved(self, version: ModelVersion) -> ChampionMoved:
        now = self.champion(version.model)
        return ChampionMoved(
            f"{version.model}: version {now.version.version if now else '?'} became champion meanwhile; version "
            f"{version.version} was judged against another one and was not promoted; train again"
        )

    def decision(self, model: str, run_key: str) -> Decision | None:
        """The recorded outcome of a training with exactly these inputs, if one finished."""
        query = sql.select(_verdicts).where(_verdicts.c.model == model, _verdicts.c.run_key == run_key)
        rows = [_decision(r) for r in self._rows(query)]
        return rows[0] if rows else None

    def decisions(self, model: str) -> list[Decision]:
        """Every recorded outcome of a model's trainings, oldest first."""
        query = sql.select(_verdicts).where(_verdicts.c.model == model).order_by(_verdicts.c.at)
        return [_decision(r) for r in self._rows(query)]

    def measurement(self, version: ModelVersion, run_key: str) -> Evidence | None:
        """What measuring a version with exactly these inputs showed, if it was done before."""
        query = sql.select(_measurements.c.evidence).where(
            _measurements.c.model == version.model,
            _measurements.c.version == version.version,
            _measurements.c.run_key == run_key,
        )
        rows = self._rows(query)
        return _evidence(rows[0]["evidence"]) if rows else None

    def keep_measurement(self, version: ModelVersion, run_key: str, evidence: Evidence) -> None:
        """Keep what measuring a version showed; the same again changes nothing."""
        row = {"model": version.model, "version": version.version, "run_key": run_key}
        with suppress(sql.exc.IntegrityError):
            self._insert(_measurements, [row | {"evidence": _text(evidence), "at": _now()}])

    def quarantine(self, model: str, snapshot: str, rows: Iterable[tuple[str, str]]) -> None:
        """Put rows aside, as pairs of row key and rule; a re-run of the same snapshot leaves the same records."""
        at = _now()
        values = [{"model": model, "snapshot": snapshot, "row_key": key, "rule": rule, "at": at} for key, rule in rows]
        if values:
            with self._engine.begin() as connection:
                connection.execute(sql.insert(_quarantine).prefix_with("OR IGNORE"), values)

    def quarantined(self, model: str) -> list[dict[str, str]]:
        """Rows put aside for a model: ``row_key``, ``rule``, ``snapshot``, ``at`` and ``released`` (yes or nothing)."""
        released = self.released(model)
        query = (
            sql.select(_quarantine)
            .where(_quarantine.c.model == model)
            .order_by(_quarantine.c.rule, _quarantine.c.row_key)
        )
        return [
            {k: str(r[k]) for k in ("row_key", "rule", "snapshot", "at")}
            | {"released": "yes" if r["row_key"] in released else ""}
            for r in self._rows(query)
        ]

    def release(self, model: str, keys: Sequence[str], why: str) -> int:
        """Let quarantined rows go on from the next snapshot. Returns how many were newly released."""
        new = [key for key in keys if key not in self.released(model)]
        rows = [{"model": model, "row_key": k, "who": getpass.getuser(), "why": why, "at": _now()} for k in new]
        if rows:
            self._insert(_releases, rows)
        return len(rows)

    def released(self, model: str) -> frozenset[str]:
        """The keys of released rows."""
        query = sql.select(_releases.c.row_key).where(_releases.c.model == model)
        return frozenset(r["row_key"] for r in self._rows(query))

    def _rows(self, query: sql.Select[Any]) -> list[Any]:
        with self._engine.connect() as connection:
            return list(connection.execute(query).mappings())

    def _insert(self, table: sql.Table, rows: list[dict[str, Any]]) -> None:
        with self._engine.begin() as connection:
            connection.execute(sql.insert(table), rows)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _reign(version: ModelVersion, expected: Reign | None, why: str, evidence: Evidence | None) -> dict[str, Any]:
    return {
        "model": version.model,
        "sequence": expected.sequence + 1 if expected else 1,
        "version": version.version,
        "detail": _text(version),
        "who": getpass.getuser(),
        "at": _now(),
        "why": why,
        "evidence": _text(evidence) if evidence else None,
    }


def _text(handoff: Any) -> str:
    return json.dumps(asdict(handoff), default=lambda value: value.isoformat())


def _version(text: str) -> ModelVersion:
    values = json.loads(text)
    until = values.pop("fitted_until")
    as_of = values.pop("fitted_as_of")
    values["classes"] = tuple(values["classes"])
    return ModelVersion(
        **values,
        fitted_until=datetime.fromisoformat(until) if until else None,
        fitted_as_of=datetime.fromisoformat(as_of),
    )


def _verdict(text: str) -> Verdict:
    values = json.loads(text)
    return Verdict(values["promote"], tuple(Rule(**rule) for rule in values["rules"]), values["too_little"])


def _evidence(text: str | None) -> Evidence | None:
    if not text:
        return None
    values = json.loads(text)
    values |= {name: Interval(**values[name]) for name in ("gain", "ours", "theirs")}
    values["slices"] = tuple(
        SliceEvidence(s["name"], s["rows"], Interval(**s["gain"]), Interval(**s["ours"])) for s in values["slices"]
    )
    return Evidence(**values)


def _decision(row: Any) -> Decision:
    return Decision(_version(row["detail"]), _verdict(row["verdict"]), _evidence(row["evidence"]), row["at"])
