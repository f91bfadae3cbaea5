"""Models and what is known of them: versions, evidence, verdicts."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from datetime import datetime

from evergreen.spec import Task

#: The threshold where none was chosen.
_EVEN = 0.5


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval; ``low`` and ``high`` are NaN where none can be given."""

    low: float
    value: float
    high: float

    def __str__(self) -> str:
        if math.isnan(self.low) or math.isnan(self.high):
            return "no value" if math.isnan(self.value) else f"{self.value:.3f} (no interval)"
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True)
class ModelVersion:
    """A fitted model in the registry.

    Rows count as seen by it when their event time is before ``fitted_until`` or their label was known by
    ``fitted_as_of``. ``classes`` name the columns of a prediction: the levels of the target in the order of the
    predicted probabilities, or the quantiles; empty for a quantity. ``fitted_rows`` counts the rows that it was
    fitted on. ``functions`` holds the digest of the code of each of the project's functions that made its rows and
    columns, by ``module:function``; None in a version from before 0.2.0.
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
    fitted_rows: int = 0
    functions: dict[str, str] | None = field(default=None, hash=False)

    @property
    def threshold(self) -> float:
        """The probability from which this version decides for class 1; its recipe carries it."""
        return float(json.loads(self.recipe).get("threshold", _EVEN)) if self.recipe.startswith("{") else _EVEN


@dataclass(frozen=True)
class Rule:
    """One condition of the gate: its name, whether it held, and the sentence that says why."""

    name: str
    held: bool
    reason: str


@dataclass(frozen=True)
class SliceEvidence:
    """The paired gain of the primary metric in one slice, e.g. ``origin=JFK``; ``undefined`` says why it has none."""

    name: str
    rows: int
    gain: Interval
    ours: Interval
    undefined: str = ""

    @property
    def value(self) -> str:
        """The challenger's value with its interval, or why there is none."""
        return f"undefined: {self.undefined}" if self.undefined else str(self.ours)


@dataclass(frozen=True)
class Evidence:
    """What a contest on rows that neither side has seen showed.

    ``gain`` is positive where the challenger is better, whatever the metric's direction; its bounds are one-sided, each
    at ``confidence``. ``blocks`` counts days or groups, ``baseline`` names the
    other side: ``champion 3`` or ``trivial``. ``undefined`` holds the reason for each value that is NaN. ``chosen``
    says which unseen rows judged, where that is not all of them; ``judged`` is the stored table of their keys, where
    rows have no time to tell which a later contest may use. ``intervals`` holds 95 % intervals of values that say how
    true a prediction is (coverage, bias).
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
    undefined: dict[str, str] = field(default_factory=dict)
    chosen: str = ""
    judged: str = ""
    intervals: dict[str, Interval] = field(default_factory=dict)


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
