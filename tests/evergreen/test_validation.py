import subprocess
import sys
from collections.abc import Container
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evergreen.errors import SpecError, ValidationFailed
from evergreen.spec import Validation
from evergreen.validation import Judgement, RuleOutcome, RuleSpec, check, judge, load_suite, name_rules

PROJECT = Path(__file__).parents[2]
BETWEEN = "expect_column_values_to_be_between"


def suite_file(folder: Path, text: str, name: str = "flights") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def outcome(severity: str, *positions: int, success: bool | None = None, error: str | None = None) -> RuleOutcome:
    rule = RuleSpec.model_validate({"type": BETWEEN, "kwargs": {"column": "x", "min_value": 0}, "severity": severity})
    held = not positions and error is None if success is None else success
    return RuleOutcome(rule, held, f"{len(positions)} rows broke it", np.array(positions, dtype=np.int64), error)


def judged(*outcomes: RuleOutcome, rows: int = 100, limit: float = 0.05, released: Container[str] = ()) -> Judgement:
    keys = pd.Series([f"k{position}" for position in range(rows)])
    return judge(outcomes, rows, keys, Validation(suite="flights", max_quarantined=limit), released)


def test_the_flights_suite_is_understood_and_has_all_three_severities() -> None:
    suite = load_suite(PROJECT / "expectations" / "flights.yaml")
    assert len(suite.expectations) >= 15
    assert {rule.severity for rule in suite.expectations} >= {"critical", "warning", "quarantine"}
    assert len(set(suite.rule_names)) == len(suite.expectations)


def test_reading_a_suite_does_not_import_great_expectations() -> None:
    program = (
        "import sys; from pathlib import Path; from evergreen.validation import load_suite;"
        f"load_suite(Path({str(PROJECT / 'expectations' / 'flights.yaml')!r}));"
        "sys.exit('great_expectations' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


LIKE = "expect_column_values_to_match_like_pattern"
IN_SET = "expect_column_values_to_be_in_set"
REGEX = "expect_column_values_to_match_regex"


@pytest.mark.parametrize(
    ("kind", "kwargs", "more", "words"),
    [
        ("expect_column_values_to_not_be_nul", "column: x", "", "did you mean expect_column_values_to_not_be_null?"),
        (BETWEEN, "column: x, min_valeu: 0", "", "kwargs.min_valeu: unknown key; did you mean min_value?"),
        (BETWEEN, "min_value: 0", "", "kwargs.column: missing"),
        (BETWEEN, "column: x", "", "needs min_value or max_value"),
        (BETWEEN, "column: x, min_value: null", "", "needs min_value or max_value"),
        (BETWEEN, "column: x, min_value: {$PARAMETER: low}", "", "suite parameters are not supported"),
        (BETWEEN, "column: x, min_value: 0, mostly: 95", "", "kwargs.mostly: 95 is not a share"),
        (BETWEEN, "column: x, min_value: 0, mostly: true", "", "kwargs.mostly: True is not a share"),
        (IN_SET, "column: x, value_set: EWR", "", "kwargs.value_set: 'EWR' is not a list"),
        (REGEX, "column: x, regex: '('", "", "'(' is no regular expression"),
        (LIKE, "column: x, like_pattern: a", "", "runs on databases only"),
        (BETWEEN, "column: x, min_value: 0", "severity: fatal", "severity: input should be 'critical'"),
        (BETWEEN, "column: x, min_value: 0", "serverity: info", "unknown key; did you mean severity?"),
        ("expect_column_max_to_be_between", "column: x, min_value: 0", "severity: quarantine", "about single rows"),
        ("expect_table_row_count_to_equal", "value: 3", "severity: quarantine", "about single rows"),
        (BETWEEN, "column: x, min_value: 0, mostly: 0.9", "severity: quarantine", "max_quarantined"),
    ],
)
def test_a_rule_that_is_not_understood_names_file_index_and_key(
    tmp_path: Path, kind: str, kwargs: str, more: str, words: str
) -> None:
    first = "{type: expect_column_to_exist, kwargs: {column: x}}"
    path = suite_file(tmp_path, f"expectations: [{first}, {{type: {kind}, kwargs: {{{kwargs}}}, {more}}}]\n")
    with pytest.raises(SpecError) as refused:
        load_suite(path)
    assert str(refused.value).startswith(f"{path}: expectations.1")
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = (
        f"expectations:\n  - {{type: {BETWEEN}, kwargs: {{colunm: x, min_value: 0}}}}\n  - {{type: expect_nothing}}\n"
    )
    with pytest.raises(SpecError) as refused:
        load_suite(suite_file(tmp_path, text))
    assert [line.split(": ")[1][:14] for line in str(refused.value).splitlines()] == ["expectations.0"] * 2 + [
        "expectations.1"
    ]


def test_quantile_rules_need_no_minimum(tmp_path: Path) -> None:
    text = (
        "expectations:\n  - type: expect_column_quantile_values_to_be_between\n"
        "    kwargs: {column: x, quantile_ranges: {quantiles: [0.5], value_ranges: [[0, 1]]}}\n"
    )
    assert len(load_suite(suite_file(tmp_path, text)).expectations) == 1


def test_a_suite_without_rules_or_with_unknown_keys_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="expectations: "):
        load_suite(suite_file(tmp_path, "expectations: []\n"))
    with pytest.raises(SpecError, match="expectatoins: unknown key; did you mean expectations"):
        load_suite(suite_file(tmp_path, "expectatoins: []\nexpectations: [{type: expect_nothing}]\n"))
    with pytest.raises(SpecError, match="is a mapping"):
        load_suite(suite_file(tmp_path, "- a\n"))


