"""What one row of the champion history, of the verdicts and of the probations says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from evergreen.handoffs import Evidence, ModelVersion, Verdict
from evergreen.io.records.database import moment, now, who
from evergreen.io.records.texts import evidence_of, text_of, verdict_of, version_of

#: How a version became champion: by the gate's rule, by a person, or by a rollback to it.
Kind = Literal["superior", "not_worse", "by hand", "rollback"]


@dataclass(frozen=True)
class Reign:
    """One row of the champion history: which version became champion, how, as of when, by whom, why."""

    sequence: int
    version: ModelVersion
    kind: Kind
    as_of: datetime
    who: str
    at: str
    why: str
    evidence: Evidence | None


@dataclass(frozen=True)
class TrainingOutcome:
    """The verdict of one finished training, the version that it left, and what had called for it."""

    version: ModelVersion
    verdict: Verdict
    evidence: Evidence | None
    as_of: datetime
    cause: str
    at: str


@dataclass(frozen=True)
class TrialRecord:
    """How the probation of a champion ended: shown to be worse than the one before it, or better on average."""

    worse: bool
    better: bool
    why: str
    as_of: datetime


def kind_of(verdict: Verdict) -> Kind:
    """By which of the gate's rules a verdict promotes."""
    return "not_worse" if any(rule.name == "not_worse" for rule in verdict.rules) else "superior"


def crowning(version: ModelVersion, expected: Reign | None, kind: Kind, as_of: datetime, why: str) -> dict[str, Any]:
    """The row of the champion history that follows the expected reign."""
    return {
        "model": version.model, "sequence": expected.sequence + 1 if expected else 1, "version": version.version,
        "detail": text_of(version), "kind": kind, "as_of": moment(as_of), "who": who(), "at": now(), "why": why,
        "evidence": None,
    }  # fmt: skip


def reign_of(row: Any) -> Reign:
    """A row of the champion history."""
    return Reign(
        row["sequence"], version_of(row["detail"]), row["kind"], datetime.fromisoformat(row["as_of"]), row["who"],
        row["at"], row["why"], evidence_of(row["evidence"]),
    )  # fmt: skip


def outcome_of(row: Any) -> TrainingOutcome:
    """A row of the verdicts."""
    return TrainingOutcome(
        version_of(row["detail"]), verdict_of(row["verdict"]), evidence_of(row["evidence"]),
        datetime.fromisoformat(row["as_of"]), row["cause"], row["at"],
    )  # fmt: skip
