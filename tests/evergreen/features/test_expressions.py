from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evergreen.errors import SpecError
from evergreen.features import add_expressions
from evergreen.features.expressions import expression_columns

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
