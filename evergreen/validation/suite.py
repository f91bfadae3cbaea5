"""Suites of rules as people write them, in Great Expectations' own keys.

They are read without importing Great Expectations (that costs seconds): ``catalogue.json`` lists every type with its
kwargs, and a test holds it equal to the installed library.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from evergreen.documents import load_mapping, parse
from evergreen.errors import SpecError, did_you_mean
from evergreen.spec import Section

Severity = Literal["critical", "warning", "info", "quarantine"]

#: What a kwarg must be, where getting it wrong is common; Great Expectations itself checks the rest when it runs.
_SHAPES: dict[str, tuple[Any, str]] = {
    "column": ((str,), "the name of a column"),
    "column_A": ((str,), "the name of a column"),
    "column_B": ((str,), "the name of a column"),
    "column_list": ((list,), "a list of columns"),
    "column_set": ((list,), "a list of columns"),
    "value_set": ((list,), "a list"),
    "regex": ((str,), "a regular expression"),
    "regex_list": ((list,), "a list of regular expressions"),
    "type_list": ((list,), "a list of type names"),
    "mostly": ((int, float), "a share above 0, at most 1"),
}


class RuleSpec(Section):
    """One expectation, in Great Expectations' own keys."""

    type: str
    """The expectation, e.g. `expect_column_values_to_not_be_null`."""
    kwargs: dict[str, Any] = Field(default_factory=dict)
    """Its arguments."""
    severity: Severity = "critical"
    """critical stops the run, warning and info are reported, quarantine puts the broken rows aside (row rules only)."""
    description: str | None = None
    """The rule in one sentence, shown in the report instead of the generated one."""
    meta: dict[str, str] = Field(default_factory=dict)
    """Remarks, e.g. `note`."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the rule looks at; none for a rule about the table."""
        named = [self.kwargs[key] for key in ("column", "column_A", "column_B") if key in self.kwargs]
        return tuple(str(column) for column in (named or self.kwargs.get("column_list") or ()))


class Suite(Section):
    """The rules of one data set."""

    name: str = ""
    """The file's name without .yaml."""
    description: str = ""
    """What the rules are about."""
    expectations: Annotated[
        tuple[RuleSpec, ...], BeforeValidator(lambda v: tuple(v) if isinstance(v, list) else v), Field(min_length=1)
    ]
    """The rules, in the order in which they are reported."""

    @property
    def rule_names(self) -> tuple[str, ...]:
        """One readable, unique name a rule; see :func:`name_rules`."""
        return name_rules(self.expectations)


def load_suite(path: Path) -> Suite:
    """Read one suite's file, without importing Great Expectations.

    Raises:
        SpecError: the file is missing or has keys, types or kwargs that are not understood; each line of the message
            names the file, the rule by its 0-based index, and the key.
    """
    content = load_mapping(path, "suite", "a suite's file is a mapping that holds 'expectations:', a list of rules")
    content.setdefault("name", path.stem)
    suite = parse(path, content, Suite)
    problems = [
        f"{path}: expectations.{index} ({rule.type}): {problem}"
        for index, rule in enumerate(suite.expectations)
        for problem in _problems(rule)
    ]
    if suite.name != path.stem:
        problems.insert(0, f"{path}: name: {suite.name!r} differs from the file's name; call one like the other")
    if problems:
        raise SpecError("\n".join(problems))
    return suite


def name_rules(rules: Sequence[RuleSpec]) -> tuple[str, ...]:
    """Name each rule by type and columns, e.g. ``expect_column_values_to_be_between(dep_delay)``.

    The second rule of the same type and columns is called ``...(dep_delay)#2``, and so on in suite order.
    """
    seen: Counter[str] = Counter()
    names = []
    for rule in rules:
        plain = f"{rule.type}({', '.join(rule.columns)})"
        seen[plain] += 1
        names.append(plain if seen[plain] == 1 else f"{plain}#{seen[plain]}")
    return tuple(names)


@cache
def known_types() -> dict[str, dict[str, Any]]:
    """Every expectation type with its ``kind`` (row, aggregate, table, sql), ``kwargs`` and ``required`` kwargs."""
    text = files("evergreen.validation").joinpath("catalogue.json").read_text(encoding="utf-8")
    return json.loads(text)  # type: ignore[no-any-return]


def _problems(rule: RuleSpec) -> Iterator[str]:
    entry = known_types().get(rule.type)
    if entry is None:
        yield f"type: unknown expectation{did_you_mean(rule.type, known_types())}"
        return
    if entry["kind"] == "sql":
        yield "type: runs on databases only; rows are checked as a table in memory"
        return
    unknown = [key for key in rule.kwargs if key not in entry["kwargs"]]
    for key in unknown:
        yield f"kwargs.{key}: unknown key{did_you_mean(key, entry['kwargs'])}"
    for key in sorted(rule.kwargs.keys() - set(unknown)):
        yield from _misshapen(key, rule.kwargs[key])
    for key in entry["required"]:
        if key not in rule.kwargs:
            yield f"kwargs.{key}: missing"
    limits = [key for key in entry["kwargs"] if key in ("min_value", "max_value")]
    if (
        rule.type.endswith("_between")
        and limits
        and not unknown
        and all(rule.kwargs.get(key) is None for key in limits)
    ):
        yield "kwargs: needs min_value or max_value; without either it always holds"
    if rule.severity == "quarantine":
        if entry["kind"] != "row":
            yield "severity: quarantine needs a rule about single rows; use critical or warning"
        if "mostly" in rule.kwargs:
            yield "kwargs.mostly: quarantine puts every broken row aside; validation.max_quarantined bounds their share"


def _misshapen(key: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict) and "$PARAMETER" in value:
        yield f"kwargs.{key}: suite parameters are not supported; write the value"
        return
    kinds, wanted = _SHAPES.get(key, (None, ""))
    # A share of True is 1 to Python, and a mistake to people.
    if kinds and (not isinstance(value, kinds) or value is True or (key == "mostly" and not 0 < value <= 1)):
        yield f"kwargs.{key}: {value!r} is not {wanted}"
        return
    for pattern in {"regex": [value], "regex_list": value}.get(key, ()):
        try:
            re.compile(str(pattern))
        except re.error as error:
            yield f"kwargs.{key}: {pattern!r} is no regular expression: {error}"
