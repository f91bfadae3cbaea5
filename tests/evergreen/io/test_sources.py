from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd
import pytest

from evergreen.errors import DataError, EmptyWindow
from evergreen.io.sources import read, text
from evergreen.io.sources.batches import batches
from evergreen.spec import Read

FIRST, SECOND = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC)
ROWS = pd.DataFrame(
    {
        "id": [1, 2, 3, 4],
        "at": pd.to_datetime(
            ["2023-12-31 23:59:59", "2024-01-01", "2024-01-01 12:00", "2024-01-02"], utc=True, format="ISO8601"
        ),
        "town": ["Ulm", "Bonn", None, "Köln"],
    }
)


def days(root: Path, ending: str = "parquet") -> None:
    for day, rows in ROWS.groupby(ROWS["at"].dt.strftime("%Y-%m-%d")):
        folder = root / "trips" / f"date={day}"
        folder.mkdir(parents=True)
        rows.to_parquet(folder / "p.parquet") if ending == "parquet" else rows.to_csv(folder / "p.csv", index=False)


@pytest.mark.parametrize("name", ["t.parquet", "t.csv", "t.csv.gz"])
def test_a_window_takes_its_first_moment_and_not_its_last(tmp_path: Path, name: str) -> None:
    ROWS.to_parquet(tmp_path / name) if name.endswith("parquet") else ROWS.to_csv(tmp_path / name, index=False)
    rows = read(name, tmp_path, time="at", start=FIRST, end=SECOND)
    assert rows["id"].tolist() == [2, 3]
    assert str(rows["at"].dtype) == "datetime64[us, UTC]"
    assert rows["town"].isna().tolist() == [False, True]


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_partition_folders_give_the_same_rows_with_and_without_pruning(tmp_path: Path, ending: str) -> None:
    days(tmp_path, ending)
    window: dict[str, Any] = {"time": "at", "start": FIRST, "end": SECOND}
    pruned = read("trips", tmp_path, partition="date", **window)
    assert pruned.columns.tolist() == ["id", "at", "town"]
    pd.testing.assert_frame_equal(pruned, read("trips", tmp_path, **window)[["id", "at", "town"]])


def test_folders_of_other_days_are_not_opened(tmp_path: Path) -> None:
    days(tmp_path)
    damaged = tmp_path / "trips" / "date=2020-01-01"
    damaged.mkdir()
    (damaged / "p.parquet").write_bytes(b"no table")
    assert len(read("trips", tmp_path, time="at", start=FIRST, end=SECOND, partition="date")) == 2
    with pytest.raises(DataError, match=r"date=2020-01-01/p.parquet: cannot be read as Parquet"):
        read("trips", tmp_path, time="at", start=FIRST, end=SECOND)


def test_other_partition_folders_become_columns(tmp_path: Path) -> None:
    for shop in (7, 8):
        (tmp_path / "t" / f"shop={shop}").mkdir(parents=True)
        ROWS.to_parquet(tmp_path / "t" / f"shop={shop}" / "p.parquet")
    assert read("t", tmp_path)["shop"].tolist() == [7] * 4 + [8] * 4


def test_a_glob_a_folder_and_a_url_are_sources_too(tmp_path: Path) -> None:
    for number in (1, 2):
        ROWS.assign(file=number).to_parquet(tmp_path / f"part-{number}.parquet")
    (tmp_path / "_metadata").write_text("not data")
    assert len(read("part-*.parquet", tmp_path)) == len(read(".", tmp_path)) == 8
    with fsspec.open("memory://bucket/t.csv", "w") as file:
        file.write("id;at\n1;2024-01-01T10:00\n")
    rows = read("memory://bucket/t.csv", tmp_path, time="at", timezone="Europe/Berlin")
    assert rows["at"].iloc[0] == pd.Timestamp("2024-01-01 09:00Z")


def test_naive_times_are_local_in_the_zone_of_the_spec(tmp_path: Path) -> None:
    local = ROWS.assign(at=ROWS["at"].dt.tz_convert("America/New_York").dt.tz_localize(None))
    local.to_parquet(tmp_path / "t.parquet")
    rows = read("t.parquet", tmp_path, time="at", start=FIRST, end=SECOND, timezone="America/New_York")
    assert rows["id"].tolist() == [2, 3]


def test_only_the_columns_asked_for_and_the_time_are_read(tmp_path: Path) -> None:
    ROWS.to_csv(tmp_path / "t.csv", index=False)
    assert read("t.csv", tmp_path, columns=["town"], time="at").columns.tolist() == ["town", "at"]


def test_integers_in_one_file_and_floats_in_another_are_floats(tmp_path: Path) -> None:
    for number, value in enumerate([1, 1.5]):
        pd.DataFrame({"x": [value]}).to_parquet(tmp_path / f"{number}.parquet")
    assert read(".", tmp_path)["x"].tolist() == [1.0, 1.5]


