"""Answers in each protocol's form."""

from __future__ import annotations

from typing import Any

from evergreen.serving.served import Answer, ServedVersion


def ours(served: ServedVersion, answers: list[Answer], request_id: str, single: bool) -> Any:
    """Our own: an object for one object, else a list under `predictions`."""
    head = {"model": served.version.model, "version": served.version.version, "request_id": request_id}
    if single:
        return answers[0].to_json() | head
    return head | {"predictions": [answer.to_json() for answer in answers]}


def mlflow(served: ServedVersion, answers: list[Answer], request_id: str, single: bool) -> Any:
    """MLflow's: a list under `predictions`."""
    return {"predictions": [answer.to_json() for answer in answers]}


def inference(served: ServedVersion, answers: list[Answer], request_id: str, single: bool) -> Any:
    """Open Inference v2's: a tensor a column."""
    columns = {name: [answer.to_json()[name] for answer in answers] for name in answers[0].to_json()}
    outputs = [
        {
            "name": name, "shape": [len(values), 1], "data": values,
            "datatype": "BYTES" if isinstance(values[0], str) else "FP64",
        }
        for name, values in columns.items()
    ]  # fmt: skip
    return {
        "model_name": served.version.model, "model_version": str(served.version.version), "id": request_id,
        "outputs": outputs,
    }  # fmt: skip


def tensors(served: ServedVersion) -> Any:
    """Open Inference v2's metadata of a model."""
    kinds = {"number": "FP64"}
    inputs = [
        {"name": name, "datatype": kinds.get(served.rows.kinds.get(name, ""), "BYTES"), "shape": [-1, 1]}
        for name in served.rows.columns
    ]
    outputs = [{"name": "prediction", "datatype": "FP64", "shape": [-1, 1]}]
    return {
        "name": served.version.model, "versions": [str(served.version.version)], "platform": "evergreen",
        "inputs": inputs, "outputs": outputs,
    }  # fmt: skip
