"""Values and remarks as they stand in a YAML file that a person will read."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*")
_WORDS = frozenset(["null", "true", "false", "yes", "no", "on", "off", "y", "n"])


def scalar(value: object) -> str:
    """A value as YAML reads it back: plain where that is safe, else in double quotes."""
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS
        return value if plain else json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    return json.dumps(value)


def flow(values: Iterable[object]) -> str:
    """A list in one line."""
    return "[" + ", ".join(in_flow(value) for value in values) + "]"


def remark(text: str) -> str:
    """Text that may stand behind ``#``: one line without control characters."""
    return re.sub(r"[\x00-\x1f\x7f\u0085\u2028\u2029]+", " ", text).strip()


def in_flow(value: object) -> str:
    """A value inside a list or a mapping in one line."""
    text = scalar(value)
    return json.dumps(value, ensure_ascii=False) if text == value and re.search(r"[,\[\]{}:#]", text) else text


def commented(text: str, why: str) -> str:
    """A line with its reason behind it."""
    return f"{text:<43} # {remark(why)}"
