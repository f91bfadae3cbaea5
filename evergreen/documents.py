"""YAML as people mean it: ``on`` and ``no`` are words, a key stands once, and errors name the file and the place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from evergreen.errors import SpecError, did_you_mean

Model = TypeVar("Model", bound=BaseModel)


class _Loader(yaml.SafeLoader):
    """A safe loader in which only true and false are booleans (YAML 1.2) and repeated keys are refused."""

    yaml_implicit_resolvers = {  # noqa: RUF012 (the base class's attribute)
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} stands twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def load_yaml(path: Path) -> Any:
    """Read one YAML file.

    Raises:
        SpecError: the file cannot be read as YAML; the message names file, line and column.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except UnicodeDecodeError as error:
        raise SpecError(f"{path}: not UTF-8 text at byte {error.start}; save the file as UTF-8") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise SpecError(f"{where}: not readable as YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise SpecError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from None


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
