from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from evergreen.handoffs import TIME, Snapshot
from evergreen.settings import open_workspace
from evergreen.spec import Data, ModelSpec
from tasks.data import take_snapshot

NOON = datetime(2024, 1, 3, 12, tzinfo=UTC)


@pytest.fixture
def trips(project: Path) -> Path:
    pd.DataFrame(
        {
            "id": ["a", "b", "c", "d"],
            "starts": ["2024-01-01T09:00Z", "2024-01-02T09:00Z", "2024-01-03T14:00Z", "2024-01-03T14:00:00.000001Z"],
            "town": ["Ulm", "Ulm", "Bonn", "Bonn"],
            "late": [0, 1, 0, 1],
        }
    ).to_csv(project / "data" / "trips.csv", index=False)
    pd.DataFrame(
        {
            "town": ["Ulm", "Bonn", "Ulm"],
            "seen": ["2024-01-01T06:00Z", "2024-01-01T06:00Z", "2024-01-02T06:00Z"],
            "rain": [1, 2, 3],
            "sky": ["grey", "blue", None],
        }
    ).to_csv(project / "data" / "weather.csv", index=False)
    return project


def spec(**training: object) -> ModelSpec:
    return ModelSpec.model_validate(
        {
            "model": "trips",
            "data": {
                "source": "data/trips.csv",
                "key": "id",
                "time": "starts",
                "lead": "2h",
                "target": {"column": "late"},
                "join": [{"source": "data/weather.csv", "on": ["town"], "as_of": "seen", "tolerance": "3h"}],
            },
            "training": training,
        }
    )


def rows(snapshot: Snapshot) -> pd.DataFrame:
    return open_workspace().store.read(snapshot.uri)


@pytest.mark.usefixtures("trips")
def test_a_row_whose_cut_off_is_the_very_moment_is_read_and_none_after_it() -> None:
    assert rows(take_snapshot.fn(open_workspace(), spec(), NOON))["id"].tolist() == ["a", "b", "c"]


@pytest.mark.usefixtures("trips")
def test_a_window_given_by_its_end_does_not_hold_it() -> None:
    end = datetime(2024, 1, 2, 9, tzinfo=UTC)
    assert rows(take_snapshot.fn(open_workspace(), spec(), NOON, None, end))["id"].tolist() == ["a"]


@pytest.mark.usefixtures("trips")
def test_the_training_window_reaches_back_from_the_newest_cut_off() -> None:
    taken = take_snapshot.fn(open_workspace(), spec(window="53h"), NOON)
    assert taken.start == datetime(2024, 1, 1, 9, tzinfo=UTC)
    assert rows(taken)["id"].tolist() == ["a", "b", "c"]


