from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evergreen.data import clean
from evergreen.discovery import find_reading, find_sentinels
from evergreen.discovery.target import find_task
from evergreen.spec import Read

AGES = np.tile(np.arange(18, 80), 10).astype(float)


def ages(value: float, rows: int = 20) -> pd.DataFrame:
    return pd.DataFrame({"age": np.concatenate([AGES, np.full(rows, value)])})


@pytest.mark.parametrize("value", [-999.0, -99.0, -9.0, 999.0, 9999.0, 99999.0, np.inf, -np.inf])
def test_a_number_that_stands_for_nothing_is_found_and_becomes_missing(value: float) -> None:
    frame = ages(value)
    found = find_sentinels(frame)["age"]
    assert (found.values, found.sure) == ((value,), True)
    assert "20" in found.reason
    read = Read.model_validate({"sentinels": {"age": list(found.values)}})
    assert clean(frame, read)["age"].isna().sum() == 20


@pytest.mark.parametrize("value", [-1.0, 99.0])
def test_a_number_that_may_be_a_value_is_left_to_a_person(value: float) -> None:
    assert find_sentinels(ages(value, 60))["age"].sure is False


@pytest.mark.parametrize(
    "frame",
    [
        ages(999, 1),
        ages(81),
        ages(-5),
        pd.DataFrame({"price": np.linspace(0, 10_000, 500)}),
        pd.DataFrame({"sign": [-1.0, 1.0] * 50}),
        pd.DataFrame({"day": pd.date_range("1899-12-31", periods=400)}),
    ],
)
def test_values_among_their_like_are_no_sentinels(frame: pd.DataFrame) -> None:
    assert find_sentinels(frame) == {}


def test_days_that_stand_for_never_become_missing() -> None:
    days = pd.Series(pd.date_range("2022-01-01", periods=300).as_unit("us"))
    frame = pd.DataFrame({"until": days.mask(days.index < 9, pd.Timestamp("9999-12-31"))})
    found = find_sentinels(frame)["until"]
    assert found.values == ("9999-12-31",)
    cleaned = clean(frame, Read.model_validate({"sentinels": {"until": ["9999-12-31"]}}))
    assert cleaned["until"].isna().sum() == 9


@pytest.mark.parametrize(
    ("values", "forms"),
    [
        (["2022-01-31", "31/01/2022"], ("iso", "%d/%m/%Y")),
        (["44562", "44563"], ("excel",)),
        (["1640995200.25", "1640995300.5"], ("seconds",)),
        (["2022-01-01 10:00:00 UTC", "2022-01-02 10:00:00 UTC"], ("%Y-%m-%d %H:%M:%S %Z",)),
    ],
)
def test_times_as_programs_write_them_are_read(values: list[str], forms: tuple[str, ...]) -> None:
    raw = pd.DataFrame({"order_date": values * 20}, dtype="str")
    read = find_reading(raw).read
    assert read is not None
    assert read.dates == {"order_date": forms}
    days = clean(raw, read)["order_date"]
    assert days.dt.year.eq(2022).all()


def test_texts_that_differ_by_case_or_blanks_alone_are_one() -> None:
    raw = pd.DataFrame({"y": ["yes", "YES", "yes ", "no", "No"] * 20}, dtype="str")
    read = find_reading(raw).read
    assert read is not None
    assert read.fold == ("y",)
    assert set(clean(raw, read)["y"]) == {"yes", "no"}


def test_numbers_of_several_units_are_said_to_stay_text() -> None:
    found = find_reading(
        pd.DataFrame({"size": [f"{n} {unit}" for n in range(30) for unit in ("kB", "GB")]}, dtype="str")
    )
    assert "numbers with several units ('gb', 'kb') stay text" in found.checks[0]


def test_a_label_that_says_nobody_knows_is_a_doubt() -> None:
    guess = find_task(pd.Series(["yes", "no", "unknown"] * 50, name="y"))
    assert "50 rows have the label 'unknown'" in guess.checks[0]
    assert 'missing: ["unknown"]' in guess.checks[0]


def test_a_spec_names_only_encodings_that_exist(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"latin-42 is no encoding; write e.g. utf-8"):
        Read.model_validate({"encoding": "latin-42"})


@pytest.mark.parametrize(
    "value", [-200.0, -50.0, 5000.0, 1e20, 99999.0, 1e30, -1e30, 2.0**63 - 1, 2.0**32 - 1, -32768.0]
)
def test_a_far_and_frequent_single_value_means_missing_however_it_is_written(value: float) -> None:
    found = find_sentinels(ages(value, 100))["age"]
    assert (found.values, found.sure) == ((value,), True)


@pytest.mark.parametrize(
    "values",
    [
        np.concatenate([np.zeros(300), np.arange(100.0, 800.0)]),
        np.concatenate([np.full(3, 5000.0), AGES]),
        np.concatenate([np.full(300, 12.5), np.linspace(0, 1, 500)]),
        np.random.default_rng(0).lognormal(0, 3, 5000).round(),
        np.random.default_rng(0).normal(0, 1, 5000).round(1),
        np.repeat([0.0, 1.0, 2.0], 100),
        np.concatenate([np.full(2387, 1.0), np.random.default_rng(0).uniform(0, 0.198, 17803).round(6)]),
        np.random.default_rng(0).choice([0, 10, 20, 50, 100, 250, 500, 1000], 1000),
    ],
)  # fmt: skip
def test_nothing_values_of_a_tail_and_steps_of_a_scale_are_values(values: np.ndarray) -> None:
    assert find_sentinels(pd.DataFrame({"x": values})) == {}


def test_a_far_value_among_few_levels_is_left_to_a_person() -> None:
    found = find_sentinels(pd.DataFrame({"x": np.repeat([0.0, 1.0, 2.0, -200.0], 100)}))["x"]
    assert (found.values, found.sure) == ((-200.0,), False)


def test_a_value_that_means_missing_in_one_column_does_so_wherever_it_stands_apart() -> None:
    frame = ages(-9, 20).assign(
        weight=lambda rows: np.where(rows.index == 5, -9.0, 50.0 + rows.index % 60),
        change=lambda rows: np.where(rows.index == 5, -9.0, -20.0 + rows.index % 60),
        level=lambda rows: np.where(rows.index == 5, -9.0, rows.index % 2),
    )
    found = find_sentinels(frame)
    assert set(found) == {"age", "weight", "level"}
    assert found["weight"].reason == "-9 stands in 1 row, and the other values lie in 50 to 109; as in age"


def test_the_end_of_a_percentage_is_left_to_a_person() -> None:
    found = find_sentinels(pd.DataFrame({"share": np.concatenate([np.full(300, 100.0), np.arange(900) % 20])}))
    assert found["share"].sure is False
