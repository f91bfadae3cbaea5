import numpy as np
import pandas as pd
import pytest

from evergreen.discovery import Hints, Reading, Survey, model_file, profile, summary, survey
from evergreen.discovery.columns import twins
from evergreen.discovery.target import find_task
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


def drawn(rows: int, low: int, high: int) -> np.ndarray:
    return np.random.default_rng(4).choice(np.arange(low, high), rows, replace=False)


@pytest.mark.parametrize(
    "values",
    [
        np.sort(drawn(2000, 1, 100_000)),
        drawn(2000, 5_000_000, 5_050_000),
        drawn(2000, 1, 60_000).astype(float),
        9007199254740993 + np.arange(2000)[::-1] * 3,
        10**18 + drawn(2000, 1, 10**6),
    ],
)
def test_whole_numbers_that_all_differ_where_chance_would_repeat_some_are_the_key(values: np.ndarray) -> None:
    rng = np.random.default_rng(5)
    rows = pd.DataFrame({"y": rng.integers(0, 2, 2000), "x": rng.normal(size=2000), "policy": values})
    found = look(rows)
    assert found.key is not None
    assert found.key.value == "policy"
    assert found.group is None


def test_amounts_that_happen_to_differ_are_no_key() -> None:
    rng = np.random.default_rng(6)
    rows = pd.DataFrame({"y": rng.integers(0, 2, 200), "income": rng.integers(0, 10**7, 200) * 10})
    assert rows["income"].is_unique
    assert look(rows).key is None


@pytest.mark.parametrize(
    "name", ["week_no", "NO2", "NO", "NO2(GT)", "customer_age", "store_size", "user_agent", "Week Number", "hour_index"]
)
def test_weeks_gases_and_properties_are_no_group(name: str) -> None:
    assert look(frame(**{name: np.arange(300) % 60})).group is None


@pytest.mark.parametrize("name", ["customer", "store_id", "StoreNo", "user_name", "room_number", "invoice_no"])
def test_names_that_say_whose_rows_these_are_give_a_group(name: str) -> None:
    found = look(frame(**{name: np.arange(300) % 60})).group
    assert found is not None
    assert found.value == name


@pytest.mark.parametrize(
    ("name", "others", "task"),
    [
        ("ClaimNb", ["Exposure"], "count"),
        ("y", ["exposure"], "count"),
        ("number_of_visits", [], "count"),
        ("grade", [], "multiclass"),
    ],
)
def test_counts_are_counts_where_their_name_or_an_exposure_says_so(name: str, others: list[str], task: str) -> None:
    values = pd.Series([0] * 1900 + [1] * 96 + [2] * 4, name=name, dtype="float64")
    found = find_task(values, others)
    assert found.task == task
    assert (f"exposure: {others[0]}" if others else "exposure: COLUMN") in " ".join(found.checks) or task != "count"


def test_rare_classes_are_said_with_numbers_and_what_cannot_be_judged() -> None:
    three = find_task(pd.Series([0] * 997 + [1] * 3, name="y")).checks[0]
    assert three.startswith("1: 3 of 1,000 rows (1 in 333), about 1 in the holdout: too few to learn")
    few = find_task(pd.Series([0] * 59_970 + [1] * 30, name="y")).checks[0]
    assert few == "1: 30 of 60,000 rows (1 in 2,000), about 6 in the holdout: its figures will have wide intervals"
    rare = find_task(pd.Series([0] * 199_900 + [1] * 100, name="y")).checks[0]
    assert rare == "1 in 2,000 rows is 1; metric: pr_auc judges the rare class"


def test_a_booking_is_not_timed_by_its_status_where_another_time_fits() -> None:
    days = pd.date_range("2024-01-01", periods=300, tz="UTC")
    found = look(frame(reservation_status_date=days + pd.Timedelta(days=9), arrival=days)).time
    assert found is not None
    assert found.value == "arrival"
