from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import growth, repeated
from benchmarks.runs import Cost
from evergreen.spec import load_spec


def flights() -> pa.Table:
    times = pd.Series(pd.to_datetime(["2013-03-10T11:00Z", "2013-03-11T12:30Z"]).as_unit("us"))
    frame = pd.DataFrame(
        {
            "flight_id": ["a", "b"],
            "scheduled_departure": times,
            "scheduled_arrival": times + pd.Timedelta(hours=3),
            "departed_at": times.where([True, False]),
            "arrived_at": (times + pd.Timedelta(hours=4)).where([True, False]),
            "late": [1.0, None],
        }
    )
    return pa.Table.from_pandas(frame, preserve_index=False)


def test_copies_share_no_id_and_keep_columns_types_and_values() -> None:
    copies = [repeated.repeat(flights(), number, repeated.YEAR) for number in range(3)]
    ids = [name for copy in copies for name in copy.column("flight_id").to_pylist()]
    assert len(set(ids)) == len(ids) == 6
    assert all(copy.column("late").equals(flights().column("late")) for copy in copies)
    for copy in copies:
        assert copy.column_names == flights().column_names
        assert [f.type for f in copy.schema][1:] == [f.type for f in flights().schema][1:]


def test_a_copy_lies_whole_weeks_earlier_with_its_delays_and_gaps_unchanged() -> None:
    first, third = (repeated.repeat(flights(), number, repeated.QUARTER).to_pandas() for number in (0, 2))
    for name in repeated.TIMES:
        moved = (first[name] - third[name]).dropna()
        assert (moved == timedelta(weeks=26)).all()
        assert first[name].isna().tolist() == third[name].isna().tolist()
    assert (first["scheduled_departure"].dt.dayofweek == third["scheduled_departure"].dt.dayofweek).all()
    lateness = [one["arrived_at"] - one["scheduled_arrival"] for one in (first, third)]
    assert lateness[0].equals(lateness[1])


def test_copies_of_a_year_or_a_quarter_do_not_overlap() -> None:
    assert repeated.YEAR.days > 366
    assert repeated.QUARTER.days >= (date(2013, 4, 1) - date(2013, 1, 1)).days
    assert repeated.YEAR.days % 7 == repeated.QUARTER.days % 7 == 0


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "root"
    day = root / "data" / "flights" / "date=2013-03-10"
    late = root / "data" / "flights" / "date=2013-05-01"
    for folder in (day, late):
        folder.mkdir(parents=True)
        pq.write_table(flights(), folder / "part-0.parquet")
    for name in ("planes", "airports"):
        pq.write_table(pa.table({"x": [1]}), root / "data" / f"{name}.parquet")
    seen = pd.Series(pd.to_datetime(["2013-03-10T10:00Z"]).as_unit("us"))
    pq.write_table(pa.table({"origin": ["JFK"], "observed_at": seen}), root / "data" / "weather.parquet")
    for name in ("deployments", "expectations"):
        (root / name).symlink_to(Path(repeated.__file__).parents[1] / name)
    monkeypatch.setattr(repeated, "_ROOT", root)
    return tmp_path


def test_a_project_holds_each_copy_under_its_own_day_with_weather_for_it(raw: Path) -> None:
    project = repeated.make_project(
        raw / "project", 2, date(2013, 4, 1), repeated.QUARTER, "{families: [linear], max_candidates: 1}"
    )
    days = sorted(path.parent.name for path in project.glob("data/flights/*/*.parquet"))
    assert days == ["date=2012-12-09", "date=2013-03-10"]
    weather = pq.read_table(project / "data" / "weather.parquet").to_pandas()["observed_at"]
    assert [f"{moment:%Y-%m-%d %H}" for moment in weather] == ["2013-03-10 10", "2012-12-09 10"]
    assert load_spec(project / "deployments" / "flight-delay.yaml").training.families == ("linear",)


def size(rows: int, wall: float, peak: int) -> growth.Size:
    cost = Cost(wall, wall, {"peak": peak, "seconds": {"fitting": wall / 2}})
    return growth.Size(rows, 100 * rows, cost)


def test_linear_growth_is_told_from_more_than_linear_growth() -> None:
    linear = growth.verdicts([size(1000, 10, 390_000), size(2000, 20, 780_000)], 4.0)
    assert all("does not grow" in line or "kept" in line for line in linear)
    worse = growth.verdicts([size(1000, 10, 390_000), size(2000, 40, 1_600_000)], 4.0)
    assert sum("GROWS" in line for line in worse) == 3
    assert "MISSED" in worse[-1]


def test_the_size_in_arrow_is_that_of_the_whole_table(tmp_path: Path) -> None:
    table = pa.table({"x": pa.array(range(1000), pa.int64())})
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=100)
    assert growth.arrow_bytes(tmp_path / "t.parquet") == pytest.approx(8000, rel=0.05)  # nulls have a bitmap
