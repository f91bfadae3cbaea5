"""Empty records on both kinds of database."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sql

from evergreen.io.records import local_records
from evergreen.io.records.database import Database


@pytest.fixture(scope="session")
def template(postgres: str) -> str:
    """The URL of a server whose database ``template_records`` holds the newest tables, and no row."""
    server = sql.make_url(postgres).set(drivername="postgresql+psycopg")
    _run(server, "CREATE DATABASE template_records")
    Database(_url(server, "template_records"), migrate=True).close()
    return _url(server, "postgres")


@pytest.fixture(params=["sqlite", "postgresql"])
def records_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return local_records(tmp_path)
    server = sql.make_url(request.getfixturevalue("template"))
    name = f"records_{abs(hash(request.node.nodeid))}"
    _run(server, f"CREATE DATABASE {name} TEMPLATE template_records")
    return _url(server, name)


@pytest.fixture
def empty_postgres(postgres: str, request: pytest.FixtureRequest) -> str:
    """The URL of a database of PostgreSQL without a table."""
    server = sql.make_url(postgres).set(drivername="postgresql+psycopg")
    name = f"empty_{abs(hash(request.node.nodeid))}"
    _run(server, f"CREATE DATABASE {name}")
    return _url(server, name)


def _url(server: sql.URL, database: str) -> str:
    return server.set(database=database).render_as_string(hide_password=False)


def _run(server: sql.URL, command: str) -> None:
    engine = sql.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(command)
    engine.dispose()
