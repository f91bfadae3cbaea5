"""The kinds of value that a spec is made of: durations, names, tasks, and the strict frozen part."""

from __future__ import annotations

import re
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, core_schema

from evergreen.errors import did_you_mean

_UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_DURATION = r"^(\d+(?:\.\d+)?)\s*(s|min|h|d|w)$"
#: The longest duration, and the shortest that is not nothing.
_LONGEST, _SHORTEST = timedelta(days=36_500), timedelta(seconds=1)


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
    seconds = float(match[1]) * _UNITS[match[2]]
    if seconds > _LONGEST.total_seconds():
        raise ValueError(f"{text!r} is longer than {_LONGEST.days:,} days")
    return timedelta(seconds=seconds)


def _period(span: timedelta) -> timedelta:
    if span < _SHORTEST:
        raise ValueError("must be at least one second")
    return span


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        near = ", ".join(get_close_matches(name, available_timezones(), 1)) or "Europe/Berlin"
        raise ValueError(f"{name!r} is no time zone; write one such as {near}") from None
    return name


def listed(value: object) -> object:
    """A YAML list as a tuple, which nobody can change."""
    return tuple(value) if isinstance(value, list) else value


Duration = Annotated[
    timedelta, BeforeValidator(parse_duration, json_schema_input_type=Annotated[str, Field(pattern=_DURATION)])
]
#: A duration of at least a second.
Period = Annotated[Duration, AfterValidator(_period)]
#: The name of a time zone, such as ``Europe/Berlin``.
Zone = Annotated[str, AfterValidator(_zone)]
Names = Annotated[tuple[str, ...], BeforeValidator(listed)]


def family_names() -> tuple[str, ...]:
    """The families that come with the program: a file each, none of which is imported for its name."""
    folder = Path(__file__).parents[1] / "training" / "families" / "kinds"
    return tuple(sorted(file.stem for file in folder.glob("[a-z]*.py")))


def _family(name: str) -> str:
    known = family_names()
    if name not in known:
        raise ValueError(f"{name!r} is no family{did_you_mean(name, known)}; there are {', '.join(known)}")
    return name


#: A family by its name.
Family = Annotated[
    str, AfterValidator(_family), WithJsonSchema({"enum": list(family_names()), "type": "string"}),
]  # fmt: skip
Take = Literal["count", "mean", "last", "sum", "min", "max", "std"]


class TaskNames:
    """The names of ``evergreen.learning_tasks``, imported when a spec is parsed: the command line starts without."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._known, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "enum": list(self.names())}

    def names(self) -> tuple[str, ...]:
        """Every task."""
        from evergreen.learning_tasks import TASKS

        return tuple(TASKS)

    def _known(self, name: str) -> str:
        if name not in self.names():
            raise ValueError(f"{name!r} is no task{did_you_mean(name, self.names())}")
        return name


#: A task by its name.
Task = Annotated[str, TaskNames()]


class Section(BaseModel):
    """A part of a spec: unknown keys are refused, nothing changes after parsing."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
