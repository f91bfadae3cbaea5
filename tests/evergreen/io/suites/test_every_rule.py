"""Every rule type that Great Expectations ships, on every kind of column: held, broken, with and without nulls."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evergreen.io import suites
from evergreen.validation import RuleOutcome, RuleSpec, Suite, known_types

DAYS = ["2026-01-01", "2026-01-02", "2026-01-03"]
_SPARSE = {
    "text": ["red", None, "blue"],
    "int": [1, None, 3],
    "float": [1.5, None, 3.5],
    "time": [DAYS[0], None, DAYS[2]],
}
FRAME = pd.DataFrame(
    {
        "text": pd.Series(["red", "green", "blue"] * 4, dtype="str"),
        "text_null": pd.Series(_SPARSE["text"] * 4, dtype="str"),
        "category": pd.Series(pd.Categorical(["red", "green", "blue"] * 4)),
        "category_null": pd.Series(pd.Categorical(_SPARSE["text"] * 4)),
        "int": pd.Series([1, 2, 3] * 4),
        "int_null": pd.Series(_SPARSE["int"] * 4, dtype="Int64"),
        "whole_float": pd.Series([1, np.nan, 3] * 4),
        "float": pd.Series([1.5, 2.5, 3.5] * 4),
        "float_null": pd.Series(_SPARSE["float"] * 4, dtype="float64"),
        "bool": pd.Series([True, False, True] * 4),
        "bool_null": pd.Series([True, None, False] * 4, dtype="boolean"),
        "time": pd.Series(pd.to_datetime(DAYS * 4, utc=True)),
        "time_null": pd.Series(pd.to_datetime(_SPARSE["time"] * 4, utc=True)),
        "plain_time": pd.Series(pd.to_datetime(DAYS * 4)),
        "decimal": pd.Series([Decimal("1.50"), Decimal("2.50"), None] * 4, dtype=object),
        "date": pd.Series([date(2026, 1, 1), date(2026, 1, 2), None] * 4, dtype=object),
        "json": pd.Series(['{"a": 1}', '{"a": 2}', None] * 4, dtype="str"),
        "empty": pd.Series([None] * 12, dtype="float64"),
        "number": pd.Series(np.arange(12)),
        "one": 1,
        "two": 2,
        "two_null": pd.Series([2, None, 2] * 4, dtype="Int64"),
    }
)
#: All values of a column, and some of them.
SETS: dict[str, tuple[list[Any], list[Any]]] = {
    **dict.fromkeys(["text", "category"], (["red", "green", "blue"], ["red"])),
    **dict.fromkeys(["text_null", "category_null"], (["red", "blue"], ["red"])),
    "int": ([1, 2, 3], [1]),
    **dict.fromkeys(["int_null", "whole_float"], ([1, 3], [1])),
    "float": ([1.5, 2.5, 3.5], [1.5]),
    "float_null": ([1.5, 3.5], [1.5]),
    **dict.fromkeys(["bool", "bool_null"], ([True, False], [True])),
    **dict.fromkeys(["time", "plain_time"], (DAYS, DAYS[:1])),
    "time_null": ([DAYS[0], DAYS[2]], DAYS[:1]),
    "decimal": ([1.5, 2.5], [1.5]),
    "date": (DAYS[:2], DAYS[:1]),
}
NUMBERS = ("int", "int_null", "whole_float", "float", "float_null", "decimal")
TEXTS = ("text", "text_null", "category", "category_null")
TIMES = ("time", "time_null", "plain_time", "date")
_MEDIAN = {"quantiles": [0.5], "value_ranges": [[0, 9]]}
_BINS = {"bins": [0, 2, 4], "weights": [0.5, 0.5]}


def _of_columns() -> list[tuple[bool, str, dict[str, Any]]]:
    rules: list[tuple[bool, str, dict[str, Any]]] = []

    def rule(holds: bool, kind: str, column: str, **kwargs: Any) -> None:
        rules.append((holds, f"expect_column_{kind}", {"column": column, **kwargs}))

    for column, (every, some) in SETS.items():
        for kind in ("distinct_values_to_be_in_set", "distinct_values_to_equal_set", "values_to_be_in_set"):
            rule(True, kind, column, value_set=every)
            rule(False, kind, column, value_set=some)
        rule(True, "distinct_values_to_contain_set", column, value_set=some)
        rule(False, "values_to_not_be_in_set", column, value_set=some)
        rule(True, "most_common_value_to_be_in_set", column, value_set=every, ties_okay=True)
        rule(True, "unique_value_count_to_be_between", column, min_value=2, max_value=3)
        rule(False, "unique_value_count_to_be_between", column, min_value=5)
        rule(True, "proportion_of_unique_values_to_be_between", column, min_value=0.1, max_value=0.5)
        rule(True, "proportion_of_non_null_values_to_be_between", column, min_value=0.5)
        rule(False, "values_to_be_unique", column)
        rule(False, "values_to_be_null", column)
        rule(bool(FRAME[column].notna().all()), "values_to_not_be_null", column)
    for column in NUMBERS:
        for of, low, high in (
            ("min", 0, 2),
            ("max", 2, 4),
            ("mean", 1, 3),
            ("median", 1, 3),
            ("stdev", 0, 3),
            ("sum", 9, 99),
        ):
            rule(True, f"{of}_to_be_between", column, min_value=low, max_value=high)
            rule(False, f"{of}_to_be_between", column, min_value=1000)
        rule(True, "values_to_be_between", column, min_value=0, max_value=9)
        rule(False, "values_to_be_between", column, max_value=2)
        rule(True, "quantile_values_to_be_between", column, quantile_ranges=_MEDIAN)
        rule(True, "value_z_scores_to_be_less_than", column, threshold=5, double_sided=True)
        rule(True, "values_to_not_be_outliers", column, method="iqr", multiplier=9)
        rule(True, "kl_divergence_to_be_less_than", column, partition_object=_BINS, threshold=50)
    for column in TEXTS:
        rule(True, "values_to_match_regex", column, regex="^[a-z]+$")
        rule(False, "values_to_match_regex", column, regex="^r")
        rule(True, "values_to_not_match_regex", column, regex="^z")
        rule(True, "values_to_match_regex_list", column, regex_list=["^[a-z]+$"])
        rule(True, "values_to_not_match_regex_list", column, regex_list=["^z"])
        rule(True, "value_lengths_to_be_between", column, min_value=3, max_value=5)
        rule(False, "value_lengths_to_equal", column, value=3)
    for column in ("int", "int_null"):
        rule(True, "values_to_match_regex", column, regex=r"^\d$")
        rule(True, "value_lengths_to_equal", column, value=1)
        rule(True, "values_to_be_in_type_list", column, type_list=["str", "int64"])
        rule(False, "values_to_be_in_type_list", column, type_list=["str", "float64"])
        rule(True, "values_to_be_of_type", column, type_="int64")
    for column in TIMES:
        rule(True, "values_to_be_between", column, min_value=DAYS[0], max_value=DAYS[2])
        rule(False, "values_to_be_between", column, max_value="2025-12-31")
        rule(True, "max_to_be_between", column, min_value=DAYS[1])
    rule(True, "values_to_be_in_type_list", "text", type_list=["int64", "str"])
    rule(True, "type_to_be", "int", type_="int64")
    rule(True, "values_to_be_json_parseable", "json")
    rule(True, "values_to_match_json_schema", "json", json_schema={"type": "object"})
    rule(False, "values_to_match_strftime_format", "text", strftime_format="%Y-%m-%d")
    rule(False, "values_to_be_dateutil_parseable", "text")
    rule(True, "values_to_be_increasing", "number")
    rule(False, "values_to_be_decreasing", "number")
    rule(True, "values_to_be_null", "empty")
    rule(True, "values_to_be_in_set", "empty", value_set=[1])
    rule(True, "distinct_values_to_be_in_set", "empty", value_set=[1])
    rule(False, "distinct_values_to_equal_set", "empty", value_set=[1])
    rule(False, "mean_to_be_between", "empty", min_value=0)
    rule(True, "to_exist", "int")
    rule(False, "to_exist", "nowhere")
    return rules


_PAIR = {"column_A": "int", "column_B": "text"}
RULES = [
    *_of_columns(),
    (False, "expect_column_pair_values_a_to_be_greater_than_b", {"column_A": "one", "column_B": "two"}),
    (True, "expect_column_pair_values_a_to_be_greater_than_b", {"column_A": "two_null", "column_B": "one"}),
    (True, "expect_column_pair_values_to_be_equal", {"column_A": "text", "column_B": "text_null"}),
    (False, "expect_column_pair_values_to_be_equal", {"column_A": "one", "column_B": "number"}),
    (False, "expect_column_pair_values_to_be_in_set", {**_PAIR, "value_pairs_set": [[1, "red"]]}),
    (True, "expect_compound_columns_to_be_unique", {"column_list": ["number", "text"]}),
    (False, "expect_compound_columns_to_be_unique", {"column_list": ["int_null", "category"]}),
    (True, "expect_multicolumn_sum_to_equal", {"column_list": ["one", "two"], "sum_total": 3}),
    (False, "expect_multicolumn_sum_to_equal", {"column_list": ["one", "two"], "sum_total": 4}),
    (True, "expect_multicolumn_values_to_be_equal", {"column_list": ["one", "one"]}),
    (True, "expect_select_column_values_to_be_unique_within_record", {"column_list": ["one", "two"]}),
    (True, "expect_table_column_count_to_be_between", {"min_value": 2}),
    (False, "expect_table_column_count_to_equal", {"value": 2}),
    (True, "expect_table_row_count_to_equal", {"value": 12}),
    (True, "expect_table_row_count_to_be_between", {"max_value": 20}),
    (True, "expect_table_columns_to_match_set", {"column_set": ["int"], "exact_match": False}),
    (True, "expect_table_columns_to_match_ordered_list", {"column_list": list(FRAME)}),
]


@pytest.fixture(scope="module")
def outcomes() -> list[RuleOutcome]:
    rules = tuple(RuleSpec(type=kind, kwargs=kwargs) for _, kind, kwargs in RULES)
    return suites.validate(FRAME, Suite(name="every", expectations=rules))


def test_every_rule_holds_or_breaks_as_it_should_on_every_kind_of_column(outcomes: list[RuleOutcome]) -> None:
    wrong = [
        f"{kind} {kwargs}: {outcome.observed}"
        for (holds, kind, kwargs), outcome in zip(RULES, outcomes, strict=True)
        if outcome.error or outcome.success != holds
    ]
    assert not wrong, "\n".join(wrong)


def test_no_rule_type_is_left_out() -> None:
    tried = {kind for _, kind, _ in RULES}
    assert {name for name, facts in known_types().items() if facts["kind"] != "sql"} == tried


def test_the_rows_are_left_as_they_are(outcomes: list[RuleOutcome]) -> None:
    assert FRAME["decimal"].iloc[0] == Decimal("1.50")
    assert FRAME["int_null"].dtype == "Int64"
