from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy
from pydantic import ValidationError

from evergreen.errors import DataError, EmptyWindow, EvergreenError
from evergreen.io.sources import read
from evergreen.spec import ModelSpec, Sql

FIRST, SECOND = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC)
TRIPS = [
    (1, "2023-12-31 23:59:59", "Ulm", 1.5, None),
    (2, "2024-01-01 00:00:00", "Bonn", None, True),
    (3, "2024-01-01 12:00:00", None, 2.5, False),
    (4, "2024-01-02 00:00:00", "Köln", 3.0, True),
]


def query(sql: str, url: str) -> Sql:
    return Sql(sql=sql, url=url)


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    with closing(sqlite3.connect(tmp_path / "trips.db")) as database:
        database.execute("create table trips (id integer, at text, town text, km real, late boolean)")
        database.executemany("insert into trips values (?, ?, ?, ?, ?)", TRIPS)
        database.commit()
    return "sqlite:///trips.db"


@pytest.fixture
def warehouse(postgres: str) -> str:
    url = postgres.replace("postgresql://", "postgresql+psycopg://", 1)
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("drop table if exists trips")
        connection.exec_driver_sql(
            "create table trips (id bigint, at timestamptz, town text, km numeric(6, 2), late boolean, day date)"
        )
        for row in TRIPS:
            connection.exec_driver_sql(
                "insert into trips values (%s, %s, %s, %s, %s, %s)", (row[0], f"{row[1]}+00", *row[2:], row[1][:10])
            )
    engine.dispose()
    return postgres


