"""Event times whose parts stand in several columns are found, put together, and read alike everywhere."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evergreen.data import clean
from evergreen.discovery import Hints, find_reading, model_file, survey, without_unusable
from evergreen.io.sampling import read_sample, take_sample
from evergreen.io.sources import read
from evergreen.spec import Read

NOW = pd.Timestamp("2026-01-01", tz="UTC")
TIMES = pd.Series(pd.date_range("2020-01-01", periods=2000, freq="3h"))
Parts = dict[str, Callable[[pd.Series], pd.Series]]


def written(form: str) -> Callable[[pd.Series], pd.Series]:
    return lambda times: times.dt.strftime(form)


CASES: list[Parts] = [
    {"Date": written("%d/%m/%Y"), "Time": written("%H.%M.%S")},
    {"date": written("%Y-%m-%d"), "time": written("%H:%M")},
    {"Datum": written("%d.%m.%Y"), "Uhrzeit": written("%H:%M:%S")},
    {"sale_day": written("%m/%d/%Y"), "sale_time": written("%I:%M %p")},
    {"date": written("%Y%m%d"), "time": written("%H%M")},
    {"date": written("%Y-%m-%d"), "hour": lambda times: times.dt.hour},
    {"date": written("%Y-%m-%d"), "hr": lambda times: times.dt.hour.replace(0, 24)},
    {"year": lambda times: times.dt.year, "month": lambda times: times.dt.month, "day": lambda times: times.dt.day,
     "hour": lambda times: times.dt.hour},
    {"Yr": lambda times: times.dt.year, "Mo": lambda times: times.dt.month, "Dy": lambda times: times.dt.day},
    {"arrival_date_year": lambda times: times.dt.year, "arrival_date_month": written("%B"),
     "arrival_date_day_of_month": lambda times: times.dt.day},
    {"YEAR": lambda times: times.dt.year, "MONTH": written("%b"), "DAY": lambda times: times.dt.day,
     "HOUR": lambda times: times.dt.hour, "MINUTE": lambda times: times.dt.minute},
]  # fmt: skip


@pytest.mark.parametrize("parts", CASES, ids=lambda parts: "+".join(parts))
def test_parts_of_a_time_in_several_columns_become_one_event_time(tmp_path: Path, parts: Parts) -> None:
    rng = np.random.default_rng(1)
    rows = pd.DataFrame({name: part(TIMES) for name, part in parts.items()})
    rows = rows.assign(week_number=TIMES.dt.isocalendar().week, y=rng.normal(size=len(TIMES)))
    rows.to_csv(tmp_path / "t.csv", index=False)
    reading, frame = read_sample(take_sample("t.csv", tmp_path))
    frame = without_unusable(frame, reading, "y", NOW)
    found = survey(frame, Hints("y"), NOW, reading)
    assert found.time is not None
    assert found.time.value == "event_time"
    expected = TIMES if any("hour" in name.lower() or "time" in name.lower() or name in ("Uhrzeit", "hr")
                            for name in parts) else TIMES.dt.normalize()  # fmt: skip
    if "hr" in parts:
        expected = TIMES + pd.to_timedelta((TIMES.dt.hour == 0).astype(int), unit="D")
    assert frame["event_time"].tolist() == expected.tolist()
    assert set(parts) <= set(found.excluded)
    text = model_file("t", "t.csv", found, reading, None, "by hand")
    assert "time: event_time" in text
    assert "together:" in text
    start, end = datetime(2020, 3, 1, tzinfo=UTC), datetime(2020, 3, 2, tzinfo=UTC)
    window = read("t.csv", tmp_path, columns=["y"], time="event_time", start=start, end=end, how=reading.read)
    assert list(window.columns) == ["y", "event_time"]
    inside = (expected >= "2020-03-01") & (expected < "2020-03-02")
    assert window["event_time"].dt.tz_localize(None).tolist() == expected[inside].tolist()


def test_a_column_with_day_and_clock_is_not_put_together_with_others() -> None:
    rows = pd.DataFrame({"start": TIMES.dt.strftime("%Y-%m-%d %H:%M"), "hour": TIMES.dt.hour.astype("str"),
                         "year": TIMES.dt.year.astype("str"), "month": TIMES.dt.month.astype("str"),
                         "day": TIMES.dt.day.astype("str")})  # fmt: skip
    assert find_reading(rows).together == {}


def test_a_birthday_in_three_columns_and_numbers_named_day_are_no_event_time() -> None:
    born = {f"birth_{part}": getattr(TIMES.dt, part).astype("str") for part in ("year", "month", "day")}
    assert find_reading(pd.DataFrame(born)).together == {}
    assert find_reading(pd.DataFrame({"month": ["1", "2", "3"] * 50, "day": ["7", "8", "9"] * 50})).together == {}


def test_a_time_that_holds_the_target_or_lies_in_the_future_is_taken_apart_again() -> None:
    rows = pd.DataFrame({"date": TIMES.dt.strftime("%Y-%m-%d"), "hour": TIMES.dt.hour.astype("str")})
    for target, now in (("hour", NOW), ("y", pd.Timestamp("2020-02-01", tz="UTC"))):
        reading = find_reading(rows)
        frame = without_unusable(clean(rows, reading.read), reading, target, now)
        assert reading.together == {}
        assert list(frame.columns) == ["date", "hour"]


@pytest.mark.parametrize(("unit", "form"), [("ms", "milliseconds"), ("us", "microseconds"), ("ns", "nanoseconds")])
def test_epochs_of_any_unit_are_times(unit: str, form: str) -> None:
    raw = pd.DataFrame({"created_ts": TIMES.dt.as_unit(unit).astype("int64").astype("str")}, dtype="str")
    reading = find_reading(raw)
    assert reading.read is not None
    assert reading.read.dates == {"created_ts": (form,)}
    assert clean(raw, reading.read)["created_ts"].dt.tz_localize(None).tolist() == TIMES.tolist()


def test_clocks_with_dots_behind_a_day_are_read() -> None:
    raw = pd.DataFrame({"when": TIMES.dt.strftime("%d/%m/%Y %H.%M.%S")}, dtype="str")
    reading = find_reading(raw)
    assert clean(raw, reading.read)["when"].tolist() == TIMES.tolist()


def test_a_time_of_one_column_alone_is_refused_where_it_is_put_together() -> None:
    with pytest.raises(ValueError, match="is made of two columns or more"):
        Read.model_validate({"together": {"t": {"Date": "%Y"}}})
