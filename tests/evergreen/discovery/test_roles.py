import numpy as np
import pandas as pd
import pytest

from evergreen.discovery import Hints, Reading, Survey, model_file, profile, summary, survey
from evergreen.discovery.columns import twins
from evergreen.discovery.roles import find_task
from evergreen.errors import DataError

NOW = pd.Timestamp("2026-01-01", tz="UTC")


def look(frame: pd.DataFrame) -> Survey:
    return survey(frame, Hints("y"), NOW)


def frame(**columns: object) -> pd.DataFrame:
    rng = np.random.default_rng(11)
    return pd.DataFrame({"y": rng.integers(0, 2, 300), "x": rng.normal(size=300), **columns})


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["yes", "no"] * 50, "binary"),
        ([0, 1] * 50, "binary"),
        (["a", "b", "c"] * 50, "multiclass"),
        ([0, 1, 2] * 50, "multiclass"),
        (list(range(10)) * 30, "multiclass"),
        (np.linspace(0, 1, 200), "regression"),
        ([0] * 200 + [1] * 80 + [2] * 30 + [3] * 10 + [4] * 4 + [5] * 1, "regression"),
        (list(range(500)), "regression"),
    ],
)
def test_the_task_follows_from_the_target(values: object, task: str) -> None:
    assert find_task(pd.Series(values, name="y")).task == task


def test_what_looks_counted_is_named_and_not_guessed() -> None:
    found = find_task(pd.Series(np.random.default_rng(0).poisson(0.8, 500), name="y"))
    assert found.task == "regression"
    assert any("write task: count" in check for check in found.checks)


def test_hundreds_of_different_texts_are_no_classes() -> None:
    with pytest.raises(DataError, match="too many for classes"):
        find_task(pd.Series([f"name {number}" for number in range(500)], name="y"))


def test_a_skewed_target_and_missing_labels_are_doubts() -> None:
    values = pd.Series(np.random.default_rng(0).lognormal(0, 2, 500), name="y")
    checks = " ".join(find_task(values.mask(values.index < 20)).checks)
    assert "20 rows have no label" in checks
    assert "skewed" in checks


def test_an_id_is_the_key_and_a_row_number_is_one_with_a_doubt() -> None:
    named = look(frame(order_id=[f"A{number}" for number in range(300)]))
    assert named.key is not None
    assert (named.key.value, named.key.check) == ("order_id", "")
    counted = look(frame(n=range(300)))
    assert counted.key is not None
    assert "counts the lines" in counted.key.check


def test_a_birthday_and_a_time_in_the_future_are_no_event_time() -> None:
    days = pd.date_range("2024-01-01", periods=300, tz="UTC")
    assert look(frame(birth_date=days)).time is None
    assert look(frame(start=days + pd.Timedelta(days=3000))).time is None
    found = look(frame(birth_date=days, ordered_at=days)).time
    assert found is not None
    assert found.value == "ordered_at"


def test_a_customer_with_several_rows_is_a_group() -> None:
    found = look(frame(customer=[f"c{number % 60}" for number in range(300)])).group
    assert found is not None
    assert found.value == "customer"


@pytest.mark.parametrize("name", ["number_of_rooms", "num_users", "open_accounts", "paid"])
def test_what_counts_things_is_no_group(name: str) -> None:
    assert look(frame(**{name: np.arange(300) % 60})).group is None


def test_columns_are_twins_where_their_values_are_and_not_where_none_repeats() -> None:
    rows = pd.DataFrame({"a": np.arange(50), "b": np.arange(50) + 1, "c": np.arange(50) * 1.0, "d": np.arange(50)})
    assert twins(rows) == {"d": "a"}


def test_what_cannot_help_is_excluded_with_its_reason() -> None:
    found = look(frame(same="a", twin=np.arange(300) % 17, copy=np.arange(300) % 17))
    assert found.excluded == {"same": "always 'a'", "copy": "repeats twin value by value"}


def test_a_time_that_a_total_line_lacks_is_named_where_no_event_time_was_found() -> None:
    days = pd.Series(pd.date_range("2024-01-01", periods=300)).where(np.arange(300) < 299)
    text = model_file("m", "m.csv", look(frame(day=days)), Reading(), None, "by hand")
    assert "no event time was found (day lacks it in 1 of 300 rows: a total line" in text


def test_a_terminal_shows_what_is_odd_of_hundreds_of_columns() -> None:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({f"n{at}": rng.normal(size=100) for at in range(200)}).assign(n150="a")
    lines = summary("wide", profile(rows, None, None, None), ()).splitlines()
    assert len(lines) == 2 + 60 + 1 + 1
    assert any(line.startswith("n150 ") for line in lines)
    assert "... and 140 more" in lines[-2]


def test_two_hundred_names_are_classes_where_each_has_rows_enough() -> None:
    assert find_task(pd.Series([f"class {at % 200}" for at in range(4000)], name="y")).task == "multiclass"


def test_codes_of_one_build_that_differ_in_every_row_are_the_key_whatever_their_name() -> None:
    columns = {
        "policy": [f"P{number}" for number in range(300)],
        "word": [f"w{number}-{'x' * (number % 7)}{number}" for number in range(300)],
    }
    found = look(frame(**columns))
    assert found.key is not None
    assert found.key.value == "policy"
    assert "like 'P0'" in found.key.reason


def test_a_column_of_years_is_offered_as_the_event_time() -> None:
    text = model_file(
        "m", "m.csv", look(frame(year=[2000 + number % 20 for number in range(300)])), Reading(), None, "by hand"
    )
    assert "year looks like years: evergreen init FILE --target y --time year --name NAME" in text


def test_rows_of_different_times_do_not_repeat_each_other() -> None:
    days = pd.Series(pd.date_range("2023-01-01", periods=300))
    same = pd.DataFrame({"day": days, "x": [1.0, 2.0, 3.0] * 100, "y": [0.0, 1.0, 1.0] * 100})
    assert survey(same, Hints("y", time="day"), pd.Timestamp("2024-06-01", tz="UTC")).repeated == (0, 0)
    assert survey(same.drop(columns="day"), Hints("y"), pd.Timestamp("2024-06-01", tz="UTC")).repeated == (297, 0)
