"""Read models' files, and say what is wrong with them by file and key path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evergreen.documents import load_mapping, parse
from evergreen.errors import SpecError
from evergreen.spec.model import ModelSpec


def load_spec(path: Path) -> ModelSpec:
    """Read one model's file.

    Raises:
        SpecError: the file is missing, is no YAML mapping, or has keys or values that are not understood; the message
            names file and key path.
    """
    content = load_mapping(path, "model", "a model's file is a mapping that starts with 'model: NAME'")
    spec = parse(path, content, ModelSpec)
    if spec.model != path.stem:
        raise SpecError(f"{path}: model: {spec.model!r} differs from the file's name; call one like the other")
    return spec


def load_specs(folder: Path) -> list[ModelSpec]:
    """Read every model's file of a folder, by name."""
    return [load_spec(path) for path in sorted(folder.glob("*.yaml"))]


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a model's file, for editors."""
    return ModelSpec.model_json_schema()
