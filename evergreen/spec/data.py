"""Where a model's rows come from, what is known when, and which suite judges them."""

from __future__ import annotations

import codecs
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from evergreen.spec.kinds import Duration, Names, Section, Zone, listed
from evergreen.spec.source import Source


def _several(value: object) -> object:
    return (value,) if isinstance(value, str) else listed(value)


_OneOrMore = Annotated[tuple[str, ...], BeforeValidator(_several, json_schema_input_type=str | list[str])]


class Target(Section):
    """What is predicted, and when its value becomes known."""

    column: str
    """The column that holds the label; rows where it is missing have none (yet)."""
    delay: Duration = timedelta(0)
    """How long after the event time the label is known."""
    known_at: str | None = None
    """A column with the time at which the label became known, instead of `delay`."""


class Read(Section):
    """How to read values that a file writes in a way of its own; the same for training, scoring and every sample."""

    missing: Names = ()
    """Texts that mean missing in every column, beside blanks, NA, N/A, NaN, null and None."""
    sentinels: dict[str, Annotated[tuple[float | str, ...], BeforeValidator(listed)]] = Field(default_factory=dict)
    """Values that mean missing, by column: numbers (`{age: [-999]}`, also `.inf`), days (`{until: ["9999-12-31"]}`)."""
    numbers: Names = ()
    """Columns of numbers written as text: with thousand separators, a currency, a percent sign or one unit."""
    thousands: Literal[",", ".", "'", " ", "_"] | None = None
    """What separates thousands in `numbers`."""
    decimal: Literal[".", ","] = "."
    """What separates decimals in `numbers`."""
    dates: dict[str, _OneOrMore] = Field(default_factory=dict)
    """Columns of times with their form as in strptime (`%d/%m/%Y`), or `iso`, `seconds`, `milliseconds`, `microseconds`
    or `nanoseconds` since 1970, or `excel` (days since 1899-12-30); several forms are tried in their order."""
    together: dict[str, dict[str, str]] = Field(default_factory=dict)
    """Times whose parts stand in several columns, by the new column's name; each part with its form as in strptime
    (`{event_time: {Date: "%d/%m/%Y", Time: "%H.%M"}}`)."""
    texts: Names = ()
    """Columns that stay text although they look like numbers, e.g. codes with leading zeros."""
    fold: Names = ()
    """Columns of text in which upper and lower case mean the same; they become lower case."""
    drop: dict[str, Names] = Field(default_factory=dict)
    """Lines that are no rows, such as a total at the end: those with one of these texts in a column
    (`{customer: [Total]}`). Such a column is text: one of numbers stands under `numbers` too."""
    encoding: str | None = None
    """The encoding of a CSV that is not UTF-8, e.g. `cp1252` or `utf-16`."""
    separator: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    """What separates the fields of a CSV; by default the header's most frequent of comma, semicolon, tab and `|`. A
    blank means any number of them."""
    skip: Annotated[int, Field(ge=0)] = 0
    """Lines of a CSV before its table, such as a title."""
    header: Literal["first", "none"] = "first"
    """`none`: the first line of a CSV is data; columns are called as `names` says."""
    names: Names = ()
    """The columns' names where the file has none."""

    @model_validator(mode="after")
    def _fits(self) -> Read:
        if (self.header == "none") != bool(self.names):
            raise ValueError("names gives the columns' names where header is none: write both, or neither")
        if self.thousands == self.decimal:
            raise ValueError(f"thousands and decimal are both {self.decimal!r}; one of them is wrong")
        if self.encoding is not None:
            try:
                codecs.lookup(self.encoding)
            except LookupError:
                raise ValueError(f"{self.encoding} is no encoding; write e.g. utf-8, cp1252 or utf-16") from None
        seen: set[str] = set()
        for name in (*self.numbers, *self.dates, *self.texts):
            if name in seen:
                raise ValueError(f"{name} stands in two of numbers, dates and texts; a column is one of them")
            seen.add(name)
        for name, parts in self.together.items():
            if len(parts) < 2 or name in parts:
                raise ValueError(f"together: {name} is made of two columns or more, and is none of them")
        return self


class Join(Section):
    """Columns of another table, joined by key and, with `as_of`, as known at the row's cut-off."""

    source: Source
    """As `data.source`: files, `module:function`, or a query."""
    on: Annotated[Names, Field(min_length=1)]
    """Key columns, of the same names on both sides."""
    as_of: str | None = None
    """The other table's column with the time from which its row is known; the newest at the cut-off is taken."""
    tolerance: Duration | None = None
    """How old a joined row may be at most."""
    columns: Names | None = None
    """The columns to take; all by default."""
    read: Read | None = None
    """How to read values that the table's file writes in a way of its own, as `data.read`."""

    @model_validator(mode="after")
    def _tolerance_needs_as_of(self) -> Join:
        if self.tolerance is not None and self.as_of is None:
            raise ValueError("tolerance needs as_of: a join by key alone has no age")
        return self


class Data(Section):
    """Where the rows come from, and what is known when."""

    source: Source
    """File, folder (hive partitions too) or glob of CSV, Parquet, JSON lines or Feather, by any fsspec URL (`s3://`),
    relative to the project; a function of the project as `module:function`; or a query, `{sql: ..., url: ...}`."""
    target: Target
    read: Read | None = None
    """How to read values that the file writes in a way of its own; `evergreen init` finds out."""
    key: str | None = None
    """The column that identifies a row."""
    group: str | None = None
    """A column, such as the customer, whose rows stay together: without `time` on one side of each split, and as one
    block of the contest; then it is no input. With `time` rows are split by time, and it stays an input."""
    time: str | None = None
    """The event time: when the thing happens that the row is about."""
    lead: Duration = timedelta(0)
    """How long before the event time a prediction is made: the row's cut-off."""
    timezone: Zone = "UTC"
    """The zone of times that carry none, and of the calendar features."""
    later: dict[str, str] = Field(default_factory=dict)
    """Columns not known at the cut-off, each with the column that says when it is known; never inputs of their row."""
    planned: Names = ()
    """Columns that tell of the future and are known nonetheless, such as a scheduled arrival: not reported as leaks."""
    join: Annotated[tuple[Join, ...], BeforeValidator(listed)] = ()
    """Tables to join."""
    partition: str | None = None
    """A hive partition column that holds the event's calendar day; lets a window read only its folders."""


class Validation(Section):
    """Which suite judges the rows, and how many may be put aside."""

    suite: str
    """The name of a file in expectations/, without .yaml."""
    max_quarantined: Annotated[float, Field(ge=0, le=1)] = 0.05
    """The share of rows that may be quarantined before the run stops."""
