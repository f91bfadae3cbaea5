"""Bodies of requests as rows, in each protocol's form; nothing that a client sent is repeated in an error."""

from __future__ import annotations

import csv
import datetime
import decimal
import io
import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]


class BadRequest(Exception):
    """A body that is no request: the HTTP status, and why in words."""

    def __init__(self, words: str, status: int = 400) -> None:
        super().__init__(words)
        self.status, self.words = status, words


def read_json(body: bytes) -> Any:
    """A body as JSON, strictly: UTF-8, no NaN, no key twice.

    Raises:
        BadRequest: it is none.
    """
    try:
        return json.loads(body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse)
    except UnicodeDecodeError:
        raise BadRequest("the body is not UTF-8") from None
    except RecursionError:
        raise BadRequest("the body is nested too deep") from None
    except ValueError as error:
        place = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise BadRequest(f"the body is no JSON{place}") from None


def rows_of(content: Any) -> list[Row]:
    """Our own form: one object, or a list of them."""
    return _objects(content if isinstance(content, list) else [content], "one row as an object, or a list of objects")


def rows_of_mlflow(content: Any) -> list[Row]:
    """MLflow's scoring protocol: one of dataframe_split, dataframe_records, instances, inputs."""
    forms = [name for name in _MLFLOW if isinstance(content, dict) and name in content]
    if len(forms) != 1:
        raise BadRequest(f"the body must be an object with one of {', '.join(_MLFLOW)}")
    value = content[forms[0]]
    if forms[0] == "dataframe_split":
        return _split(value)
    if forms[0] == "inputs" and isinstance(value, dict):
        return _columns(value)
    return _objects(value if isinstance(value, list) else [value], f"{forms[0]}: a list of objects")


def rows_of_inference(content: Any) -> list[Row]:
    """Open Inference Protocol v2: a tensor a column, of shape [rows] or [rows, 1]; it has no null."""
    tensors = content.get("inputs") if isinstance(content, dict) else None
    if not isinstance(tensors, list) or not tensors or not all(isinstance(one, dict) for one in tensors):
        raise BadRequest("the body must be an object with inputs: a list of tensors, one a column")
    columns: dict[str, Any] = {}
    for number, tensor in enumerate(tensors):
        name, shape, data = tensor.get("name"), tensor.get("shape"), tensor.get("data")
        if not isinstance(name, str) or not isinstance(data, list) or not isinstance(shape, list):
            raise BadRequest(f"inputs[{number}]: must have name, shape, datatype and data")
        if name in columns:
            raise BadRequest(f"inputs[{number}]: its name stands twice")
        flat = [value for one in data for value in (one if isinstance(one, list) else [one])]
        if shape not in ([len(flat)], [len(flat), 1]):
            raise BadRequest(f"inputs[{number}]: shape must be [rows] or [rows, 1], and data have as many values")
        columns[name] = flat
    return _columns(columns)


def rows_of_csv(body: bytes, texts: Collection[str]) -> list[Row]:
    """Lines of a CSV with a header; an empty field is null, and a column of numbers alone holds numbers.

    Args:
        body: The file.
        texts: Columns that stay text although they look like numbers.
    """
    try:
        lines = list(csv.reader(io.StringIO(body.decode("utf-8-sig")), strict=True))
    except UnicodeDecodeError:
        raise BadRequest("the body is not UTF-8") from None
    except csv.Error:
        raise BadRequest("the body is no CSV") from None
    header, *rest = [line for line in lines if line] or [[]]
    if len(set(header)) != len(header) or not header or not rest:
        raise BadRequest("the body must be a CSV with a header of different names, and a line a row")
    if any(len(line) != len(header) for line in rest):
        raise BadRequest("each line must have as many fields as the header")
    fields = zip(header, zip(*rest, strict=True), strict=True)
    return _columns({name: _typed_texts(values, name in texts) for name, values in fields})


def _typed_texts(values: Sequence[str], text: bool) -> list[Any]:
    known = [value for value in values if value]
    plain = text or not all(_NUMBER.fullmatch(value) for value in known)
    read = str if plain else int if all(value.lstrip("+-").isdecimal() for value in known) else float
    return [read(value) if value else None for value in values]


def rows_of_parquet(body: bytes) -> list[Row]:
    """A Parquet file; types are its own."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(io.BytesIO(body))
    except (pa.ArrowException, OSError):
        raise BadRequest("the body is no Parquet file") from None
    return [{name: _typed(value) for name, value in row.items()} for row in table.to_pylist()]


_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,18}\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_MLFLOW = ("dataframe_split", "dataframe_records", "instances", "inputs")


def _typed(value: Any) -> Any:
    if isinstance(value, decimal.Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, datetime.date | datetime.time) else value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise BadRequest("the body is ambiguous: an object has a key twice")
    return made


def _refuse(name: str) -> Any:
    raise BadRequest(f"the body is no JSON: it holds {name}; write null for what is missing")


def _objects(values: Sequence[Any], form: str) -> list[Row]:
    if not values or not all(isinstance(value, dict) for value in values):
        raise BadRequest(f"the body must be {form}")
    return list(values)


def _split(value: Any) -> list[Row]:
    columns: Any = value.get("columns") if isinstance(value, dict) else None
    data: Any = value.get("data") if isinstance(value, dict) else None
    named = isinstance(columns, list) and all(isinstance(name, str) for name in columns)
    if not named or not isinstance(data, list) or not data or len(set(columns)) != len(columns):
        raise BadRequest("dataframe_split: must have columns (different names) and data (a list of rows)")
    if not all(isinstance(line, list) and len(line) == len(columns) for line in data):
        raise BadRequest("dataframe_split: each row of data must have as many values as there are columns")
    return [dict(zip(columns, line, strict=True)) for line in data]


def _columns(columns: Mapping[str, Any]) -> list[Row]:
    values = list(columns.values())
    if not values or not all(isinstance(one, list) and one and len(one) == len(values[0]) for one in values):
        raise BadRequest("inputs: must have a list of values a column, all of one length")
    return [dict(zip(columns, line, strict=True)) for line in zip(*values, strict=True)]
