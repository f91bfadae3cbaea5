"""YAML as people mean it: ``on`` and ``no`` are words, a key stands once, and errors name the file and the line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from evergreen.errors import SpecError


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
