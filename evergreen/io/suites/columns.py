"""Columns and rules as Great Expectations can judge them, where it fails on what pandas holds."""

from __future__ import annotations

from typing import Any

import pandas as pd

from evergreen.validation import RuleSpec, Suite

_IN_TYPE_LIST, _OF_TYPE = "expect_column_values_to_be_in_type_list", "expect_column_values_to_be_of_type"
_DIVERGENCE = "expect_column_kl_divergence_to_be_less_than"


def judgeable(frame: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    """The rows with the columns of the suite as types on which its rules work.

    Decimals become the nearest double and dates times at midnight, where the column holds nothing else.
    """
    columns = {name for rule in suite.expectations for name in rule.columns if name in frame}
    changed = {name: _column(frame[name]) for name in sorted(columns) if frame[name].dtype == object}
    return frame.assign(**changed)


def _column(values: pd.Series) -> pd.Series:
    kind = pd.api.types.infer_dtype(values, skipna=True)
    if kind == "decimal":
        return values.astype("float64")
    return pd.to_datetime(values) if kind == "date" else values


def judgeable_rule(rule: RuleSpec, kwargs: dict[str, Any], frame: pd.DataFrame) -> tuple[str, dict[str, Any]]:
    """The type and kwargs of a rule about a column of one of pandas' own types, on which two types of rule fail.

    A list of types never holds there, so the type is asked for that the column has; and a divergence cannot compare
    missing values, so it is told to leave them out.
    """
    column = rule.columns[0] if len(rule.columns) == 1 else None
    if column not in frame or not pd.api.types.is_extension_array_dtype(frame[column]):
        return rule.type, kwargs
    if rule.type == _DIVERGENCE and frame[column].hasnans and "row_condition" not in kwargs:
        present = {"row_condition": f'col("{column}").notnull()', "condition_parser": "great_expectations"}
        return rule.type, kwargs | present
    if rule.type != _IN_TYPE_LIST:
        return rule.type, kwargs
    names = list(kwargs.pop("type_list") or [])
    actual = frame[column].dtype.type.__name__
    return _OF_TYPE, {**kwargs, "type_": actual if actual in names else names[0] if names else ""}
