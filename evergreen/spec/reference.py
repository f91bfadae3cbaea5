"""The reference of a model's file as Markdown, made of the spec's own models, so that it cannot say anything else."""

from __future__ import annotations

import types
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types as bounds
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from evergreen.spec.kinds import Section, TaskNames
from evergreen.spec.model import ModelSpec
from evergreen.spec.source import Sql

_HEAD = """# A model's file

<!-- Made of the spec's models by `make docs`; do not edit. -->

Every key of `deployments/NAME.yaml`. Needed are `model`, `data.source` and `data.target.column`; a file holds what
differs from the defaults. An unknown key is refused, with the nearest one that exists. A duration is written `90s`,
`2min`, `2h`, `14d` or `2w`. `evergreen check` reads every file of a project without running anything.
"""
_NAMES = {str: "text", int: "whole number", float: "number", bool: "true or false", timedelta: "duration"}
_UNITS = (("w", 7 * 86400), ("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
_BOUNDS = ((bounds.Ge, "ge", "at least"), (bounds.Gt, "gt", "above"), (bounds.Le, "le", "at most"),
           (bounds.Lt, "lt", "below"))  # fmt: skip


def reference() -> str:
    """Every key with its type, default and meaning, a section a part, in the order of the models."""
    return "\n".join([_HEAD, *_section("the file", ModelSpec, 2, set())])


def _section(path: str, part: type[BaseModel], depth: int, seen: set[type[BaseModel]]) -> Iterator[str]:
    seen.add(part)
    yield f"{'#' * depth} {path}\n\n{_line(part.__doc__ or '')}\n"
    yield "| key | value | default | meaning |\n|---|---|---|---|"
    inner = []
    for name, field in part.model_fields.items():
        below = name if part is ModelSpec else f"{path}.{name}"
        inner += [(below, one) for one in _parts(field.annotation) if one not in seen]
        meaning = _line(field.description or next((one.__doc__ for one in _parts(field.annotation)), "") or "")
        kind = _cell(_type(field.annotation, field.metadata))
        yield f"| `{field.alias or name}` | {kind} | {_default(field)} | {_cell(meaning)} |"
    yield ""
    for below, one in inner:
        if one not in seen:
            title = f"{below}, as a query" if one is Sql else below
            yield from _section(title, one, 3 if "." in below else 2, seen)


def _parts(kind: Any) -> list[type[BaseModel]]:
    """The parts that a type is made of."""
    if isinstance(kind, type) and issubclass(kind, Section):
        return [kind]
    return [part for inner in get_args(kind) for part in _parts(inner)]


def _type(kind: Any, metadata: Any = ()) -> str:
    """A type in words."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        if isinstance(inner[1], TaskNames):
            return " or ".join(f"`{name}`" for name in inner[1].names())
        return _type(inner[0], inner[1:])
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in inner)
    if origin in (Union, types.UnionType):
        return " or ".join(_type(one, metadata if one is inner[0] else ()) for one in inner if one is not type(None))
    if origin is tuple:
        return f"list of {_plural(_type(inner[0]))}"
    if origin is dict:
        return f"mapping of {_plural(_type(inner[0]))} to {_plural(_type(inner[1]))}"
    if kind is Sql:
        return "a query"
    if _parts(kind):
        return "a part of its own"
    return " ".join([_NAMES.get(kind, getattr(kind, "__name__", str(kind))), *_limits(metadata)])


def _limits(metadata: Any) -> list[str]:
    found = []
    for one in metadata:
        for sub in getattr(one, "metadata", None) or [one]:
            found += [f"{word} {getattr(sub, name):g}" for kind, name, word in _BOUNDS if isinstance(sub, kind)]
    return [", ".join(found)] if found else []


def _plural(words: str) -> str:
    first = words.split(" ", 1)[0]
    if words == "a part of its own":
        return "parts of their own"
    return f"{words}s" if first in ("text", "number", "duration", "whole") and words in _NAMES.values() else words


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    value = field.get_default(call_default_factory=True)
    if value is None or value in ("", (), {}):
        return "none"
    if isinstance(value, BaseModel):
        return "its defaults"
    return f"`{_yaml(value)}`"


def _yaml(value: Any) -> str:
    """A default as it would stand in the file."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, timedelta):
        return duration(value)
    if isinstance(value, tuple):
        return f"[{', '.join(_yaml(one) for one in value)}]"
    return str(value)


def duration(span: timedelta) -> str:
    """A time span in the largest unit that holds it whole: ``14d``, never ``2w`` for days below five weeks."""
    seconds = span.total_seconds()
    for unit, size in _UNITS:
        if seconds % size == 0 and (unit != "w" or seconds >= 5 * size) and seconds:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"


def _line(text: str) -> str:
    return " ".join(text.split())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
