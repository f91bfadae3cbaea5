from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evergreen.data import assemble, check_named, inputs, refuse_infinities, to_utc
from evergreen.errors import DataError, LeakError
from evergreen.handoffs import CUT_OFF, DAY, KEY, KNOWN_AT, TARGET, TIME
from evergreen.spec import Data, ModelSpec

NOON = datetime(2024, 1, 3, 12, tzinfo=UTC)


def trips(**changes: Any) -> pd.DataFrame:
    columns = {
        "id": ["a", "b", "c"],
        "starts": pd.to_datetime(["2024-01-01 10:00", "2024-01-02 10:00", "2024-01-03 10:00"], utc=True),
        "left": pd.to_datetime(["2024-01-01 10:05", "2024-01-02 10:30", None], utc=True),
        "delay": [5, 30, 99],
        "late": [0, 1, 1],
        "town": ["Ulm", "Bonn", None],
    }
    return pd.DataFrame(columns | changes)


def declared(**changes: Any) -> Data:
    content: dict[str, Any] = {
        "source": "data/trips.csv",
        "key": "id",
        "time": "starts",
        "lead": "2h",
        "target": {"column": "late", "delay": "1d"},
        "later": {"delay": "left"},
    }
    return Data.model_validate(content | changes)


def test_reserved_columns_say_what_was_known_when() -> None:
    table = assemble(trips(), [], declared(), NOON)
    assert table[KEY].tolist() == ["a", "b", "c"]
    assert str(table[TIME].dtype) == str(table[CUT_OFF].dtype) == str(table[KNOWN_AT].dtype) == "datetime64[us, UTC]"
    assert (table[TIME] - table[CUT_OFF] == pd.Timedelta("2h")).all()
    assert table[KNOWN_AT].iloc[0] == pd.Timestamp("2024-01-02 10:00", tz="UTC")
    assert table[DAY].tolist() == [19723, 19724, 19725]
    assert table[DAY].dtype == np.int32


def test_a_label_not_known_as_of_the_time_is_null_under_both_its_names() -> None:
    table = assemble(trips(), [], declared(), NOON)
    assert table[TARGET].tolist()[:2] == [0.0, 1.0]
    assert table[[TARGET, "late"]].iloc[2].isna().all()


def test_a_label_is_known_at_its_own_time_where_the_spec_names_one() -> None:
    rows = trips(told=pd.to_datetime(["2024-01-02", "2024-01-04", None], utc=True))
    data = declared(target={"column": "late", "known_at": "told"})
    table = assemble(rows, [], data, NOON)
    assert table[TARGET].notna().tolist() == [True, False, False]
    assert table["told"].notna().tolist() == [True, False, False]


def test_later_values_appear_only_once_they_are_known() -> None:
    early = assemble(trips(), [], declared(), datetime(2024, 1, 2, 10, 29, tzinfo=UTC))
    assert early["delay"].notna().tolist() == [True, False, False]
    assert early["left"].notna().tolist() == [True, False, False]  # the time of knowing is not known before either
    assert assemble(trips(), [], declared(), NOON)["delay"].notna().tolist() == [True, True, False]


def test_types_do_not_depend_on_the_moment() -> None:
    past = assemble(trips(), [], declared(), datetime(2023, 1, 1, tzinfo=UTC))
    future = assemble(trips(left=trips()["starts"]), [], declared(), datetime(2030, 1, 1, tzinfo=UTC))
    assert past.dtypes.to_dict() == future.dtypes.to_dict()


def test_the_order_of_the_raw_rows_does_not_matter() -> None:
    shuffled = trips().sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(
        assemble(shuffled, [], declared(), NOON), assemble(trips(), [], declared(), NOON), check_exact=True
    )


def weather(**changes: Any) -> pd.DataFrame:
    hours = ["2024-01-01 07:00", "2024-01-01 08:00", "2024-01-01 08:01", "2024-01-02 04:59"]
    columns = {
        "town": ["Ulm", "Ulm", "Ulm", "Bonn"],
        "seen": pd.to_datetime(hours, utc=True),
        "rain": [1, 2, 3, 4],
    }
    return pd.DataFrame(columns | changes)


BY_TIME = [{"source": "data/weather.parquet", "on": ["town"], "as_of": "seen", "tolerance": "3h"}]


def test_a_join_as_of_a_time_takes_the_newest_row_at_the_cut_off_and_none_from_after_it() -> None:
    table = assemble(trips(), [weather()], declared(join=BY_TIME), NOON)
    assert table["rain"].iloc[0] == 2  # known at 08:00, the very cut-off; the one of 08:01 is the future
    assert (table["seen"].dropna() <= table.loc[table["seen"].notna(), CUT_OFF]).all()


