from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evergreen.errors import SpecError
from evergreen.features import add_expressions
from evergreen.features.expressions import expression_columns
from evergreen.spec.features import Features

ROWS = pd.DataFrame({"a": [1.0, 4.0, np.nan], "b": [2, 0, 1], "city": ["Rome", None, "Oslo"]})


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a / b", [0.5, np.nan, np.nan]),
        ("-a + 2 * b ** 2", [7.0, -4.0, np.nan]),
        ("sqrt(a) // 1 + a % 3", [2.0, 3.0, np.nan]),
        ("where(a > 2, a, b)", [2.0, 4.0, 1.0]),
        ("where(isnull(a), 0, a)", [1.0, 4.0, 0.0]),
        ("a > 0 and not b == 0", [True, False, False]),
        ("0 < a <= 1 or isnull(a)", [True, False, True]),
        ("a != 1", [False, True, False]),
        ("city == 'Oslo'", [False, False, True]),
        ("log1p(b) * 0 + 3", [3.0, 3.0, 3.0]),
    ],
)
def test_arithmetic_comparisons_and_functions_give_what_they_say(text: str, wanted: list[float]) -> None:
    built = add_expressions(ROWS, {"new": text})
    np.testing.assert_allclose(built["new"].to_numpy(dtype=float), np.array(wanted, dtype=float))
    assert "new" not in ROWS


def test_a_later_expression_may_use_an_earlier_one() -> None:
    built = add_expressions(ROWS, {"twice": "a * 2", "more": "twice + 1"})
    assert built["more"].iloc[1] == 9.0


def test_text_may_be_lowered_and_keeps_its_nulls() -> None:
    built = add_expressions(ROWS, {"low": "lower(city)"})
    assert built["low"].iloc[0] == "rome"
    assert pd.isna(built["low"].iloc[1])


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')", "a.values", "[x for x in a]", "lambda: 1", "a if b else a", "eval('1')",
        "a[0]", "2 ** a", "9 ** 99", "open('x')", "a in b", "f'{a}'", "(a := 1)", "where(a, b)", "", "a +", "log('x')",
        "city * city",
    ],
)  # fmt: skip
def test_whatever_is_not_the_small_language_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match=r"features\.expressions\.new: "):
        add_expressions(ROWS, {"new": text})


def test_a_misspelt_column_or_function_gets_a_suggestion() -> None:
    with pytest.raises(SpecError, match="citty: the table has no such column; did you mean city"):
        add_expressions(ROWS, {"new": "lower(citty)"})
    with pytest.raises(SpecError, match="lowr: unknown function; did you mean lower"):
        add_expressions(ROWS, {"new": "lowr(city)"})
    with pytest.raises(SpecError, match="already has a column"):
        add_expressions(ROWS, {"a": "b"})


def test_the_columns_that_an_expression_uses_can_be_asked_for() -> None:
    assert expression_columns("where(a > 2, b, 1)") == {"a", "b"}


TYPED = pd.DataFrame(
    {
        "age": [30.5, 41.0],
        "plan": ["a", "b"],
        "flag": [True, False],
        "id": [9007199254740993, 9007199254740992],
        "large": pd.Series([3_000_000_000_000, 2], dtype="int64"),
        "maybe": pd.Series([9007199254740993, None], dtype="Int64"),
        "start": pd.to_datetime(["2024-01-01", "2024-03-01"]),
        "end": pd.to_datetime(["2024-01-02", "2024-03-05"]),
        "none": [np.nan, np.nan],
    }
)


@pytest.mark.parametrize(
    "text",
    [
        "'%s' % age", "'%(x)s' % age", "'%9999999999d' % 1", "'a' * 10000000000", "plan * 3", "age * 'x'", "abs(plan)",
        "-plan", "sqrt(plan)", "plan + age", "hours(age)", "lower(age)", "where(age > 1, plan, age)", "plan == 3",
        "start + end", "start - 1", "where(plan, 1, 2)", "not plan", "min(plan, plan)", "flag - flag", "hours(start)",
        "plan < age", "(((" * 3000, "-" * 3000 + "1", "1" + " + 1" * 5000, "9" * 900, "'" + "a" * 9000 + "'",
        "(((9 ** 10) ** 10) ** 10) ** 10 * age", "age ** 11", "age ** 1e9", "1e999", "b'x'", "1j", "None", "age.T",
        "round(age, 400)", "age @ age", "age << 3", "~age", "*age", "age[0:1]", "{age}", "start - plan", "1 / 0 ** -1",
    ],
)  # fmt: skip
def test_an_operation_that_is_none_of_a_row_or_mixes_kinds_ends_in_one_sentence(text: str) -> None:
    with pytest.raises(SpecError, match=r"^features\.expressions\.new: [^\n]{1,600}$"):
        add_expressions(TYPED, {"new": text})


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("id == 9007199254740993", [True, False]),
        ("maybe == 9007199254740993", [True, False]),
        ("id % 10", [3, 2]),
        ("large * large", [9e24, 4]),
        ("large ** 2", [9e24, 4]),
        ("flag + 1", [2, 1]),
        ("flag // 2 + flag % 2", [1, 0]),
        ("where(flag, 1, age > 99)", [1, 0]),
        ("start > '2024-02-01'", [False, True]),
        ("hours(end - start) / hours(abs(start - end))", [1, 1]),
        ("lower('AB' + plan) == 'aba'", [True, False]),
        ("maybe + 0", [9007199254740992, np.nan]),
        ("none + 1", [np.nan, np.nan]),
        ("none == 'a' or none > 3", [False, False]),
        ("isnull(lower(none)) and isnull(hours(none))", [True, True]),
        ("isnull(where(age > 35, plan, none))", [True, False]),
        ("1 % 0 + age", [np.nan, np.nan]),
        ("5 // 2 + 0 * age", [2, 2]),
    ],
)
def test_values_are_computed_by_their_kind_and_whole_numbers_exactly(text: str, wanted: list[float]) -> None:
    built = add_expressions(TYPED, {"new": text})["new"]
    np.testing.assert_array_equal(built.to_numpy("float64", na_value=np.nan), np.array(wanted, dtype=float))


def test_each_row_alone_gives_what_it_gives_among_the_others() -> None:
    expressions = {"a": "large * large + age // 7", "b": "where(flag, id % 7, maybe)", "c": "upper(plan + '-' + plan)"}
    together = add_expressions(TYPED, expressions)
    for row in range(len(TYPED)):
        alone = add_expressions(TYPED.iloc[[row]], expressions)
        for name in expressions:
            assert alone[name].iloc[0] is together[name].iloc[row] or (
                pd.isna(alone[name].iloc[0]) and pd.isna(together[name].iloc[row])
            ) or alone[name].iloc[0] == together[name].iloc[row]  # fmt: skip


def test_texts_that_double_from_one_expression_to_the_next_are_bounded() -> None:
    doubling = {f"t{at}": f"t{at - 1} + t{at - 1}" if at else "plan + plan" for at in range(40)}
    with pytest.raises(SpecError, match=r"t5: puts a text together from 64 others; at most 50"):
        add_expressions(TYPED, doubling)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("'%s' % age", "new: % takes number and number"),
        ("'a' * 10000000000", r"new: \* takes number and number"),
        ("lower(age) + 1", r"new: \+ takes"),
        ("open('x')", "new: open: unknown function"),
    ],
)
def test_an_expression_is_refused_when_the_spec_is_read(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Features(expressions={"new": text})