@pytest.mark.parametrize("day", ["2024-01-03", "2020-06-01"])
def test_an_outage_of_a_joined_table_leaves_its_columns_null_with_a_warning(
    day: str, trips: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The joined table ended before the window (an outage), or begins after it."""
    full = rows(take_snapshot.fn(open_workspace(), spec(), NOON))
    assert full["rain"].notna().any()
    path = trips / "data" / "trips.csv"
    moved = pd.read_csv(path).assign(starts=[f"{day}T{hour}:30Z" for hour in ("09", "10", "11", "12")])
    moved.to_csv(path, index=False)
    with caplog.at_level("WARNING"):
        table = rows(take_snapshot.fn(open_workspace(), spec(window="5h"), datetime.fromisoformat(f"{day}T12:00Z")))
    assert len(table) == 4
    assert table[["rain", "sky", "seen"]].isna().all(axis=None)
    assert table.dtypes.to_dict() == full.dtypes.to_dict()
    assert "data/weather.csv has no row with seen from" in caplog.text
    assert table[TIME].notna().all()


def test_late_rows_of_an_old_window_make_a_new_snapshot_and_are_named(
    trips: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    first = take_snapshot.fn(open_workspace(), spec(), NOON)
    later = datetime(2024, 1, 4, 12, tzinfo=UTC)
    take_snapshot.fn(open_workspace(), spec(), later)
    assert "came late" not in caplog.text  # d is new, but its window was not over when the first snapshot was taken
    table = pd.read_csv(trips / "data" / "trips.csv")
    late = pd.DataFrame({"id": ["e"], "starts": ["2024-01-01T10:00Z"], "town": ["Ulm"], "late": [1]})
    pd.concat([table[table["id"] != "b"], late]).to_csv(trips / "data" / "trips.csv", index=False)
    again = take_snapshot.fn(open_workspace(), spec(), datetime(2024, 1, 5, 12, tzinfo=UTC))
    assert again.digest != first.digest
    assert (
        "trips: since it was read as of 2024-01-04 12:00 UTC: 1 rows came late and 1 rows are gone, "
        "of 2024-01-01 10:00 to 2024-01-02 09:00 UTC"
    ) in caplog.text


def test_a_joined_table_is_read_as_its_own_part_of_the_spec_says(trips: Path) -> None:
    (trips / "data/weather.csv").write_bytes(
        "town;seen;rain;sky\nUlm;01.01.2024 06:00;1,5;trüb\nBonn;01.01.2024 06:00;-;?\n".encode("cp1252")
    )
    how = {
        "encoding": "cp1252", "decimal": ",", "numbers": ["rain"], "missing": ["?", "-"],
        "dates": {"seen": "%d.%m.%Y %H:%M"},
    }  # fmt: skip
    data = spec().data.model_dump()
    data["join"][0]["read"] = how
    model = spec().model_copy(update={"data": Data.model_validate(data)})
    found = rows(take_snapshot.fn(open_workspace(), model, NOON)).set_index("id")
    assert (found.loc["a", "rain"], found.loc["a", "sky"]) == (1.5, "trüb")
    assert found.loc["b", ["rain", "sky"]].isna().all()


@pytest.mark.parametrize("kind", ["folder", "query"])
def test_what_is_added_later_is_picked_up_and_late_rows_are_named_whatever_the_source(
    trips: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    table = pd.read_csv(trips / "data/trips.csv")
    late = pd.DataFrame({"id": ["e"], "starts": ["2024-01-01T10:00Z"], "town": ["Ulm"], "late": [1]})
    source: Any = "data/in"

    def bring(rows: pd.DataFrame, name: str) -> None:
        if kind == "folder":
            rows.to_csv(trips / f"data/in/{name}.csv", index=False)
            return
        with closing(sqlite3.connect(trips / "data/shop.db")) as shop:
            rows.to_sql("trips", shop, if_exists="append", index=False)

    (trips / "data/in").mkdir()
    if kind == "query":
        source = {
            "sql": "select * from trips where starts >= :start and starts < :end",
            "url": "sqlite:///data/shop.db",
        }
    model = spec()
    model = model.model_copy(update={"data": Data.model_validate({**spec().data.model_dump(), "source": source})})
    bring(table, "january")
    first = take_snapshot.fn(open_workspace(), model, NOON)
    bring(late, "later")
    again = take_snapshot.fn(open_workspace(), model, datetime(2024, 1, 3, 13, tzinfo=UTC))
    assert (again.rows - first.rows, again.digest != first.digest) == (2, True)  # d by its time, e late
    assert "1 rows came late, of 2024-01-01 10:00" in caplog.text


@pytest.mark.usefixtures("trips")
def test_the_same_rows_and_a_window_of_their_own_name_no_difference(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    day = datetime(2024, 1, 2, tzinfo=UTC)
    take_snapshot.fn(open_workspace(), spec(), NOON, None, day)
    take_snapshot.fn(open_workspace(), spec(), NOON, day)
    take_snapshot.fn(open_workspace(), spec(), NOON)
    take_snapshot.fn(open_workspace(), spec(), NOON)
    assert "since it was read" not in caplog.text