def test_a_joined_row_older_than_the_tolerance_is_not_used() -> None:
    table = assemble(trips(), [weather()], declared(join=BY_TIME), NOON)
    assert np.isnan(table["rain"].iloc[1])


def test_rows_without_a_key_to_join_by_have_no_partner() -> None:
    towns = pd.DataFrame({"town": ["Ulm", None], "people": [126_000, 1]})
    table = assemble(trips(), [towns], declared(join=[{"source": "towns.csv", "on": ["town"]}]), NOON)
    assert table["people"].fillna(-1).tolist() == [126_000, -1, -1]


def test_nothing_joined_was_unknown_as_of_the_time() -> None:
    rows = trips(starts=pd.to_datetime(["2024-01-01 10:00"] * 3, utc=True), town=["Ulm"] * 3)
    table = assemble(rows, [weather()], declared(join=BY_TIME), datetime(2024, 1, 1, 7, 30, tzinfo=UTC))
    assert table["rain"].tolist() == [1, 1, 1]


def test_a_joined_column_whose_name_is_taken_gets_its_table_before_it() -> None:
    towns = pd.DataFrame({"town": ["Ulm", "Bonn"], "delay": [7, 8]})
    table = assemble(trips(), [towns], declared(join=[{"source": "data/towns.csv.gz", "on": ["town"]}]), NOON)
    assert table["towns_delay"].iloc[:2].tolist() == [7, 8]


def test_a_table_that_repeats_a_key_is_refused() -> None:
    towns = pd.DataFrame({"town": ["Ulm", "Ulm"], "people": [1, 2]})
    with pytest.raises(DataError, match=r"towns.csv: 1 rows repeat a key \(town=Ulm\)"):
        assemble(trips(), [towns], declared(join=[{"source": "towns.csv", "on": ["town"]}]), NOON)


def test_keys_of_different_kinds_are_refused() -> None:
    towns = pd.DataFrame({"town": [1, 2], "people": [1, 2]})
    with pytest.raises(DataError, match="column town holds numbers here and text in the rows"):
        assemble(trips(), [towns], declared(join=[{"source": "towns.csv", "on": ["town"]}]), NOON)


@pytest.mark.parametrize("name", ["delay", "left", "late"])
def test_a_join_on_what_is_not_known_at_the_cut_off_is_a_leak(name: str) -> None:
    with pytest.raises(LeakError, match=f"joined on {name}"):
        assemble(trips(), [trips()[[name]]], declared(join=[{"source": "x.csv", "on": [name]}]), NOON)


def test_a_repeated_key_is_refused_with_an_example() -> None:
    with pytest.raises(DataError, match=r"key id: 1 rows repeat one \(first: a\)"):
        assemble(trips(id=["a", "a", "b"]), [], declared(), NOON)


def test_a_missing_target_names_the_nearest_column() -> None:
    with pytest.raises(DataError, match=r"no column lat; did you mean late\?"):
        assemble(trips(), [], declared(target={"column": "lat"}), NOON)


@pytest.mark.parametrize("changes", [{}, {"time": None, "lead": "0s", "later": {}}])
def test_rows_without_a_single_label_are_there_to_be_scored(changes: dict[str, Any]) -> None:
    table = assemble(trips(late=[None] * 3), [], declared(**changes), datetime(2024, 2, 1, tzinfo=UTC))
    assert table[TARGET].isna().all()
    assert len(table) == 3


def test_an_infinite_target_is_refused() -> None:
    with pytest.raises(DataError, match="infinite"):
        assemble(trips(late=[0.0, np.inf, 1.0]), [], declared(), NOON)


def test_a_reserved_name_in_the_rows_is_refused() -> None:
    with pytest.raises(DataError, match="__target"):
        assemble(trips(__target=1), [], declared(), NOON)


def test_an_infinite_input_is_refused_with_its_column_and_row() -> None:
    table = assemble(trips(fare=[1.0, -np.inf, np.nan]), [], declared(), NOON)
    refuse_infinities(table, ["town"], "data/trips.csv")
    with pytest.raises(DataError, match=r"data/trips.csv: column fare: 1 rows .*first: key b.*quarantine rule"):
        refuse_infinities(table, ["town", "fare"], "data/trips.csv")


@pytest.mark.parametrize(
    ("part", "key"),
    [
        ({"promotion": {"slices": ["twon"]}}, "promotion.slices"),
        ({"training": {"weight": "twon"}}, "training.weight"),
        ({"features": {"categorical": ["twon"]}}, "features.categorical"),
    ],
)
def test_a_column_that_another_part_of_the_spec_names_must_be_there(part: dict[str, Any], key: str) -> None:
    spec = ModelSpec.model_validate({"model": "trips", "data": declared().model_dump(), **part})
    with pytest.raises(
        DataError, match=rf"data/trips.csv: no column twon, which {key} of trips names; did you mean town"
    ):
        check_named(assemble(trips(), [], declared(), NOON), spec)