def test_a_window_without_rows_is_refused_by_name(tmp_path: Path) -> None:
    days(tmp_path)
    late = datetime(2030, 1, 1, tzinfo=UTC)
    with pytest.raises(EmptyWindow, match="trips: no rows with at from 2030-01-01T00:00:00"):
        read("trips", tmp_path, time="at", start=late, partition="date")


def written(path: Path, text: str | bytes) -> None:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "t.csv: the file is empty"),
        ("id,at\n", "t.csv: no rows in 1 file"),
        ("id,time\n1,2024-01-01\n", r"t.csv: no column at"),
        ("id,at\n1,2024-01-01T10:00Z\n2,2024-01-01T10:00\n", "t.csv: at: mixes times with a zone"),
        ("id,at\n1,yesterday\n", "t.csv: at: 'yesterday' is no time"),
        ("id,at\n1,2024-01-01\n2,\n", "t.csv: at: 1 rows have no time"),
        ("id,at\n1,2024-01-01,7,8\n", "t.csv: cannot be read as CSV"),
        (b"id,at\n\xff\xfe\x00,1\n", "t.csv: is no UTF-8 text .*data.read.encoding"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_by_name(tmp_path: Path, text: str | bytes, message: str) -> None:
    written(tmp_path / "t.csv", text)
    with pytest.raises(DataError, match=message):
        read("t.csv", tmp_path, time="at")


def test_a_missing_file_names_its_nearest_neighbour(tmp_path: Path) -> None:
    written(tmp_path / "trips.csv", "id\n1\n")
    with pytest.raises(DataError, match=r"trip.csv: no such file .*did you mean trips.csv\?"):
        read("trip.csv", tmp_path)


def test_a_missing_column_names_its_nearest_neighbour(tmp_path: Path) -> None:
    ROWS.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"no column twon; did you mean town\?"):
        read("t.parquet", tmp_path, columns=["twon"])


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_column_of_two_types_is_refused_with_the_file(tmp_path: Path, ending: str) -> None:
    for number, value in enumerate([1, "one"]):
        frame = pd.DataFrame({"x": [value]})
        path = tmp_path / f"{number}.{ending}"
        frame.to_parquet(path) if ending == "parquet" else frame.to_csv(path, index=False)
    with pytest.raises(DataError, match=rf"1.{ending}: column x holds (text|large_string|string) here"):
        read(".", tmp_path)


def test_csv_and_parquet_side_by_side_are_refused(tmp_path: Path) -> None:
    written(tmp_path / "a.csv", "x\n1\n")
    ROWS.to_parquet(tmp_path / "b.parquet")
    with pytest.raises(DataError, match="side by side"):
        read(".", tmp_path)


@pytest.fixture
def pieces_of_two_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "_CHUNK", 2)


MIXED = """id,at,code,flag,size,hash,gone,note
1,2024-01-01T00:00,007,True,1,1,,x
2,2024-01-01T01:00,8,False,2,2,,
3,2024-01-02T00:00,A9,,2.5,18446744073709551615,,
4,2024-01-02T01:00,010,True,,4,,
5,2024-01-03T00:00,11,True,5,5,,
"""


@pytest.mark.usefixtures("pieces_of_two_rows")
@pytest.mark.parametrize("days", [(1, 4), (1, 2), (2, 3), (3, 4), (4, 5)])
def test_pieces_of_a_csv_have_the_types_and_values_of_the_whole(tmp_path: Path, days: tuple[int, int]) -> None:
    (tmp_path / "t.csv").write_text(MIXED)
    first, last = (datetime(2024, 1, day, tzinfo=UTC) for day in days)
    whole = pd.read_csv(tmp_path / "t.csv", low_memory=False).astype({"flag": "boolean"})
    whole["at"] = pd.to_datetime(whole["at"], utc=True).dt.as_unit("us")
    expected = whole[(whole["at"] >= first) & (whole["at"] < last)].reset_index(drop=True)
    rows = read("t.csv", tmp_path, time="at", start=first, end=last, may_be_empty=True)
    pd.testing.assert_frame_equal(rows, expected, check_exact=True)
    assert str(rows["hash"].dtype) == "uint64"


