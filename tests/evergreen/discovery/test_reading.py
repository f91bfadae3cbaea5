import pandas as pd
import pytest

from evergreen.data import clean
from evergreen.discovery import find_reading, has_header


def texts(**columns: list[str]) -> pd.DataFrame:
    return pd.DataFrame(columns, dtype="str")


@pytest.mark.parametrize(
    ("values", "numbers"),
    [
        (["1,234.50", "12", "$3"], [1234.5, 12, 3]),
        (["1.234,5", "7,25", "3"], [1234.5, 7.25, 3]),
        (["1 234,5", "7,25", "3"], [1234.5, 7.25, 3]),
        (["12 kg", "3.5 kg", "1 kg"], [12, 3.5, 1]),
        (["45 %", "3%", "0.5%"], [45, 3, 0.5]),
        (["(1,200)", "-3", "5"], [-1200, -3, 5]),
        (["?", "1", "unknown"], [None, 1, None]),
        (["1e-5", "2", "-"], [1e-5, 2, None]),
    ],
)
def test_numbers_are_found_and_read_as_a_person_would(values: list[str], numbers: list[float | None]) -> None:
    raw = texts(column=values * 20)
    read = find_reading(raw).read
    assert read is not None
    assert read.numbers == ("column",)
    assert clean(raw, read)["column"].head(3).replace(float("nan"), None).tolist() == pytest.approx(numbers)


def test_values_of_different_scale_are_left_as_texts() -> None:
    assert find_reading(texts(column=["1.2k", "900", "3M"] * 20)).read is None


@pytest.mark.parametrize(
    ("values", "form", "first"),
    [
        (["13/02/2020", "01/03/2020"], "%d/%m/%Y", "2020-02-13"),
        (["02/13/2020", "03/01/2020"], "%m/%d/%Y", "2020-02-13"),
        (["13.02.20", "01.03.20"], "%d.%m.%y", "2020-02-13"),
        (["13-Feb-2020", "01-Mar-2020"], "%d-%b-%Y", "2020-02-13"),
        (["Feb 13, 2020", "Mar 1, 2020"], "%b %d, %Y", "2020-02-13"),
        (["2020-02-13T10:00:00Z", "2020-03-01T10:00:00Z"], "iso", "2020-02-13 10:00+00:00"),
        (["20200213", "20200301"], "%Y%m%d", "2020-02-13"),
        (["2/13/20 4:05 PM", "3/1/20 4:05 AM"], "%m/%d/%y %I:%M %p", "2020-02-13 16:05"),
    ],
)
def test_times_are_found_in_many_forms(values: list[str], form: str, first: str) -> None:
    raw = texts(column=values * 20)
    read = find_reading(raw).read
    assert read is not None
    assert read.dates == {"column": (form,)}
    assert clean(raw, read)["column"].iloc[0] == pd.Timestamp(first)


def test_a_day_that_may_be_a_month_is_a_doubt() -> None:
    found = find_reading(texts(column=["01/02/2020", "03/04/2020"] * 20))
    assert "no day above 12" in found.checks[0]


def test_codes_with_leading_zeros_stay_texts() -> None:
    read = find_reading(texts(zip=["00501", "10001", "02138"] * 20)).read
    assert read is not None
    assert read.texts == ("zip",)


def test_a_plain_table_needs_no_reading() -> None:
    assert find_reading(texts(a=["1", "2"] * 20, b=["x", "NA"] * 20, c=["1.5", ""] * 20)).read is None


@pytest.mark.parametrize(
    ("first", "rows", "named"),
    [
        (["age", "city"], [["3", "Rome"], ["4", "Oslo"]], True),
        (["3", "Rome"], [["4", "Rome"], ["5", "Oslo"]], False),
        (["12,5", "7"], [["11,5", "8"], ["10,1", "9"]], False),
        (["country", "2019", "2020", "2021"], [["x", "1", "2", "3"], ["y", "4", "5", "6"]], True),
        (["red", "yes"], [["blue", "yes"], ["red", "no"]], False),
        (["colour", "sold"], [["blue", "yes"], ["red", "no"]], True),
    ],
)
def test_a_missing_header_is_noticed(first: list[str], rows: list[list[str]], named: bool) -> None:
    assert has_header(first, pd.DataFrame(rows * 10, dtype="str")) is named


def test_the_way_of_writing_that_reads_most_columns_is_taken_and_others_stay_text() -> None:
    raw = texts(growth=["22.3%", "1.5%"] * 20, share=["0,06", "1,25"] * 20, sales=["2,819", "112"] * 20)
    found = find_reading(raw)
    read = found.read
    assert read is not None
    assert (read.numbers, read.thousands, read.decimal) == (("growth", "sales"), ",", ".")
    assert clean(raw, read)["sales"].head(2).tolist() == [2819, 112]
    assert "share: numbers, written like '0,06', in another way than the other columns: stays text" in found.checks[0]