@pytest.mark.parametrize("join", [BY_TIME[0], {"source": "data/weather.parquet", "on": ["town"]}])
def test_an_empty_table_joins_nulls_of_its_own_types(join: dict[str, Any]) -> None:
    one_a_town = weather(calm=True, sky="grey").drop_duplicates("town")
    full = assemble(trips(), [one_a_town], declared(join=[join]), NOON)
    table = assemble(trips(), [one_a_town.head(0)], declared(join=[join]), NOON)
    assert table[["rain", "calm", "sky", "seen"]].isna().all(axis=None)
    assert table.dtypes.to_dict() == full.dtypes.to_dict()


def people() -> pd.DataFrame:
    return pd.DataFrame({"age": [30, 40, 30], "town": ["Ulm", "Bonn", "Ulm"], "left": [0, 1, 1]})


WITHOUT_TIME = Data.model_validate({"source": "people.csv", "target": {"column": "left"}})


def test_without_a_key_equal_rows_share_one_whatever_their_label_or_company() -> None:
    table = assemble(people(), [], WITHOUT_TIME, NOON)
    assert table[KEY].nunique() == 2
    more = pd.concat([people(), pd.DataFrame({"age": [np.nan], "town": ["Köln"], "left": [0]})])  # age becomes float
    grown = assemble(more, [], WITHOUT_TIME, NOON)
    assert set(table[KEY]) < set(grown[KEY])
    # A key decides on which side of the split a row falls, so it must never change between releases.
    assert set(table[KEY]) == {"826e77d83e7a7aa3", "db34d11d0e0beba0"}


def test_without_a_time_there_are_no_time_columns_and_labels_were_always_known() -> None:
    table = assemble(people(), [], WITHOUT_TIME, NOON)
    assert not {TIME, CUT_OFF, DAY} & set(table.columns)
    assert (table[KNOWN_AT] <= pd.Timestamp("1970-01-01", tz="UTC")).all()
    assert table[TARGET].notna().all()


def test_inputs_leave_out_whatever_is_no_input() -> None:
    spec = ModelSpec.model_validate(
        {
            "model": "trips",
            "data": declared(join=BY_TIME).model_dump(),
            "features": {"exclude": ["note"]},
            "training": {"weight": "fare"},
        }
    )
    table = assemble(trips(note="x", fare=1.0, size=2), [weather()], declared(join=BY_TIME), NOON)
    assert inputs(table, spec) == ("town", "size", "rain")


def test_the_hour_that_the_clock_strikes_twice_never_lets_a_value_in_early() -> None:
    twice = pd.Series(["2013-11-03 01:30"])
    event = to_utc(twice, "America/New_York", "f: t")
    known = to_utc(twice, "America/New_York", "f: t", repeated="second")
    assert event.iloc[0] == pd.Timestamp("2013-11-03 05:30", tz="UTC")
    assert known.iloc[0] == pd.Timestamp("2013-11-03 06:30", tz="UTC")


def test_the_missing_hour_becomes_the_first_moment_after_it() -> None:
    moment = to_utc(pd.Series(["2013-03-10 02:30"]), "America/New_York", "f: t").iloc[0]
    assert moment == pd.Timestamp("2013-03-10 07:00", tz="UTC")


def test_dates_alone_are_local_midnights() -> None:
    assert to_utc(pd.Series(["2024-01-02"]), "Europe/Berlin", "f: t").iloc[0] == pd.Timestamp("2024-01-01 23:00Z")


def test_the_local_day_counts_from_local_midnight() -> None:
    rows = trips(starts=pd.to_datetime(["2024-01-02 04:59", "2024-01-02 05:00", "2024-07-02 04:00"], utc=True))
    days = assemble(rows, [], declared(timezone="America/New_York"), NOON)[DAY]
    assert days.tolist() == [19723, 19724, 19906]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["2024-01-01T10:00Z", "2024-01-01T10:00"], "mixes times with a zone"),
        (["2024-01-01", "soon"], "'soon' is no time"),
        (["2024-01-01T10:00Z", "soon"], "'soon' is no time"),
        ([1, 2], "holds numbers"),
    ],
)
def test_what_is_no_time_is_refused(values: list[Any], message: str) -> None:
    with pytest.raises(DataError, match=f"trips.csv: starts: .*{message}"):
        to_utc(pd.Series(values), "UTC", "trips.csv: starts")