@pytest.mark.usefixtures("pieces_of_two_rows")
@pytest.mark.parametrize(
    ("text_", "message"),
    [
        ("at\n2024-01-01\n2024-01-02\n2024-01-03T00:00Z\n", "at: mixes times with a zone"),
        ("at\n2024-01-01\n2024-01-02\nsoon\n", "at: 'soon' is no time"),
        ("at\n5\n6\n7\n", "at: holds numbers, not times"),
        ("at,x\n2024-01-01,1\n2024-01-02,1\n2024-01-03,1,1,1\n", "cannot be read as CSV"),
        ("at,x\n2024-01-01,1\n2024-01-02,1\n,1\n", "at: 1 rows have no time"),
    ],
)
def test_what_is_wrong_in_a_later_piece_is_found_too(tmp_path: Path, text_: str, message: str) -> None:
    written(tmp_path / "t.csv", text_)
    with pytest.raises(DataError, match=f"t.csv: {message}"):
        read("t.csv", tmp_path, time="at", start=FIRST, end=SECOND)


@pytest.mark.usefixtures("pieces_of_two_rows")
@pytest.mark.parametrize("total", ["", "Total,,\n"])
def test_a_column_with_lines_that_are_none_has_one_type_with_and_without_them(tmp_path: Path, total: str) -> None:
    written(tmp_path / "t.csv", f"shop,no,x\n1,1,1\n2,2,2\n3,3,3\n4,4,4\n{total}")
    how = Read.model_validate({"drop": {"shop": ["Total"], "no": ["Sum"]}, "numbers": ["no"]})
    rows = read("t.csv", tmp_path, how=how)
    assert rows["shop"].tolist() == ["1", "2", "3", "4"]
    assert rows["no"].tolist() == [1.0, 2.0, 3.0, 4.0]
    for piece in batches("t.csv", tmp_path, how=how):
        assert isinstance(piece["shop"].dtype, pd.StringDtype)
        assert piece["no"].dtype == "float64"


def test_lines_that_are_no_rows_are_counted_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    written(tmp_path / "t.csv", "shop,x\na,1\nTotal,2\nb,3\nTotal ,4\n")
    with caplog.at_level("INFO"):
        assert read("t.csv", tmp_path, how=Read.model_validate({"drop": {"shop": ["Total"]}})).shape == (2, 2)
    said = [record.getMessage() for record in caplog.records if "no rows" in record.getMessage()]
    assert said == ["shop: 2 lines with 'Total' are no rows and are left out"]


def test_only_the_windows_rows_of_a_csv_are_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "_CHUNK", 5_000)
    hours = pd.date_range("2000-01-01", periods=150_000, freq="h", tz="UTC")
    pd.DataFrame({"at": hours, "word": ["a word of some length"] * 150_000}).to_csv(tmp_path / "t.csv", index=False)

    def peak(**window: Any) -> int:
        tracemalloc.start()
        read("t.csv", tmp_path, time="at", **window)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(start=hours[0], end=hours[1])  # what the first call imports is not counted
    assert peak(start=hours[100], end=hours[200]) < peak() / 4


@pytest.mark.parametrize("name", ["t.parquet", "t.csv"])
def test_an_empty_window_that_may_be_has_the_types_of_the_source(tmp_path: Path, name: str) -> None:
    rows = ROWS.assign(flag=True, share=0.5)
    rows.to_parquet(tmp_path / name) if name.endswith("parquet") else rows.to_csv(tmp_path / name, index=False)
    late = datetime(2030, 1, 1, tzinfo=UTC)
    none = read(name, tmp_path, time="at", start=late, may_be_empty=True)
    assert none.empty
    assert none.dtypes.to_dict() == read(name, tmp_path, time="at").dtypes.to_dict()


def test_a_header_alone_says_nothing_about_types(tmp_path: Path) -> None:
    written(tmp_path / "a.csv", "id,at\n")
    with pytest.raises(EmptyWindow, match=r"a.csv: no rows in 1 file"):
        read("a.csv", tmp_path, time="at", may_be_empty=True)
    written(tmp_path / "b.csv", "id,at\n1,2024-01-01\n")
    assert str(read("*.csv", tmp_path, time="at")["id"].dtype) == "int64"


def test_a_column_that_one_file_lacks_is_null_there(tmp_path: Path) -> None:
    written(tmp_path / "a.csv", "id,town,flag\n1,Ulm,True\n")
    written(tmp_path / "b.csv", "id\n2\n")
    rows = read("*.csv", tmp_path)
    assert rows["town"].isna().tolist() == [False, True]
    assert {name: str(kind) for name, kind in rows.dtypes.items()} == {"id": "int64", "town": "str", "flag": "boolean"}


def test_a_time_of_knowing_in_the_hour_that_comes_twice_is_the_later_one(tmp_path: Path) -> None:
    written(tmp_path / "t.csv", "at\n2013-11-03T01:30\n")
    for repeated, hour in (("first", 5), ("second", 6)):
        rows = read("t.csv", tmp_path, time="at", timezone="America/New_York", repeated=repeated)  # type: ignore[arg-type]
        assert rows["at"].iloc[0].hour == hour
