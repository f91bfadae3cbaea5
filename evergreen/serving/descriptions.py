"""What a model takes and gives, for people and programs: its own description, and OpenAPI."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version as installed
from typing import Any

from evergreen.serving.served import ServedVersion

#: Each type is read from text too, as in a file; null is what is missing.
_TYPES: dict[str, list[str]] = {
    "number": ["number", "string", "boolean", "null"],
    "text": ["string", "number", "boolean", "null"],
    "time": ["string", "null"],
}
_ANY = ["number", "string", "boolean", "null"]
_ERROR = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}, "errors": {
    "type": "array", "items": {"type": "object", "properties": {
        "row": {"type": "integer"}, "field": {"type": "string"}, "error": {"type": "string"}}}}}}  # fmt: skip


def metadata(served: ServedVersion) -> dict[str, Any]:
    """A model's version, since when it is champion, and its inputs."""
    version = served.version
    return {
        "model": version.model,
        "question": served.spec.question,
        "version": version.version,
        "champion_since": served.since.isoformat(),
        "task": version.task,
        "classes": list(version.classes),
        "inputs": {name: served.rows.kinds.get(name, "time" if name == served.spec.data.time else "any")
                   for name in served.rows.columns},
        "general": served.model.general,
    }  # fmt: skip


def openapi(models: Sequence[ServedVersion]) -> dict[str, Any]:
    """OpenAPI 3.1 of the models that serve now."""
    paths = {f"/models/{one.version.model}/predict": {"post": _operation(one)} for one in models}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Evergreen", "version": installed("evergreen")},
        "paths": paths,
        "components": {
            "schemas": {"Error": _ERROR},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"bearer": []}],
    }


def _operation(served: ServedVersion) -> dict[str, Any]:
    time = served.spec.data.time
    properties = {
        name: {"type": ["string"] if name == time else _TYPES.get(served.rows.kinds.get(name, ""), _ANY)}
        for name in served.rows.columns
    }
    row = {"type": "object", "required": list(served.rows.columns), "properties": properties}
    answer = {
        "type": "object", "required": ["prediction", "decision", "version", "request_id"],
        "properties": {"prediction": {"type": "number"}, "decision": {"type": ["string", "number"]},
                       "version": {"type": "integer"}, "request_id": {"type": "string"}},
    }  # fmt: skip
    errors = {
        str(status): {"description": words, "content": {"application/json": {"schema": {
            "$ref": "#/components/schemas/Error"}}}}
        for status, words in {400: "no JSON", 422: "fields that cannot be used", 503: "no version serves"}.items()
    }  # fmt: skip
    batch = {"type": "object", "required": ["predictions"], "properties": {"predictions": {"type": "array"}}}
    schema = {"oneOf": [row, {"type": "array", "items": row, "minItems": 1, "maxItems": 10_000}]}
    said = {"content": {"application/json": {"schema": {"anyOf": [answer, batch]}}}, "description": "an answer a row"}
    return {
        "summary": served.spec.question or f"What {served.version.model} predicts",
        "operationId": f"predict-{served.version.model}",
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {"200": said, **errors},
    }
