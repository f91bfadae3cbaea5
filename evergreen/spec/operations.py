"""What expressions may compute: each operation and function with the kinds of values that it takes and gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

#: ``unknown``: a column of which nobody has seen a value.
Kind = Literal["number", "truth", "text", "time", "span", "unknown"]
_KINDS: tuple[Kind, ...] = ("number", "truth", "text", "time", "span")

_Rules = dict[tuple[Kind, ...], Kind]
_NUMBER: _Rules = {("number",): "number"}
_NUMBERS: _Rules = {("number", "number"): "number"}
_ALIKE: _Rules = {(kind, kind): "truth" for kind in _KINDS}
_TRUTHS: _Rules = {(a, b): "truth" for a in ("truth", "number") for b in ("truth", "number")}
_LEAST: _Rules = {(kind, kind): kind for kind in ("number", "truth", "time", "span")}

#: Every operation, with the kinds that it takes and the kind that it gives.
OPERATIONS: dict[str, _Rules] = {
    "+": {**_NUMBERS, ("truth", "truth"): "truth", ("text", "text"): "text", ("time", "span"): "time",
          ("span", "time"): "time", ("span", "span"): "span"},
    "-": {**_NUMBERS, ("time", "time"): "span", ("time", "span"): "time", ("span", "span"): "span"},
    "*": {**_NUMBERS, ("truth", "truth"): "truth", ("number", "span"): "span", ("span", "number"): "span"},
    "/": {**_NUMBERS, ("span", "span"): "number", ("span", "number"): "span"},
    "//": {**_NUMBERS, ("span", "span"): "number"},
    "%": {**_NUMBERS, ("span", "span"): "span"},
    "**": _NUMBERS,
    "negative": {**_NUMBER, ("span",): "span"},
    "positive": {**_NUMBER, ("span",): "span"},
    "==": _ALIKE, "!=": _ALIKE, "<": _ALIKE, "<=": _ALIKE, ">": _ALIKE, ">=": _ALIKE,
    "and": _TRUTHS, "or": _TRUTHS, "not": {("truth",): "truth", ("number",): "truth"},
}  # fmt: skip
#: What an expression may call.
FUNCTIONS: dict[str, _Rules] = {
    "abs": {**_NUMBER, ("span",): "span"},
    "log": _NUMBER, "log1p": _NUMBER, "exp": _NUMBER, "sqrt": _NUMBER, "floor": _NUMBER, "round": _NUMBER,
    "min": _LEAST, "max": _LEAST,
    "where": {(condition, kind, kind): kind for condition in ("truth", "number") for kind in _KINDS},
    "isnull": {(kind,): "truth" for kind in _KINDS},
    "lower": {("text",): "text"}, "upper": {("text",): "text"},
    "hours": {("span",): "number"},
}  # fmt: skip


def result_of(name: str, given: Sequence[Kind], written: Sequence[bool]) -> Kind:
    """The kind that an operation gives; ``unknown`` where that depends on a column that nobody has seen.

    Args:
        name: A key of ``OPERATIONS`` or ``FUNCTIONS``.
        given: The kinds of what it is applied to.
        written: Which of them are constants.

    Raises:
        ValueError: it does not take them.
    """
    rules = (OPERATIONS.get(name) or FUNCTIONS[name]) | _days(name, written)
    if tuple(given) in rules:
        return rules[tuple(given)]
    # A truth value counts as 0 or 1 beside numbers.
    results = {
        result
        for kinds, result in rules.items()
        if all(
            have in (kind, "unknown") or (have, kind) == ("truth", "number")
            for have, kind in zip(given, kinds, strict=True)
        )
    }
    if not results:
        takes = " or ".join(dict.fromkeys(" and ".join(kinds) for kinds in rules))
        raise ValueError(f"{name} takes {takes}, not {' and '.join(given)}")
    return results.pop() if len(results) == 1 else "unknown"


def _days(name: str, written: Sequence[bool]) -> _Rules:
    """A time may be compared with a day that is written out: ``ordered > '2024-01-31'``."""
    if OPERATIONS.get(name) is not _ALIKE:
        return {}
    pairs: _Rules = {}
    if written[0]:
        pairs["text", "time"] = "truth"
    if written[1]:
        pairs["time", "text"] = "truth"
    return pairs
