"""Verdicts and the champion history.

The champion history is the truth about which version serves; its row is the commit. Two commands that race for the same
place in it meet in the primary key: one of them wins, the other learns that the champion moved.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import sqlalchemy as sql

from evergreen.errors import ChampionMoved, RegistryError
from evergreen.handoffs import Evidence, ModelVersion, Verdict
from evergreen.io.records.database import moment, now, open_database, who
from evergreen.io.records.entries import (
    Kind,
    Reign,
    TrainingOutcome,
    TrialRecord,
    crowning,
    kind_of,
    outcome_of,
    reign_of,
)
from evergreen.io.records.tables import CHAMPIONS, MEASUREMENTS, QUARANTINE, RELEASES, TRIALS, VERDICTS
from evergreen.io.records.texts import evidence_of, text_of


class ChampionHistory:
    """What trainings left: verdicts, the champion history, measurements, quarantine."""

    def __init__(self, url: str) -> None:
        """Open the database at this URL; it is made where it is not there.

        Raises:
            StoreError: it cannot be written, or is of another revision.
        """
        self._database = open_database(url)

    def champion(self, model: str) -> Reign | None:
        """The reigning champion, or None before the first."""
        history = self.champions(model)
        return history[-1] if history else None

    def champions(self, model: str) -> list[Reign]:
        """The whole champion history of a model, oldest first."""
        query = sql.select(CHAMPIONS).where(CHAMPIONS.c.model == model).order_by(CHAMPIONS.c.sequence)
        return [reign_of(row) for row in self._database.rows(query)]

    def version(self, model: str, number: int | None = None) -> ModelVersion:
        """A version by number, by default the champion.

        Raises:
            RegistryError: there is no such version.
        """
        reigns = self.champions(model)
        if number is None and reigns:
            return reigns[-1].version
        versions = [decision.version for decision in self.decisions(model)] + [reign.version for reign in reigns]
        known = {version.version: version for version in reversed(versions)}
        if number in known:
            return known[number]
        if number is None:
            raise RegistryError(f"{model}: there is no champion yet; run: evergreen train {model}")
        there = (
            f"known: {', '.join(map(str, sorted(known)))}"
            if known
            else f"there is none yet; run: evergreen train {model}"
        )
        raise RegistryError(f"{model}: no version {number}; {there}")

    def settle(
        self,
        run_key: str,
        version: ModelVersion,
        verdict: Verdict,
        evidence: Evidence | None,
        expected: Reign | None,
        cause: str = "",
    ) -> None:
        """Keep a training's outcome and, where it promotes, crown its version: one transaction, by compare-and-set.

        The same run key again changes nothing.

        Raises:
            ChampionMoved: the verdict promotes, but the champion is no longer the expected one.
        """
        if self.decision(version.model, run_key):
            return
        row: dict[str, str | int | None] = {
            "model": version.model, "run_key": run_key, "as_of": moment(version.fitted_as_of), "cause": cause,
            "at": now(), "detail": text_of(version), "verdict": text_of(verdict),
            "evidence": text_of(evidence) if evidence else None,
        }  # fmt: skip
        try:
            with self._database.writing(version.model) as connection:
                last = sql.select(sql.func.coalesce(sql.func.max(VERDICTS.c.sequence), 0)).where(
                    VERDICTS.c.model == version.model
                )
                row["sequence"] = connection.execute(last).scalar_one() + 1
                connection.execute(sql.insert(VERDICTS), [row])
                if verdict.promote:
                    crowned = crowning(
                        version, expected, kind_of(verdict), version.fitted_as_of, "; ".join(verdict.reasons)
                    )
                    connection.execute(sql.insert(CHAMPIONS), [crowned | {"evidence": row["evidence"]}])
        except sql.exc.IntegrityError:
            if not self.decision(version.model, run_key):
                raise self._moved(version) from None

    def crown(self, version: ModelVersion, expected: Reign | None, kind: Kind, as_of: datetime, why: str) -> None:
        """Make a version champion, if the champion is still the expected one.

        Raises:
            ChampionMoved: another version was crowned meanwhile.
        """
        try:
            self._database.insert(CHAMPIONS, [crowning(version, expected, kind, as_of, why)])
        except sql.exc.IntegrityError:
            raise self._moved(version) from None

    def end_trial(self, reign: Reign, trial: TrialRecord, previous: ModelVersion) -> None:
        """Enter how a reign's probation ended and, where it was worse, crown the champion before it: one transaction.

        The first end of a probation stands; the same again changes nothing.

        Raises:
            ChampionMoved: the champion is no longer the one that was on probation.
        """
        model = reign.version.model
        if reign.sequence in self.trials(model):
            return
        row = {
            "model": model, "sequence": reign.sequence, "worse": int(trial.worse), "better": int(trial.better),
            "why": trial.why, "as_of": moment(trial.as_of), "at": now(),
        }  # fmt: skip
        try:
            with self._database.writing(model) as connection:
                connection.execute(sql.insert(TRIALS), [row])
                if trial.worse:
                    back = crowning(previous, reign, "rollback", trial.as_of, trial.why)
                    connection.execute(sql.insert(CHAMPIONS), [back])
        except sql.exc.IntegrityError:
            if reign.sequence not in self.trials(model):
                raise self._moved(previous) from None

    def trials(self, model: str) -> dict[int, TrialRecord]:
        """How each probation ended, by the reign's sequence."""
        query = sql.select(TRIALS).where(TRIALS.c.model == model)
        return {
            row["sequence"]: TrialRecord(
                bool(row["worse"]), bool(row["better"]), row["why"], datetime.fromisoformat(row["as_of"])
            )
            for row in self._database.rows(query)
        }

    def _moved(self, version: ModelVersion) -> ChampionMoved:
        reign = self.champion(version.model)
        return ChampionMoved(
            f"{version.model}: version {reign.version.version if reign else '?'} became champion meanwhile; version "
            f"{version.version} was judged against another one and was not promoted; train again"
        )

    def decision(self, model: str, run_key: str) -> TrainingOutcome | None:
        """The recorded outcome of a training with exactly these inputs, if one finished."""
        query = sql.select(VERDICTS).where(VERDICTS.c.model == model, VERDICTS.c.run_key == run_key)
        found = [outcome_of(row) for row in self._database.rows(query)]
        return found[0] if found else None

    def decisions(self, model: str) -> list[TrainingOutcome]:
        """Every recorded outcome of a model's trainings, oldest first."""
        query = sql.select(VERDICTS).where(VERDICTS.c.model == model).order_by(VERDICTS.c.sequence)
        return [outcome_of(row) for row in self._database.rows(query)]

    def measurement(self, version: ModelVersion, run_key: str) -> Evidence | None:
        """What measuring a version with exactly these inputs showed, if it was done before."""
        query = sql.select(MEASUREMENTS.c.evidence).where(
            MEASUREMENTS.c.model == version.model,
            MEASUREMENTS.c.version == version.version,
            MEASUREMENTS.c.run_key == run_key,
        )
        found = self._database.rows(query)
        return evidence_of(found[0]["evidence"]) if found else None

    def keep_measurement(self, version: ModelVersion, run_key: str, evidence: Evidence) -> None:
        """Keep what measuring a version showed; the same again changes nothing."""
        row = {"model": version.model, "version": version.version, "run_key": run_key}
        self._database.insert(MEASUREMENTS, [row | {"evidence": text_of(evidence), "at": now()}], keep=True)

    def quarantine(self, model: str, snapshot: str, rows: Iterable[tuple[str, str]]) -> None:
        """Put rows aside, as pairs of row key and rule; a re-run of the same snapshot leaves the same records."""
        at = now()
        values = [{"model": model, "snapshot": snapshot, "row_key": key, "rule": rule, "at": at} for key, rule in rows]
        self._database.insert(QUARANTINE, values, keep=True)

    def quarantined(self, model: str) -> list[dict[str, str]]:
        """Rows put aside for a model: ``row_key``, ``rule``, ``snapshot``, ``at`` and ``released`` (yes or nothing)."""
        released = self.released(model)
        query = sql.select(QUARANTINE).where(QUARANTINE.c.model == model)
        return [
            {k: str(row[k]) for k in ("row_key", "rule", "snapshot", "at")}
            | {"released": "yes" if row["row_key"] in released else ""}
            for row in self._database.rows(query.order_by(QUARANTINE.c.rule, QUARANTINE.c.row_key))
        ]

    def release(self, model: str, keys: Sequence[str], why: str) -> int:
        """Let quarantined rows go on from the next snapshot. Returns how many were newly released."""
        new = [key for key in keys if key not in self.released(model)]
        rows = [{"model": model, "row_key": key, "who": who(), "why": why, "at": now()} for key in new]
        self._database.insert(RELEASES, rows)
        return len(rows)

    def released(self, model: str) -> frozenset[str]:
        """The keys of released rows."""
        query = sql.select(RELEASES.c.row_key).where(RELEASES.c.model == model)
        return frozenset(row["row_key"] for row in self._database.rows(query))
