"""Rows on their way through the stages: snapshots, what a suite said about them, feature tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

#: Columns that an assembled table holds beside the raw ones. Time columns are absent where a model has no time.
KEY = "__key"
TIME = "__time"  # event time, datetime64[us, UTC]
CUT_OFF = "__cut_off"  # event time minus lead: what was known then may be used
TARGET = "__target"  # the label as known at the snapshot's as_of, else null
KNOWN_AT = "__known_at"  # when the label became known; NaT where it never does
DAY = "__day"  # local calendar day, days since 1970-01-01: rows of a day depend on each other
GROUP = "__group"  # rows of a group depend on each other: one side of a split; only where the spec names a group
RESERVED = (KEY, TIME, CUT_OFF, TARGET, KNOWN_AT, DAY, GROUP)


@dataclass(frozen=True)
class Snapshot:
    """Rows of one source, joined, for a window of event time, as known at ``as_of``.

    ``start`` is the first event time that may be trained on or scored; rows before it are the run-up that history
    features need. Without a time column ``start`` and ``end`` are None.
    """

    uri: str
    rows: int
    digest: str
    as_of: datetime
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True)
class RuleResult:
    """One rule of a suite, held or broken."""

    rule: str
    severity: str
    success: bool
    observed: str
    rows_broken: int = 0
    quarantined: bool = False


@dataclass(frozen=True)
class ValidationReport:
    """What a suite said about a snapshot, and the snapshot that is left when quarantined rows are put aside."""

    suite: str
    snapshot: Snapshot
    results: tuple[RuleResult, ...]
    rows: int
    quarantined: int
    released: int = 0
    docs_uri: str = ""

    @property
    def critical(self) -> tuple[RuleResult, ...]:
        """Broken rules that stop the run."""
        return tuple(r for r in self.results if not r.success and r.severity == "critical" and not r.quarantined)

    @property
    def warnings(self) -> tuple[RuleResult, ...]:
        """Broken rules that are only reported."""
        return tuple(r for r in self.results if not r.success and r.severity != "critical" and not r.quarantined)


@dataclass(frozen=True)
class FeatureTable:
    """A snapshot with its history features: one row a row of the snapshot that may be trained on or scored.

    Besides the inputs of the model the stored table holds the columns named in ``evergreen.features.COLUMNS``.
    """

    uri: str
    rows: int
    labelled: int
    digest: str
    snapshot: Snapshot
    inputs: tuple[str, ...]
