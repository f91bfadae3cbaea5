"""What a model looks at: its inputs, aggregates of the past, and what stands for what is missing."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from evergreen.spec.expressions import check_expressions
from evergreen.spec.kinds import Names, Period, Section, Take, listed


class History(Section):
    """Aggregates of earlier rows that share a key, as known at the row's cut-off."""

    by: Names = ()
    """Key columns; none means all rows."""
    over: Period
    """How far back: values that became known in this period before the cut-off."""
    of: str
    """The column that is aggregated."""
    take: Annotated[tuple[Take, ...], BeforeValidator(listed), Field(min_length=1)] = ("count", "mean")
    """The aggregates."""

    @property
    def patience(self) -> timedelta:
        """How long after its event a value may become known and still count: `over`, and at least two days.

        Without a bound no run-up, however long, would hold every value that becomes known inside a window.
        """
        return max(self.over, timedelta(days=2))


class Missing(Section):
    """What stands for a missing value where a family cannot read it; LightGBM and forests read it as it is."""

    fill: float | Literal["median", "most_frequent"] = "median"
    """The median of a number, its most frequent value, or a number. A missing category is none of the levels."""
    columns: dict[str, float | str] = Field(default_factory=dict)
    """The same by column; of a category `most_frequent` or the name of a level."""
    mark: bool = True
    """Whether a column of its own says where a value was missing."""


Option = bool | int | float | str | None


class Transform(Section):
    """A transformation of some columns inside the model; what it gives stands beside them."""

    columns: Annotated[Names, Field(min_length=1)]
    """The columns that it takes."""
    by: str = Field(alias="with")
    """A transformer of scikit-learn by dotted name, such as `sklearn.preprocessing.KBinsDiscretizer`, or a function of
    the project as `module:function`, which takes a frame and gives numbers, each row from itself."""
    options: dict[str, Option | tuple[Option, ...]] = Field(default_factory=dict)
    """The transformer's or the function's own options, by keyword."""


class Features(Section):
    """What the model looks at; by default every column that is known at the cut-off."""

    history: Annotated[tuple[History, ...], BeforeValidator(listed)] = ()
    """Aggregates over earlier rows."""
    expressions: Annotated[dict[str, str], AfterValidator(check_expressions)] = Field(default_factory=dict)
    """New columns by name, as arithmetic over columns of the row."""
    categorical: Names = ()
    """Columns to treat as categories although they hold numbers."""
    exclude: Names = ()
    """Columns that are never inputs."""
    missing: Missing = Missing()
    """What stands for a missing value where a family cannot read it."""
    clip: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    """The share of training rows at each end whose numbers are pulled in, e.g. 0.01; 0 leaves numbers as they are."""
    levels: Literal["auto", "codes", "target", "counts"] = "auto"
    """What a column of more than 32 levels becomes: codes by frequency, the mean label of each level (learned on other
    rows than those that it is for), how often each occurs, or, by auto, codes and means."""
    max_levels: Annotated[int, Field(ge=2)] = 1000
    """Categories kept a column; rarer ones share one level."""
    min_level_rows: Annotated[int, Field(ge=1)] = 10
    """Rows that a category needs to have a level of its own, and that must differ for a column to be kept."""
    text: Annotated[tuple[str, ...] | Literal["auto", "never"], BeforeValidator(listed)] = "auto"
    """Columns of free text, read by their words. auto finds them (most values differ, four words or more); never takes
    them for categories."""
    text_parts: Annotated[int, Field(ge=1, le=256)] = 16
    """Numbers that a column of free text becomes."""
    dates: Literal["auto", "hours"] = "auto"
    """auto: a time that is no event time gives its calendar and the hours to the other times, beside the hours before
    the event; hours: these alone."""
    trend: Literal["auto", "always", "never"] = "auto"
    """Whether the age of a row is an input, up to the newest row of training. auto: where there is more than a year to
    fit on, and the tuning rows show that it helps. Needs a time."""
    drop: Literal["auto", "never"] = "auto"
    """auto: columns that hardly vary, and copies of others, are left out, and the summary says which."""
    select: Literal["auto", "always", "never"] = "auto"
    """Whether inputs whose shuffling costs nothing on the tuning rows are left out, if a fit without them is not shown
    to be worse. auto: of 100 inputs and more; always: of any number."""
    transform: Annotated[tuple[Transform, ...], BeforeValidator(listed)] = ()
    """Transformations by dotted name, learned in fitting and stored with the model."""
