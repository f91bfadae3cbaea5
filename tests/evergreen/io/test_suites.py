import logging
import re
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evergreen.errors import EmptyWindow, SpecError
from evergreen.io import suites
from evergreen.spec import Validation
from evergreen.validation import RuleOutcome, Suite, judge, known_types

BETWEEN = "expect_column_values_to_be_between"
GREATER = "expect_column_pair_values_a_to_be_greater_than_b"


def run(frame: pd.DataFrame, *rules: dict) -> list[RuleOutcome]:
    return suites.validate(frame, Suite.model_validate({"name": "test", "expectations": list(rules)}))


def rule(kind: str, severity: str = "critical", **kwargs: object) -> dict:
    return {"type": kind, "kwargs": kwargs, "severity": severity}


def broken(frame: pd.DataFrame, kind: str, **kwargs: object) -> list[int]:
    (outcome,) = run(frame, rule(kind, **kwargs))
    assert outcome.error is None
    assert outcome.success == (outcome.broken.size == 0)
    return outcome.broken.tolist()


def test_the_committed_catalogue_equals_the_installed_library() -> None:
    assert known_types() == suites.catalogue()


def test_planted_rows_are_found_at_their_positions_whatever_the_index_is() -> None:
    frame = pd.DataFrame({"x": [1.0, -5.0, 2.0, -7.0]}, index=["b", "b", "a", "a"])
    assert broken(frame, BETWEEN, column="x", min_value=0) == [1, 3]


def test_more_than_200_broken_rows_are_all_named() -> None:
    frame = pd.DataFrame({"x": np.where(np.arange(2_000) % 4 == 0, -1, 1)})
    assert broken(frame, BETWEEN, column="x", min_value=0) == list(range(0, 2_000, 4))


def test_outcomes_come_in_the_order_of_the_suite() -> None:
    columns = ["e", "b", "d", "a", "c"]
    frame = pd.DataFrame({name: [position] * 3 for position, name in enumerate(columns)})
    rules = [rule("expect_column_values_to_be_in_set", column=name, value_set=[99]) for name in columns]
    rules.insert(2, rule("expect_table_row_count_to_be_between", min_value=1))
    assert [o.rule.type for o in run(frame, *rules)] == [r["type"] for r in rules]
    assert [o.observed.rsplit(" ", 1)[1] for o in run(frame, *rules) if o.rule.columns] == ["0", "1", "2", "3", "4"]


def test_a_type_that_great_expectations_does_not_know_is_not_dropped() -> None:
    with pytest.raises((SpecError, KeyError), match="not_be_nul"):
        run(pd.DataFrame({"x": [1]}), rule("expect_column_values_to_not_be_nul", column="x"))


def test_a_value_that_great_expectations_refuses_names_the_rule() -> None:
    with pytest.raises(SpecError, match=r"expectations/test.yaml: expectations.1 \(expect_column_values_to_be_between"):
        run(
            pd.DataFrame({"x": [1]}),
            rule("expect_column_to_exist", column="x"),
            rule(BETWEEN, column="x", min_value=[]),
        )


@pytest.mark.parametrize(
    ("kind", "kwargs", "words"),
    [
        (BETWEEN, {"column": "nope", "min_value": 0}, "nope"),
        (BETWEEN, {"column": "s", "min_value": 0}, "of the same type"),
        ("expect_column_mean_to_be_between", {"column": "nope", "min_value": 0}, "nope"),
        (GREATER, {"column_A": "x", "column_B": "nope"}, "nope"),
    ],
)
def test_a_rule_that_cannot_be_checked_did_not_hold_and_says_why(kind: str, kwargs: dict, words: str) -> None:
    (outcome,) = run(pd.DataFrame({"x": [1.0, 2.0], "s": ["a", "b"]}), rule(kind, **kwargs))
    assert not outcome.success
    assert outcome.error is not None
    assert words in outcome.error
    assert outcome.observed.startswith("could not be checked: ")