@pytest.mark.parametrize("name", ["sold_at", "Sold at", "soldAt", "ts", "created"])
def test_seconds_since_1970_are_found_where_the_name_says_that_they_are_times(name: str) -> None:
    read = find_reading(texts(**{name: [str(1_700_000_000 + 60 * at) for at in range(40)]})).read
    assert read is not None
    assert read.dates == {name: ("seconds",)}
    assert find_reading(texts(format=[str(1_700_000_000 + 60 * at) for at in range(40)])).read is None


def with_a_total(**total: str | None) -> pd.DataFrame:
    rows = {
        "shop": [f"{number:04d}" for number in range(300)],
        "day": [f"{1 + number % 28:02d}.03.2024" for number in range(300)],
        "sold": [f"{number % 40},5" for number in range(300)],
        "open": ["yes", "no"] * 150,
    }
    return pd.DataFrame({name: [*values, total.get(name)] for name, values in rows.items()}, dtype="str")


def test_a_total_line_is_no_row_and_hides_no_type() -> None:
    raw = with_a_total(shop="Total:", sold="5.850,0")
    found = find_reading(raw)
    read = found.read
    assert read is not None
    assert read.drop == {"shop": ("Total:",)}
    assert "line 301" in found.drop["shop"]["Total:"]
    assert read.texts == ("shop",)
    rows = clean(raw, read)
    assert len(rows) == 300
    assert rows["day"].notna().all()
    assert rows["sold"].max() == 39.5


def test_numbers_above_a_total_line_stay_numbers_and_keys_of_numbers_stay_as_they_stand() -> None:
    total = with_a_total(shop="Total", sold="5.850,0")
    raw = total.assign(shop=[*(str(number % 40) for number in range(300)), "Total"])
    read = find_reading(raw).read
    assert read is not None
    assert "shop" in read.numbers
    assert clean(raw, read)["shop"].tolist() == [number % 40 for number in range(300)]
    raw = total.assign(shop=[*(str(number) for number in range(300)), "Total"])
    read = find_reading(raw).read
    assert read is not None
    assert read.texts == ("shop",)
    assert clean(raw, read)["shop"].tolist() == [str(number) for number in range(300)]


def test_decimals_above_a_total_line_are_not_read_by_another_way_of_writing() -> None:
    raw = with_a_total(shop="Total", sold="5.850,0").assign(
        shop=[*(f"{number % 40}.25" for number in range(300)), "Total"]
    )
    found = find_reading(raw)
    read = found.read
    assert read is not None
    assert (read.decimal, read.numbers) == (",", ("sold",))
    assert clean(raw, read)["shop"].iloc[1] == "1.25"
    assert "shop: numbers in another way than the other columns" in found.checks[-1]


def test_a_text_that_a_full_row_has_too_marks_no_total() -> None:
    raw = with_a_total(shop="Total", sold="5.850,0")
    full = raw.iloc[[7]].assign(shop="Total")
    assert find_reading(pd.concat([full, raw], ignore_index=True)).drop == {}
    other = pd.concat([full.assign(shop="total"), raw], ignore_index=True)
    assert list(find_reading(other).drop["shop"]) == ["Total"]
    assert "line 302 of the sample" in find_reading(other, complete=False).drop["shop"]["Total"]


@pytest.mark.parametrize(
    "row", [{"shop": "Total", "day": "01.03.2024", "sold": "1,0", "open": "yes"}, {"open": "Total"}]
)
def test_a_full_row_and_a_level_called_total_are_rows(row: dict[str, str]) -> None:
    raw = with_a_total(**row) if len(row) > 1 else with_a_total().assign(open=["yes", "no", "total"] * 100 + ["yes"])
    assert find_reading(raw).drop == {}


def test_a_dot_parts_thousands_in_a_file_of_decimal_commas() -> None:
    raw = texts(
        people=["617.333", "23.848", "512"] * 20, area=["183,43", "1.200,5", "7,1"] * 20, town=["a", "b", "c"] * 20
    )
    found = find_reading(raw)
    read = found.read
    assert read is not None
    assert set(read.numbers) == {"people", "area"}
    assert clean(raw, read)["people"].head(3).tolist() == [617333, 23848, 512]
    assert "people: is 617.333 a decimal, or are its dots thousands? Read as thousands" in found.checks[0]


def test_a_dot_is_left_as_it_is_where_another_column_has_decimals_behind_one() -> None:
    found = find_reading(
        texts(
            weight=["1.250", "2.375", "3"] * 20, area=["183,43", "1.200,5", "7,1"] * 20, rate=["0.5", "1.25", "3"] * 20
        )
    )
    assert found.read is not None
    assert found.read.numbers == ("area",)
    assert "weight: is 1.250 a decimal, or are its dots thousands? If so" in found.checks[0]


def test_a_dot_of_unknown_meaning_between_semicolons_is_a_doubt() -> None:
    found = find_reading(texts(people=["617.333", "23.848", "512"] * 20), None, decimal_comma=True)
    assert found.read is None
    assert "thousands?" in found.checks[0]
