"""The kinds of value that a spec is made of: durations, names, tasks, and the strict frozen part."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

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


def listed(value: object) -> object:
    """A YAML list as a tuple, which nobody can change."""
    return tuple(value) if isinstance(value, list) else value


Duration = Annotated[
    timedelta, BeforeValidator(parse_duration, json_schema_input_type=Annotated[str, Field(pattern=_DURATION)])
]
Names = Annotated[tuple[str, ...], BeforeValidator(listed)]
Task = Literal["binary", "multiclass", "regression"]
Family = Literal["lightgbm", "random_forest", "extra_trees", "linear", "mlp", "neighbours", "naive_bayes", "linear_svm"]
Take = Literal["count", "mean", "last", "sum", "min", "max", "std"]

#: The default primary metric of each task.
PRIMARY = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}


class Part(BaseModel):
    """A part of a spec: unknown keys are refused, nothing changes after parsing."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
