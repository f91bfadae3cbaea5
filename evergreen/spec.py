"""A model's file: one strict, frozen description of what a model is, parsed at the edge and trusted inside."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from evergreen.documents import load_yaml
from evergreen.errors import SpecError, did_you_mean

_UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_DURATION = r"^(\d+(?:\.\d+)?)\s*(s|min|h|d|w)$"


def parse_duration(text: object) -> timedelta:
    """Turn ``90s``, ``2min``, ``2h``, ``14d`` or ``2w`` into a time span.

    Raises:
        ValueError: the text is none of these.
    """
    if isinstance(text, timedelta):
        return text
    match = re.match(_DURATION, str(text).strip())
    if not match:
        raise ValueError(f"{text!r} is not a duration; write for example 90s, 2min, 2h, 14d or 2w")
    return timedelta(seconds=float(match[1]) * _UNITS[match[2]])


def _listed(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


Duration = Annotated[
    timedelta, BeforeValidator(parse_duration, json_schema_input_type=Annotated[str, Field(pattern=_DURATION)])
]
Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Task = Literal["binary", "multiclass", "regression"]
Family = Literal["lightgbm", "random_forest", "extra_trees", "linear"]
Take = Literal["count", "mean", "last", "sum", "min", "max", "std"]

#: The default primary metric of each task.
PRIMARY = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}


class Part(BaseModel):
    """A part of a spec: unknown keys are refused, nothing changes after parsing."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Target(Part):
    """What is predicted, and when its value becomes known."""

    column: str
    """The column that holds the label; rows where it is missing have none (yet)."""
    delay: Duration = timedelta(0)
    """How long after the event time the label is known."""
    known_at: str | None = None
    """A column with the time at which the label became known, instead of `delay`."""


class Join(Part):
    """Columns of another table, joined by key and, with `as_of`, as known at the row's cut-off."""

    source: str
    """File, folder or glob, by any fsspec URL; relative to the project."""
    on: Annotated[Names, Field(min_length=1)]
    """Key columns, of the same names on both sides."""
    as_of: str | None = None
    """The other table's column with the time from which its row is known; the newest at the cut-off is taken."""
    tolerance: Duration | None = None
    """How old a joined row may be at most."""
    columns: Names | None = None
    """The columns to take; all by default."""

    @model_validator(mode="after")
    def _tolerance_needs_as_of(self) -> Join:
        if self.tolerance is not None and self.as_of is None:
            raise ValueError("tolerance needs as_of: a join by key alone has no age")
        return self


class Data(Part):
    """Where the rows come from, and what is known when."""

    source: str
    """File, folder (hive partitions too) or glob, CSV or Parquet, by any fsspec URL; relative to the project."""
    target: Target
    key: str | None = None
    """The column that identifies a row."""
    time: str | None = None
    """The event time: when the thing happens that the row is about."""
    lead: Duration = timedelta(0)
    """How long before the event time a prediction is made: the row's cut-off."""
    timezone: str = "UTC"
    """The zone of times that carry none, and of the calendar features."""
    later: dict[str, str] = Field(default_factory=dict)
    """Columns not known at the cut-off, each with the column that says when it is known; never inputs of their row."""
    join: Annotated[tuple[Join, ...], BeforeValidator(_listed)] = ()
    """Tables to join."""
    partition: str | None = None
    """A hive partition column that holds the event's calendar day; lets a window read only its folders."""


class Validation(Part):
    """Which suite judges the rows, and how many may be put aside."""

    suite: str
    """The name of a file in expectations/, without .yaml."""
    max_quarantined: Annotated[float, Field(ge=0, le=1)] = 0.05
    """The share of rows that may be quarantined before the run stops."""


class History(Part):
    """Aggregates of earlier rows that share a key, as known at the row's cut-off."""

    by: Names = ()
    """Key columns; none means all rows."""
    over: Duration
    """How far back: values that became known in this period before the cut-off."""
    of: str
    """The column that is aggregated."""
    take: Annotated[tuple[Take, ...], BeforeValidator(_listed), Field(min_length=1)] = ("count", "mean")
    """The aggregates."""

    @property
    def patience(self) -> timedelta:
        """How long after its event a value may become known and still count: `over`, and at least two days.

        Without a bound no run-up, however long, would hold every value that becomes known inside a window.
        """
        return max(self.over, timedelta(days=2))


class Features(Part):
    """What the model looks at; by default every column that is known at the cut-off."""

    history: Annotated[tuple[History, ...], BeforeValidator(_listed)] = ()
    """Aggregates over earlier rows."""
    expressions: dict[str, str] = Field(default_factory=dict)
    """New columns by name, as arithmetic over columns of the row."""
    categorical: Names = ()
    """Columns to treat as categories although they hold numbers."""
    exclude: Names = ()
    """Columns that are never inputs."""
    max_levels: Annotated[int, Field(ge=2)] = 1000
    """Categories kept a column; rarer ones share one level."""
    min_level_rows: Annotated[int, Field(ge=1)] = 10
    """Rows that a category needs to have a level of its own."""