@pytest.mark.parametrize("dtype", ["float64", "float32", "Float64"])
def test_infinities_pass_neither_a_lone_minimum_nor_a_lone_maximum(dtype: str) -> None:
    frame = pd.DataFrame({"x": pd.Series([1.0, np.inf, 3.0, -np.inf, 1e30]).astype(dtype)})
    assert broken(frame, BETWEEN, column="x", min_value=0) == [1, 3]
    assert broken(frame, BETWEEN, column="x", max_value=1e35) == [1, 3]


@pytest.mark.parametrize("figure", ["max", "mean", "sum"])
def test_an_infinite_column_does_not_pass_the_minimum_of_its_own_figure(figure: str) -> None:
    (outcome,) = run(
        pd.DataFrame({"x": [1.0, np.inf]}), rule(f"expect_column_{figure}_to_be_between", column="x", min_value=0)
    )
    assert not outcome.success


def test_missing_values_do_not_break_a_pair_rule_and_true_breaks_do() -> None:
    frame = pd.DataFrame({"a": [2.0, np.nan, 3.0, 1.0], "b": [1.0, 1.0, np.nan, 5.0]})
    assert broken(frame, GREATER, column_A="a", column_B="b") == [3]
    assert broken(frame, GREATER, column_A="a", column_B="b", ignore_row_if="neither") == [1, 2, 3]


@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
def test_dates_as_text_are_limits_of_datetimes(zone: str | None) -> None:
    times = pd.date_range("2012-12-31 12:00", periods=4, freq="D", tz=zone)
    frame = pd.DataFrame({"t": times.as_unit("us")})
    assert broken(frame, BETWEEN, column="t", min_value="2013-01-01", max_value="2013-01-03") == [0, 3]
    assert broken(frame, "expect_column_values_to_be_in_set", column="t", value_set=["2013-01-01 12:00"]) == [0, 2, 3]


def test_a_limit_with_a_zone_of_its_own_is_that_moment() -> None:
    frame = pd.DataFrame({"t": pd.to_datetime(["2013-01-01 04:59", "2013-01-01 05:00"], utc=True)})
    assert broken(frame, BETWEEN, column="t", min_value="2013-01-01T00:00:00-05:00") == [0]
    naive = pd.DataFrame({"t": frame["t"].dt.tz_localize(None)})
    assert broken(naive, BETWEEN, column="t", min_value="2013-01-01T00:00:00-05:00") == [0]


def test_a_limit_that_is_no_date_is_refused_with_the_place() -> None:
    frame = pd.DataFrame({"t": pd.to_datetime(["2013-01-01"])})
    with pytest.raises(SpecError, match=r"expectations.0 .*'tomorow' is no date or time"):
        run(frame, rule(BETWEEN, column="t", min_value="tomorow"))


def test_a_row_condition_keeps_the_positions_of_the_whole_frame() -> None:
    frame = pd.DataFrame({"x": [-1, 5, -2, -3], "late": [0, 1, 1, 0]})
    condition = {"type": "comparison", "column": {"name": "late"}, "operator": "==", "parameter": 1}
    assert broken(frame, BETWEEN, column="x", min_value=0, row_condition=condition) == [2]


def test_rows_that_stand_twice_are_named_all() -> None:
    frame = pd.DataFrame({"a": [1, 2, 1, 3], "b": ["x", "x", "x", "y"]})
    assert broken(frame, "expect_compound_columns_to_be_unique", column_list=["a", "b"]) == [0, 2]
    assert broken(frame, "expect_column_values_to_be_unique", column="b") == [0, 1, 2]


def test_mostly_lets_a_rule_hold_and_still_names_the_rows() -> None:
    (outcome,) = run(pd.DataFrame({"x": [1, 1, 1, -1]}), rule(BETWEEN, column="x", min_value=0, mostly=0.7))
    assert outcome.success
    assert outcome.broken.tolist() == [3]


def test_a_quarantine_rule_that_names_no_rows_becomes_an_error() -> None:
    wrong_type = rule("expect_column_values_to_be_of_type", "quarantine", column="x", type_="str")
    (outcome,) = run(pd.DataFrame({"x": [1.5]}), wrong_type)
    assert outcome.error == "it does not say which rows of x broke it"


def test_a_frame_without_rows_is_refused() -> None:
    with pytest.raises(EmptyWindow, match="no rows to check"):
        run(pd.DataFrame({"x": []}), rule("expect_column_to_exist", column="x"))


