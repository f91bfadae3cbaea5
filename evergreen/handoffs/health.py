"""What live rows said about a champion, window by window, and what the retraining rules made of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from evergreen.handoffs.models import Interval, Rule


@dataclass(frozen=True)
class WindowValue:
    """The primary metric on the labelled rows of one window of event time, ``[start, end)``.

    ``error`` is its standard error by blocks of days; ``value`` and ``error`` are NaN where they cannot be given.
    """

    start: datetime
    end: datetime
    rows: int
    value: float
    error: float


@dataclass(frozen=True)
class ColumnDrift:
    """One column of a live window beside the reference profile.

    ``effect`` is the Jensen-Shannon distance (0 to 1), ``p_value`` how often reference windows would differ as much;
    ``missing`` and ``unseen`` are shares of the rows; NaN where something cannot be told. ``reason`` says which.
    """

    name: str
    effect: float
    p_value: float
    drifted: bool
    rows: int
    missing: float
    unseen: float
    reason: str


@dataclass(frozen=True)
class Health:
    """One window of a champion's life, as it was known at ``as_of``.

    ``rows`` were scored in time, ``late`` ones were first seen after their event and count for nothing else.
    ``realised`` is None while there are not enough labels; ``estimated`` is None where no estimate can be made.
    ``drifted`` says that enough columns have drifted, ``estimated_low`` that the estimate lies below its reference.
    """

    model: str
    version: int
    start: datetime
    end: datetime
    as_of: datetime
    rows: int
    late: int
    labelled: int
    metric: str
    realised: WindowValue | None
    estimated: Interval | None
    slices: tuple[WindowSlice, ...] = ()
    drift: tuple[ColumnDrift, ...] = ()
    drifted: bool = False
    estimated_low: bool = False
    seconds: float = 0.0
    peak_mb: float = 0.0
    reasons: tuple[str, ...] = ()

    @property
    def coverage(self) -> float:
        """The share of the scored rows whose label is known."""
        return self.labelled / self.rows if self.rows else 0.0


@dataclass(frozen=True)
class WindowSlice:
    """The primary metric of one slice of a window, e.g. ``origin=JFK``, with its interval."""

    name: str
    rows: int
    value: Interval


@dataclass(frozen=True)
class RetrainingDecision:
    """What the retraining rules decided at ``as_of``: start a training or not, and every reason for either.

    ``triggers`` are the causes that were looked at (``held``: it calls for a training), ``bars`` the rules that may
    suppress one (``held``: it does not stand in the way). ``cause`` identifies what called for the training; equal
    causes start one training.
    """

    model: str
    as_of: datetime
    version: int
    fire: bool
    triggers: tuple[Rule, ...]
    bars: tuple[Rule, ...]
    cause: str

    @property
    def called(self) -> bool:
        """Whether any trigger calls for a training, suppressed or not."""
        return any(rule.held for rule in self.triggers)

    @property
    def headline(self) -> str:
        """The decision in one sentence."""
        if self.fire:
            return "A training is started"
        return "A training is called for, and held back" if self.called else "Nothing calls for a training"

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it came out so: what calls for a training, and what stands in its way."""
        if not self.called:
            return tuple(rule.reason for rule in self.triggers)
        calls = tuple(rule.reason for rule in self.triggers if rule.held)
        return calls + tuple(rule.reason for rule in self.bars if not rule.held)