def test_a_missing_suite_is_answered_with_a_near_one(tmp_path: Path) -> None:
    suite_file(tmp_path, "expectations: []\n")
    with pytest.raises(SpecError, match="no such suite; did you mean flights"):
        load_suite(tmp_path / "flihgts.yaml")


def test_a_name_other_than_the_files_is_refused(tmp_path: Path) -> None:
    text = "name: planes\nexpectations: [{type: expect_column_to_exist, kwargs: {column: x}}]\n"
    with pytest.raises(SpecError, match="name: 'planes' differs from the file's name"):
        load_suite(suite_file(tmp_path, text))


def test_rules_are_named_by_type_and_columns_and_numbered_where_both_repeat() -> None:
    rules = [
        RuleSpec(type=BETWEEN, kwargs={"column": "x", "min_value": 0}),
        RuleSpec(type="expect_compound_columns_to_be_unique", kwargs={"column_list": ["a", "b"]}),
        RuleSpec(type=BETWEEN, kwargs={"column": "x", "max_value": 9}),
        RuleSpec(type="expect_table_row_count_to_equal", kwargs={"value": 3}),
    ]
    assert name_rules(rules) == (
        f"{BETWEEN}(x)",
        "expect_compound_columns_to_be_unique(a, b)",
        f"{BETWEEN}(x)#2",
        "expect_table_row_count_to_equal()",
    )


def test_rows_that_broke_a_quarantine_rule_are_put_aside_and_no_others() -> None:
    judgement = judged(outcome("quarantine", 3, 70), outcome("warning", 5), outcome("quarantine", 70, 71))
    assert np.flatnonzero(~judgement.keep).tolist() == [3, 70, 71]
    assert judgement.put_aside == 3
    assert judgement.quarantined.to_dict("list") == {
        "key": ["k3", "k70", "k71"],
        "rule": [f"{BETWEEN}(x)", f"{BETWEEN}(x); {BETWEEN}(x)#3", f"{BETWEEN}(x)#3"],
    }
    assert [(r.severity, r.success, r.rows_broken, r.quarantined) for r in judgement.results] == [
        ("quarantine", False, 2, True),
        ("warning", False, 1, False),
        ("quarantine", False, 2, True),
    ]
    check(judgement)


def test_a_released_row_goes_on_and_is_counted() -> None:
    judgement = judged(outcome("quarantine", 3, 70), outcome("quarantine", 70), released={"k70", "k99"})
    assert np.flatnonzero(~judgement.keep).tolist() == [3]
    assert judgement.released == 1
    assert judgement.quarantined["key"].tolist() == ["k3"]


def test_keys_that_are_numbers_are_released_by_their_text() -> None:
    rules = Validation(suite="flights")
    judgement = judge([outcome("quarantine", 1)], 3, np.array([10, 11, 12]), rules, {"11"})
    assert judgement.keep.all()


def test_rows_that_share_a_key_are_one_entry_and_both_put_aside() -> None:
    rules = Validation(suite="flights", max_quarantined=1)
    judgement = judge([outcome("quarantine", 0, 1)], 3, pd.Series(["a", "a", "b"]), rules, set())
    assert judgement.keep.tolist() == [False, False, True]
    assert judgement.quarantined["key"].tolist() == ["a"]


def test_more_rows_aside_than_allowed_stop_the_run_with_the_count_of_each_rule() -> None:
    check(judged(outcome("quarantine", *range(5))))
    with pytest.raises(ValidationFailed) as stopped:
        check(judged(outcome("quarantine", *range(5)), outcome("quarantine", 40)))
    assert "6 of 100 rows (6.00%) would be put aside, more than validation.max_quarantined (5.00%)" in str(
        stopped.value
    )
    assert f"{BETWEEN}(x): 5 rows" in str(stopped.value)
    assert f"{BETWEEN}(x)#2: 1 rows" in str(stopped.value)


def test_released_rows_do_not_count_towards_the_limit() -> None:
    check(judged(outcome("quarantine", *range(6)), released={"k0"}))


def test_a_broken_critical_rule_stops_the_run_and_names_what_was_observed() -> None:
    judgement = judged(outcome("critical", 4, 5), outcome("warning", 4))
    assert judgement.keep.all()
    with pytest.raises(ValidationFailed, match=r"1 critical rule broke") as stopped:
        check(judgement)
    assert f"{BETWEEN}(x): 2 rows broke it" in str(stopped.value)
    assert "expectations/flights.yaml" in str(stopped.value)
    assert "#2" not in str(stopped.value)


def test_a_critical_rule_that_holds_mostly_does_not_stop_the_run() -> None:
    check(judged(outcome("critical", 4, success=True)))


def test_warnings_and_information_never_stop_the_run() -> None:
    check(judged(outcome("warning", *range(100)), outcome("info", *range(100)), outcome("warning", error="no column")))


def test_a_quarantine_rule_that_could_not_be_checked_stops_the_run() -> None:
    judgement = judged(outcome("quarantine", error="no column x"))
    assert judgement.results[0].severity == "critical"
    with pytest.raises(ValidationFailed):
        check(judgement)