def test_the_frame_is_left_as_it_was() -> None:
    frame = pd.DataFrame({"x": [1.0, np.inf]}, index=[7, 7])
    before = frame.copy(deep=True)
    run(frame, rule(BETWEEN, column="x", min_value=0))
    pd.testing.assert_frame_equal(frame, before)


def test_a_missing_column_is_named_in_words() -> None:
    (outcome,) = run(
        pd.DataFrame({"x": [1]}),
        rule("expect_table_columns_to_match_set", column_set=["x", "distance"], exact_match=False),
    )
    assert outcome.observed == "missing: distance"


def test_two_threads_do_not_disturb_each_other() -> None:
    seen: dict[int, list[int]] = {}

    def work(position: int) -> None:
        values = np.ones(50)
        values[position] = -1
        seen[position] = broken(pd.DataFrame({"x": values}), BETWEEN, column="x", min_value=0)

    threads = [threading.Thread(target=work, args=(position,)) for position in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {position: [position] for position in range(6)}


def test_the_report_reads_offline_and_names_rules_breaks_and_notes(caplog: pytest.LogCaptureFixture) -> None:
    frame = pd.DataFrame(
        {"x": [1.0, -3.5, np.inf], "t": pd.date_range("2013-01-01", periods=3), "s": ["<b>", "u", "v"]}
    )
    rules = [
        rule(BETWEEN, "quarantine", column="x", min_value=0),
        rule("expect_column_mean_to_be_between", "warning", column="x", min_value=0),
        rule("expect_column_max_to_be_between", column="t", min_value="2013-01-01"),
        rule("expect_column_values_to_be_in_set", column="s", value_set=["u"]),
        rule("expect_column_values_to_not_be_null", column="nope"),
    ]
    suite = Suite.model_validate({"name": "test", "description": "Made-up rows.", "expectations": rules})
    with caplog.at_level(logging.DEBUG):
        page = suites.docs_page(suites.validate(frame, suite), suite)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert not re.search(r"<script|<link|<img|src=|href=|url\(|@import", page)
    assert "test: 1 of 5 rules held" in page
    assert "Made-up rows." in page
    states = re.findall(r"<span >\s*(held|broken)\s*</span>", page)
    assert sorted(states) == ["broken"] * 4 + ["held"]
    assert "expect_column_values_to_be_between(x)" in page
    assert "-3.5" in page
    assert "&lt;b&gt;" in page
    assert "<b>;" not in page


def test_nothing_is_written_sent_or_printed_by_a_validation(tmp_path: Path) -> None:
    program = textwrap.dedent("""
        import socket
        def refuse(*args): raise AssertionError("network")
        socket.socket.connect = refuse
        socket.getaddrinfo = refuse
        import pandas as pd
        from evergreen.io import suites
        from evergreen.validation import Suite
        rules = [{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": name}} for name in ("x", "nope")]
        suite = Suite.model_validate({"name": "t", "expectations": rules})
        suites.docs_page(suites.validate(pd.DataFrame({"x": [1]}), suite), suite)
    """)
    home, cwd = tmp_path / "home", tmp_path / "cwd"
    home.mkdir()
    cwd.mkdir()
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", program], cwd=cwd, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(home.iterdir()) == []
    assert list(cwd.iterdir()) == []


def test_planted_flights_are_quarantined_and_the_rest_goes_on() -> None:
    rows = 400
    frame = pd.DataFrame({"__key": [f"f{n}" for n in range(rows)], "distance": 500.0, "wind_speed": 10.0})
    frame.loc[17, "distance"] = 17
    frame.loc[[90, 91], "wind_speed"] = [1048.4, np.inf]
    outcomes = run(
        frame,
        rule(BETWEEN, "quarantine", column="distance", min_value=50),
        rule(BETWEEN, "quarantine", column="wind_speed", min_value=0, max_value=150),
    )
    judgement = judge(outcomes, rows, frame["__key"], Validation(suite="test"), {"f91"})
    assert np.flatnonzero(~judgement.keep).tolist() == [17, 90]
    assert judgement.quarantined["key"].tolist() == ["f17", "f90"]
    assert judgement.released == 1
