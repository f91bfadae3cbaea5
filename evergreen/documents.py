"""YAML as people mean it: ``on`` and ``no`` are words, a key stands once, and errors name the file and the place."""

from __future__ import annotations

import math
import os
import re
import stat
from collections.abc import Hashable
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from evergreen.errors import SpecError, did_you_mean

Model = TypeVar("Model", bound=BaseModel)


#: Bytes of a file that a person writes, at most, and how deep its parts may lie in each other.
_LARGEST, _DEEPEST = 1_000_000, 50


class _Loader(yaml.SafeLoader):
    """A safe loader in which only true and false are booleans (YAML 1.2).

    Repeated keys, keys that are no plain values, numbers that are not finite, and deep nesting are refused.
    """

    _depth = 0

    yaml_implicit_resolvers = {  # noqa: RUF012 (the base class's attribute)
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: Any, index: Any) -> Any:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _refused(f"nested more than {_DEEPEST} levels deep", self.peek_event())  # type: ignore[no-untyped-call]
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            value = super().construct_object(node, deep)
        except (ValueError, OverflowError) as error:  # 5,000 digits; the 45th of May
            raise _refused(f"not a value: {error}", node) from None
        if isinstance(value, float) and not math.isfinite(value):
            raise _refused("not a finite number", node)
        return value

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise _refused("a key is a word, not a list or a mapping", key_node)
            if key in seen:
                raise _refused(f"key {key!r} stands twice", key_node)
            seen.add(key)
        return super().construct_mapping(node, deep)


def _refused(problem: str, node: Any) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def load_yaml(path: Path) -> Any:
    """Read one YAML file.

    Raises:
        FileNotFoundError: there is no such file.
        SpecError: the file cannot be read as YAML; the message names file, line and column.
    """
    try:
        return yaml.load(_read(path).decode("utf-8"), Loader=_Loader)
    except UnicodeDecodeError as error:
        raise SpecError(f"{path}: not UTF-8 text at byte {error.start}; save the file as UTF-8") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise SpecError(f"{where}: not readable as YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise SpecError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from None


def _read(path: Path) -> bytes:
    """The bytes of a file that a person wrote in a project.

    Raises:
        FileNotFoundError: there is no such file.
        SpecError: it is no file, is too large, lies outside the project, or cannot be read.
    """
    inside = path.absolute().parent.parent.resolve()  # of deployments/ or expectations/
    try:
        # A pipe would otherwise be waited for until somebody writes into it.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise SpecError(f"{path}: not a file; move it away, or give it another name")
            if not path.resolve().is_relative_to(inside):
                raise SpecError(f"{path}: a link that leaves the project {inside}; copy the file into it")
            content = file.read(_LARGEST + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise SpecError(f"{path}: cannot be read ({error.strerror}); correct the file or its rights") from None
    if len(content) > _LARGEST:
        raise SpecError(f"{path}: larger than {_LARGEST // 1000:,} kB, which no such file is; is it the right one?")
    return content


def load_mapping(path: Path, noun: str, wanted: str) -> dict[str, Any]:
    """Read one YAML file that holds a mapping.

    Args:
        path: The file.
        noun: What it describes, e.g. ``model``; a missing file is said to be no such.
        wanted: What its content should be, for the error.

    Raises:
        SpecError: the file is missing (with the nearest name), or is no YAML mapping.
    """
    try:
        content = load_yaml(path)
    except FileNotFoundError:
        near = did_you_mean(path.stem, (p.stem for p in path.parent.glob("*.yaml")))
        raise SpecError(f"{path}: no such {noun}{near}") from None
    if not isinstance(content, dict):
        raise SpecError(f"{path}: {wanted}")
    return content


def parse(path: Path, content: dict[str, Any], model: type[Model]) -> Model:
    """The content of a file as a strict model.

    Raises:
        SpecError: keys or values that are not understood; one line a mistake.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise SpecError(explain(path, error, model)) from None


def explain(path: Path, error: ValidationError, model: type[BaseModel]) -> str:
    """What a strict model refused: one line a mistake, with file, key path and, for an unknown key, the nearest one."""
    return "\n".join(f"{path}: {_explain(item, model)}" for item in error.errors())


def _explain(item: Any, model: type[BaseModel]) -> str:
    steps = [part for part in item["loc"] if not str(part).startswith(("function-", "constrained-", "tagged-"))]
    where = ".".join(str(part) for part in steps)
    if item["type"] == "extra_forbidden":
        return f"{where}: unknown key{did_you_mean(str(steps[-1]), _keys_at(model, item['loc'][:-1]))}"
    if item["type"] == "missing":
        return f"{where}: missing; the file needs it"
    message = item["msg"].removeprefix("Value error, ")
    return f"{where}: {message[0].lower()}{message[1:]}" if where else str(message)


def _keys_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    part: dict[str, Any] = model.model_json_schema()
    definitions = part.get("$defs", {})
    for step in loc:
        part = part.get("items", part) if isinstance(step, int) else part.get("properties", {}).get(step, part)
        options = [option for option in part.get("anyOf", part.get("oneOf", [part])) if "$ref" in option]
        if options:
            part = definitions[options[0]["$ref"].rsplit("/", 1)[-1]]
        elif "items" in part and "$ref" in part["items"]:
            part = definitions[part["items"]["$ref"].rsplit("/", 1)[-1]]
    return list(part.get("properties", {}))