@pytest.fixture(params=["sqlite", "warehouse"])
def database(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


def test_a_query_gives_the_window_its_first_moment_and_not_its_last(database: str, tmp_path: Path) -> None:
    for sql in ("select * from trips where at >= :start and at < :end", "select * from trips order by id;"):
        rows = read(query(sql, database), tmp_path, time="at", start=FIRST, end=SECOND)
        assert rows["id"].tolist() == [2, 3]
        assert str(rows["at"].dtype) == "datetime64[us, UTC]"
        assert rows["km"].dtype == "float64"
        assert rows["town"].isna().tolist() == [False, True]


def test_open_ends_bind_to_all_times_and_as_of_to_its_moment(database: str, tmp_path: Path) -> None:
    everything = query("select * from trips where at >= :start and at < :end and at < :as_of", database)
    assert len(read(everything, tmp_path, time="at")) == 4
    assert read(everything, tmp_path, time="at", as_of=SECOND)["id"].tolist() == [1, 2, 3]


def test_columns_are_taken_by_name_and_a_missing_one_is_told(database: str, tmp_path: Path) -> None:
    trips = query("select * from trips", database)
    assert read(trips, tmp_path, columns=("town",), time="at").columns.tolist() == ["town", "at"]
    with pytest.raises(DataError, match=r"^select \* from trips .*: no column twon; did you mean town\?"):
        read(trips, tmp_path, columns=("twon",))


def test_a_window_without_rows_is_an_error_or_a_table_with_times(database: str, tmp_path: Path) -> None:
    trips, late = query("select * from trips where at >= :start", database), datetime(2030, 1, 1, tzinfo=UTC)
    with pytest.raises(EmptyWindow, match="no rows with at from 2030-01-01"):
        read(trips, tmp_path, time="at", start=late)
    empty = read(trips, tmp_path, time="at", start=late, may_be_empty=True)
    assert empty.empty
    assert str(empty["at"].dtype) == "datetime64[us, UTC]"


def test_a_query_of_many_pieces_has_one_type_a_column(sqlite: str, tmp_path: Path) -> None:
    many = query(
        "with recursive n(i) as (select 0 union all select i + 1 from n where i < 50000) "
        "select i, case when i > 40000 then i + 0.5 end as half, case when i > 40000 then 'x' end as word from n",
        sqlite,
    )
    rows = read(many, tmp_path)
    assert rows["i"].tolist() == list(range(50_001))
    assert (rows["half"].dtype, rows["half"].notna().sum(), rows["word"].count()) == ("float64", 10_000, 10_000)


def test_postgres_keeps_the_rows_until_they_are_asked_for(
    warehouse: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evergreen.io.sources import values

    held: list[int] = []
    add = values.Rows.add
    monkeypatch.setattr(values.Rows, "add", lambda self, piece: (held.append(len(piece["x"])), add(self, piece))[1])
    rows = read(query("select i as x from generate_series(1, 40000) i", warehouse), tmp_path)
    assert len(rows) == sum(held) == 40_000
    assert max(held) <= values.PIECE
    with pytest.raises(DataError, match="division by zero"):  # only reached when the cursor gets there
        read(query("select 1 / (39999 - i) as x from generate_series(1, 40000) i", warehouse), tmp_path)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("delete from trips", "is no SELECT"),
        ("select 1; drop table trips", "more than one statement"),
        ("with gone as (delete from trips returning *) select * from gone", "holds DELETE"),
        ("select * into copied from trips", "holds INTO"),
        ("/* select */ update trips set id = 1", "is no SELECT"),
        ("select * from trips where at > :begin", "nothing is bound to :begin"),
    ],
)
def test_a_query_that_writes_or_binds_what_is_not_there_is_refused_in_the_spec(sql: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        query(sql, "sqlite://")


def test_words_in_quotes_and_comments_are_no_commands() -> None:
    query("-- update\nselect ';:x' as \"delete\", a::text /* into */ from t where b = 'insert; drop' ;", "sqlite://")


def test_a_function_that_writes_is_stopped_by_the_database(warehouse: str, tmp_path: Path) -> None:
    engine = sqlalchemy.create_engine(warehouse.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.begin() as connection:
        connection.exec_driver_sql("create sequence if not exists counter")
    engine.dispose()
    with pytest.raises(DataError, match=r"select setval.*the query writes.*write a plain SELECT"):
        read(query("select setval('counter', 5) as now", warehouse), tmp_path)


def test_sqlite_makes_no_file_and_names_the_nearest(sqlite: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no such file .*trip\.db; did you mean trips\.db\?"):
        read(query("select 1 as x", "sqlite:///trip.db"), tmp_path)
    assert not (tmp_path / "trip.db").exists()


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("select * from nothing", "refuses the query .*nothing.*correct data.source.sql"),
        ("select 1 as x, 2 as x", "column x stands twice"),
        ("select 1 as x union all select 'a'", "column x mixes int and str"),
    ],
)
def test_a_query_that_gives_no_table_says_why(sqlite: str, tmp_path: Path, sql: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read(query(sql, sqlite), tmp_path)


def test_the_url_may_come_from_the_environment(warehouse: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Sql(sql="select * from trips", url_env="WAREHOUSE_URL")
    monkeypatch.delenv("WAREHOUSE_URL", raising=False)
    with pytest.raises(DataError, match=r"\(\$WAREHOUSE_URL\): WAREHOUSE_URL is not set"):
        read(source, tmp_path)
    monkeypatch.setenv("WAREHOUSE_URL", warehouse)
    assert len(read(source, tmp_path)) == 4


def test_a_password_is_never_shown(
    warehouse: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    tcp = "postgresql://me:s3cr/et@127.0.0.1:9/x"
    monkeypatch.setenv("WAREHOUSE_URL", tcp)
    by_name = warehouse.replace("postgres:@", "nobody:s3cr@", 1) + "&password=s3cr"
    sources = [
        query("select 1 as x", tcp), Sql(sql="select 1 as x", url_env="WAREHOUSE_URL"), query("select 1 as x", by_name),
        query("select 1 as x", "nosuch://me:s3cr@h/x"),
    ]  # fmt: skip
    for source in sources:
        with pytest.raises(DataError) as refused:
            read(source, tmp_path)
        chain = [refused.value, refused.value.__cause__]
        assert "s3cr" not in " ".join(map(str, chain))
        spec = ModelSpec.model_validate({"model": "m", "data": {"source": source, "target": {"column": "y"}}})
        shown = [repr(source), str(source), repr(spec), spec.model_dump_json()]
        assert "s3cr" not in " ".join(shown)
    assert "s3cr" not in caplog.text
    assert str(EvergreenError(f"{tcp} and ftp://u:s3cr@h/x.csv?token=s3cr")).count("***") == 3


def test_a_connection_that_the_server_ends_is_an_error_and_never_half_a_table(warehouse: str, tmp_path: Path) -> None:
    ending = query(
        "select i, case when i = 30000 then pg_terminate_backend(pg_backend_pid()) end as over "
        "from generate_series(1, 40000) i",
        warehouse,
    )
    with pytest.raises(DataError, match=r"ended the connection .*nothing was kept"):
        read(ending, tmp_path)


def test_a_database_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"postgresql://me@127\.0\.0\.1:9/x\): the database cannot be reached"):
        read(query("select 1 as x", "postgresql://me@127.0.0.1:9/x"), tmp_path)


def test_a_query_is_a_models_source_and_joined_under_its_tables_name(sqlite: str, tmp_path: Path) -> None:
    from evergreen.data.columns import join_stem

    spec = ModelSpec.model_validate(
        {
            "model": "m",
            "data": {
                "source": {"sql": "select * from trips", "url": sqlite},
                "target": {"column": "late"},
                "join": [{"source": {"sql": "select * from main.towns t", "url": sqlite}, "on": ["town"]}],
            },
        }
    )
    assert join_stem(spec.data.join[0]) == "towns"
    assert f"{spec.data.source}" == "select * from trips (sqlite:///trips.db)"
    frame = read(spec.data.source, tmp_path)
    pd.testing.assert_index_equal(frame.columns, pd.Index(["id", "at", "town", "km", "late"]))
