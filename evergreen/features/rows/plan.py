"""What is to be made of a model's inputs, as its spec says, and what a matrix's column is when it is made."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from evergreen.handoffs import TIME, InputSelection
from evergreen.spec import ModelSpec, Task

#: Levels a column has at most when each becomes a column of its own.
ONE_HOT_LEVELS = 24
#: Columns with more levels are ranked by frequency and read as numbers. Boosting that may pick any subset of thousands
#: of levels learns them by heart: on later flights ROC AUC fell from 0.776 to 0.758 with all text columns as sets.
MOST_LEVELS_IN_A_SET = 32


@dataclass(frozen=True)
class Plan:
    """How rows become a matrix; plain values only, so that it is stored with the model.

    Attributes:
        categorical: Columns to treat as categories although they hold numbers.
        time_column: The event time, from which calendar parts, the trend and the age of other times are taken.
        timezone: The zone of the calendar parts.
        task: What is predicted; found from the labels when it is None.
        seed: Of the folds that target means are learned by, and of what texts are made into.
        trend: Whether the age of a row is an input: ``always``, ``never``, or ``auto``, as a view says.
        select: Whether inputs of no use may be left out: ``auto``, ``always`` or ``never``.
        dates: Whether times give their parts and differences beside the hours before the event.
        levels: What a column of many levels becomes: ``codes``, ``target``, ``counts`` or ``auto``.
        max_levels: Categories kept a column; the most frequent ones.
        min_level_rows: Rows that a category needs to be kept, and that must differ for a column to be kept.
        text: Columns of free text; ``auto`` finds them, ``never`` takes them for categories.
        text_parts: Numbers that a column of free text becomes.
        clip: The share of rows at each end whose numbers are pulled in; 0 for none.
        fill: What stands for a missing value where an estimator cannot read it: ``median``, ``most_frequent``, a value.
        fills: The same by column.
        mark: Whether such values are marked in a column of their own.
        drop: Whether columns that hardly vary, and copies of another, are left out.
        transform: Transformations by dotted name: columns, name, options as JSON text.
        without: Inputs that are left out, each with the reason.
    """

    categorical: tuple[str, ...] = ()
    time_column: str | None = None
    timezone: str = "UTC"
    task: Task | None = None
    seed: int = 0
    trend: str = "never"
    select: str = "never"
    dates: bool = True
    levels: str = "auto"
    max_levels: int = 1000
    min_level_rows: int = 10
    text: tuple[str, ...] | str = "auto"
    text_parts: int = 16
    clip: float = 0.0
    fill: float | str = "median"
    fills: tuple[tuple[str, float | str], ...] = ()
    mark: bool = True
    drop: bool = True
    transform: tuple[tuple[tuple[str, ...], str, str], ...] = ()
    without: tuple[tuple[str, str], ...] = ()

    def fill_of(self, column: str) -> float | str:
        """What stands for a missing value of a column."""
        return dict(self.fills).get(column, self.fill)

    def seen_by(self, view: InputSelection) -> Plan:
        """The same plan for a model that looks at less, or at the age of a row too."""
        reasons = tuple((name, _NO_USE) for name in view.without)
        return replace(self, trend="always" if view.trend else self.trend, without=self.without + reasons)


_NO_USE = "of no use on the tuning rows: shuffling it costs nothing"


@dataclass(frozen=True)
class Column:
    """A column of the matrix.

    Attributes:
        name: Its own.
        source: The input that it was made of, as people know it.
        levels: How many of its levels are worth a column of their own; 0 for a number.
        period: After which it comes round; 0 for what does not.
        fill: What stands for a missing value.
        mark: Whether a missing value is marked.
        typical: The median, or the value of the most frequent level.
        is_set: Whether boosting splits it by subsets of its levels.
    """

    name: str
    source: str
    levels: int = 0
    period: float = 0.0
    fill: float = 0.0
    mark: bool = False
    typical: float = 0.0
    is_set: bool = False


def plan_of(spec: ModelSpec, inputs: Sequence[str], task: Task | None = None) -> Plan:
    """What a model's spec says of its row features."""
    asked, missing = spec.features, spec.features.missing
    return Plan(
        categorical=tuple(column for column in asked.categorical if column in inputs),
        time_column=TIME if spec.data.time else None,
        timezone=spec.data.timezone,
        task=task or spec.training.task,
        seed=spec.training.seed,
        trend=asked.trend,
        select=asked.select,
        dates=asked.dates == "auto",
        levels=asked.levels,
        max_levels=asked.max_levels,
        min_level_rows=asked.min_level_rows,
        text=asked.text,
        text_parts=asked.text_parts,
        clip=asked.clip,
        fill=missing.fill,
        fills=tuple(sorted(missing.columns.items())),
        mark=missing.mark,
        drop=asked.drop == "auto",
        transform=tuple((one.columns, one.by, _canonical(one.options)) for one in asked.transform),
    )


def _canonical(options: Mapping[str, object]) -> str:
    return json.dumps(options, sort_keys=True)
