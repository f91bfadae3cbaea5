"""What travels between tasks: small frozen facts about rows, never the rows themselves.

A handoff names a table in the store by URI, its number of rows and the digest of its names, types and values. It costs
milliseconds to pass on; a frame of 400 MB costs seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from evergreen.spec import Task


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval; ``low`` and ``high`` are NaN where none can be given."""

    low: float
    value: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


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


@dataclass(frozen=True)
class ModelVersion:
    """A fitted model in the registry.

    Rows count as seen by it when their event time is before ``fitted_until`` or their label was known by
    ``fitted_as_of``. ``classes`` are the levels of the target in the order of the predicted probabilities; empty for a
    quantity.
    """

    model: str
    version: int
    model_id: str
    run_id: str
    sha256: str
    recipe: str
    fitted_until: datetime | None
    fitted_as_of: datetime
    task: Task = "binary"
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rule:
    """One condition of the gate: its name, whether it held, and the sentence that says why."""

    name: str
    held: bool
    reason: str


@dataclass(frozen=True)
class SliceEvidence:
    """The paired gain of the primary metric in one slice, e.g. ``origin=JFK``."""

    name: str
    rows: int
    gain: Interval
    ours: Interval


@dataclass(frozen=True)
class Evidence:
    """What a contest on rows that neither side has seen showed.

    ``gain`` is positive where the challenger is better, whatever the metric's direction; its bounds are one-sided, each
    at ``confidence``. ``blocks`` counts days or groups, ``baseline`` names the
    other side: ``champion 3`` or ``trivial``.
    """

    metric: str
    rows: int
    blocks: int
    gain: Interval
    ours: Interval
    theirs: Interval
    baseline: str
    values: dict[str, float] = field(default_factory=dict)
    slices: tuple[SliceEvidence, ...] = ()
    seconds_per_row: float = 0.0
    block_name: str = "days"
    confidence: float = 0.95


@dataclass(frozen=True)
class Verdict:
    """Promote or not, with every rule, held or broken."""

    promote: bool
    rules: tuple[Rule, ...]
    too_little: bool = False

    @property
    def reasons(self) -> tuple[str, ...]:
        """One sentence a rule, in the order in which they were judged."""
        return tuple(rule.reason for rule in self.rules)


#: Columns that an assembled table holds beside the raw ones. Time columns are absent where a model has no time.
KEY = "__key"
TIME = "__time"  # event time, datetime64[us, UTC]
CUT_OFF = "__cut_off"  # event time minus lead: what was known then may be used
TARGET = "__target"  # the label as known at the snapshot's as_of, else null
KNOWN_AT = "__known_at"  # when the label became known; NaT where it never does
DAY = "__day"  # local calendar day, days since 1970-01-01: rows of a day depend on each other
RESERVED = (KEY, TIME, CUT_OFF, TARGET, KNOWN_AT, DAY)
