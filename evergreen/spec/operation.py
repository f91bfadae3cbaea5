"""How a model is watched, when it is retrained, what follows a promotion, and when its flows run."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from evergreen.spec.kinds import Duration, Names, Period, Section, Zone, listed, parse_duration

Trigger = Literal["schedule", "performance", "estimated", "drift", "volume", "age"]

_CRON = re.compile(r"^(\S+\s+){4}\S+$")


def _timing(text: str) -> str:
    """Accept a cron line, an interval or an RRULE, and nothing else."""
    if text.startswith("FREQ=") or _CRON.match(text.strip()):
        return text.strip()
    try:
        span = parse_duration(text)
    except ValueError:
        span = timedelta(0)
    if span < timedelta(seconds=1):
        raise ValueError(
            f"{text!r} is no schedule; write a cron line such as '0 6 * * *', an interval such as 10min, or an RRULE "
            "such as FREQ=WEEKLY;BYDAY=MO"
        )
    return text.strip()


Timing = Annotated[str, AfterValidator(_timing)]


class Monitoring(Section):
    """How the champion is watched on live rows."""

    window: Period = timedelta(days=7)
    """The length of a window of event time; every figure is compared with windows of the same length."""
    tolerance: Annotated[float, Field(ge=0)] | None = None
    """A fall of the primary metric that is no reason to act; by default 0.01, for losses 2 % of their reference."""
    coverage: Annotated[float, Field(gt=0, le=1)] = 0.8
    """The share of a window's rows whose label must be known before its performance is a number."""
    min_rows: Annotated[int, Field(ge=1)] = 200
    """Labelled rows that a window needs before its performance is a number."""
    slices: Names | None = None
    """Columns whose largest levels are watched on their own; by default those of promotion.slices."""
    drift_effect: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """How far (Jensen-Shannon distance, 0 to 1) a column must move before it can count as drifted."""
    drift_share: Annotated[float, Field(gt=0, le=1)] = 0.25
    """The share of columns that must have drifted for the window to count as drifted."""
    freshness: Period | None = None
    """How old the newest row may be before the data count as stale; by default one window."""
    shadow: bool = False
    """Let the newest challenger that was not promoted score the same rows; logged, never served."""


class Retraining(Section):
    """When the model is trained again."""

    on: Annotated[tuple[Trigger, ...], BeforeValidator(listed)] = ("performance", "drift", "volume", "age")
    """What may start a training."""
    every: Period = timedelta(days=30)
    """schedule: how long after the last training the next one is due."""
    age: Period = timedelta(days=90)
    """age: how old the champion's knowledge may grow."""
    volume: Annotated[float, Field(gt=0)] = 0.5
    """volume: labelled rows since the champion was fitted, as a share of those it was fitted on."""
    persistence: Annotated[int, Field(ge=1)] = 2
    """drift, estimated: so many of the last `among` windows must show it."""
    among: Annotated[int, Field(ge=1)] = 3
    """See persistence."""
    cool_down: Duration = timedelta(days=28)
    """After a training none starts for so long; a training that brought nothing doubles it."""
    max_cool_down: Duration = timedelta(days=112)
    """The longest cool-down."""
    budget: Annotated[int, Field(ge=0)] = 2
    """Trainings that the rules may start in a period."""
    period: Period = timedelta(days=90)
    """The budget's period."""
    search: Literal["refit", "full", "auto"] = "refit"
    """refit: fit the champion's recipe again. full: search all candidates again, the champion's first. auto: search
    only where the champion's recipe, fitted again, no longer does on the tuning rows what its evidence showed."""

    @model_validator(mode="after")
    def _fits(self) -> Retraining:
        if self.persistence > self.among:
            raise ValueError(f"persistence {self.persistence} is more than among {self.among}; make it at most that")
        if self.max_cool_down < self.cool_down:
            raise ValueError("max_cool_down is shorter than cool_down; make it at least as long")
        return self


class Probation(Section):
    """What follows a promotion: the old champion goes on beside the new one, on the same rows."""

    windows: Annotated[int, Field(ge=0)] = 4
    """Mature windows after which the new champion is judged against the old one; 0 for none."""
    judge: Literal["end", "each"] = "end"
    """end: once, when the probation ends. each: at every window, by a test that stays valid at 5 % over all of them."""


class Schedule(Section):
    """When the flows run by themselves; each a cron line, an interval such as 10min, or an RRULE."""

    train: Timing | None = None
    """A training whatever the rules say."""
    score: Timing | None = None
    """Score the rows that have become due."""
    monitor: Timing | None = None
    """Bring in labels, look at the windows that are ripe, decide on retraining."""
    timezone: Zone = "UTC"
    """The zone of cron lines and RRULEs."""


class Serving(Section):
    """That `evergreen serve` answers for the model's champion over HTTP."""