class Training(Part):
    """How candidates are fitted and compared."""

    task: Task | None = None
    """Found from the target when left out."""
    metric: str | None = None
    """The primary metric: roc_auc, log_loss, rmse, ... by default the task's own."""
    window: Duration | Literal["all"] = "all"
    """How far back training reads."""
    holdout: Duration | Annotated[float, Field(gt=0, lt=1)] = 0.2
    """The newest labelled rows, which no choice ever sees: a period, or a share."""
    tuning: Duration | Annotated[float, Field(gt=0, lt=1)] = 0.2
    """The rows before the holdout on which candidates are compared: a period, or a share."""
    budget: Duration = timedelta(minutes=2)
    """Wall time for fitting candidates; a fixed sequence is cut where it runs out."""
    families: Annotated[tuple[Family, ...], BeforeValidator(_listed)] = (
        "lightgbm", "random_forest", "extra_trees", "linear",
    )  # fmt: skip
    """The families of candidates."""
    class_weight: Literal["none", "balanced"] = "none"
    """Weigh classes equally."""
    weight: str | None = None
    """A column of sample weights; never an input."""
    seed: int = 0
    """Makes a run reproducible to the bit."""


class Promotion(Part):
    """When a challenger becomes champion."""

    rule: Literal["superior", "not_worse"] = "superior"
    """superior: the gain is shown to be above zero. not_worse: above minus the margin."""
    margin: Annotated[float, Field(ge=0)] = 0.0
    """The loss in the primary metric that not_worse tolerates."""
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Confidence of the one-sided interval."""
    floors: dict[str, float] = Field(default_factory=dict)
    """The worst acceptable value of a metric: a minimum, for losses a maximum."""
    slices: Names = ()
    """Columns whose largest levels are judged on their own."""
    slice_margin: Annotated[float, Field(ge=0)] = 0.01
    """A slice breaks the gate when its loss is shown to be above this."""
    min_slice_rows: Annotated[int, Field(ge=1)] = 500
    """A smaller slice is reported, not judged."""
    min_rows: Annotated[int, Field(ge=1)] = 200
    """Unseen labelled rows that a verdict needs."""
    max_seconds_per_1000_rows: Annotated[float, Field(gt=0)] | None = None
    """A bound on scoring time."""


class ModelSpec(Part):
    """One model: everything but `model`, `data.source` and `data.target` has a default worth having."""

    model: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    """The model's name, also the name of its file."""
    question: str = ""
    """What is predicted, in one sentence."""
    data: Data
    validation: Annotated[Validation | None, BeforeValidator(lambda v: {"suite": v} if isinstance(v, str) else v)] = (
        None
    )
    """The suite in expectations/, by name or with its limits."""
    features: Annotated[Features, BeforeValidator(lambda v: {} if v == "auto" else v)] = Features()
    training: Training = Training()
    promotion: Promotion = Promotion()

    @property
    def digest(self) -> str:
        """The identity of this description: equal for equal content, whatever its comments or layout."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def run_up(self) -> timedelta:
        """How far before a window, in event time, lies the oldest row whose value its history features can see."""
        reaches = [
            rule.over + rule.patience + (self.data.target.delay if rule.of == self.data.target.column else timedelta(0))
            for rule in self.features.history
        ]
        return max(reaches) + self.data.lead if reaches else timedelta(0)


def load_spec(path: Path) -> ModelSpec:
    """Read one model's file.

    Raises:
        SpecError: the file is missing, is no YAML mapping, or has keys or values that are not understood; the message
            names file and key path.
    """
    try:
        content = load_yaml(path)
    except FileNotFoundError:
        near = did_you_mean(path.stem, (p.stem for p in path.parent.glob("*.yaml")))
        raise SpecError(f"{path}: no such model{near}") from None
    if not isinstance(content, dict):
        raise SpecError(f"{path}: a model's file is a mapping that starts with 'model: NAME'")
    try:
        spec = ModelSpec.model_validate(content)
    except ValidationError as error:
        raise SpecError("\n".join(_explain(path, item) for item in error.errors())) from None
    if spec.model != path.stem:
        raise SpecError(f"{path}: model: {spec.model!r} differs from the file's name; call one like the other")
    return spec


def load_specs(folder: Path) -> list[ModelSpec]:
    """Read every model's file of a folder, by name."""
    return [load_spec(path) for path in sorted(folder.glob("*.yaml"))]


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a model's file, for editors."""
    return ModelSpec.model_json_schema()


def _explain(path: Path, item: Any) -> str:
    where = ".".join(str(part) for part in item["loc"] if not str(part).startswith(("function-", "constrained-")))
    if item["type"] == "extra_forbidden":
        return f"{path}: {where}: unknown key{did_you_mean(str(item['loc'][-1]), _keys_at(item['loc'][:-1]))}"
    if item["type"] == "missing":
        return f"{path}: {where}: missing; every model's file needs it"
    message = item["msg"].removeprefix("Value error, ")
    return f"{path}: {where}: {message[0].lower()}{message[1:]}" if where else f"{path}: {message}"


def _keys_at(loc: tuple[int | str, ...]) -> list[str]:
    part: dict[str, Any] = json_schema()
    definitions = part["$defs"]
    for step in loc:
        part = part.get("items", part) if isinstance(step, int) else part.get("properties", {}).get(step, part)
        options = [option for option in part.get("anyOf", [part]) if "$ref" in option]
        if options:
            part = definitions[options[0]["$ref"].rsplit("/", 1)[-1]]
        elif "items" in part and "$ref" in part["items"]:
            part = definitions[part["items"]["$ref"].rsplit("/", 1)[-1]]
    return list(part.get("properties", {}))
