"""The rows of a query, by any SQLAlchemy URL: read only, piece by piece, in one transaction."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from evergreen.errors import DataError, did_you_mean
from evergreen.io.sources.values import PIECE, Keep, Rows
from evergreen.spec import Sql

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import URL, Connection, Engine

#: Times without a zone lie less than this from UTC; the exact window is cut after they have become moments.
_SLACK = timedelta(days=1)
_FIRST, _LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
#: Statements that make a transaction read only and its clock UTC, where a database has them.
_PREPARE = {
    "sqlite": ("PRAGMA query_only = ON",),
    "postgresql": ("SET TRANSACTION READ ONLY", "SET LOCAL TIME ZONE 'UTC'"),
    "mysql": ("SET SESSION TRANSACTION READ ONLY", "SET time_zone = '+00:00'"),
    "mariadb": ("SET SESSION TRANSACTION READ ONLY", "SET time_zone = '+00:00'"),
}
_CONNECT_SECONDS = 15


def read_query(
    source: Sql,
    root: Path,
    columns: Sequence[str] | None = None,
    time: str | None = None,
    window: tuple[datetime | None, datetime | None, datetime | None] = (None, None, None),
    keep: Keep | None = None,
) -> pd.DataFrame:
    """Read what a query gives; the server keeps the rest while a piece is packed.

    Args:
        source: The query and its database.
        root: Where a relative SQLite file lies.
        columns: The columns to keep; all by default.
        time: The event time, by which ``keep`` chooses.
        window: What ``:start``, ``:end`` (with a day's slack) and ``:as_of`` are bound to; None for no bound.
        keep: Takes a frame with the times alone, and gives the rows of it that are wanted; all by default.

    Raises:
        DataError: the database cannot be reached, refuses the query or ends the connection, or a column is missing,
            stands twice or mixes types. No password stands in the message.
    """
    from sqlalchemy import text
    from sqlalchemy.exc import SQLAlchemyError

    rows = Rows(str(source), None if columns is None else dict.fromkeys(columns), time, keep)
    query = text(source.sql.strip().rstrip(";"))
    engine = _engine(source, root)
    bounds = _bound(*window, as_text=engine.dialect.name == "sqlite")
    bound = {name: value for name, value in bounds.items() if name in query.compile().params}
    try:
        with _connected(engine) as connection:
            result = connection.execute(query, bound)
            names = list(result.keys())
            _check(source, names, columns)
            rows.add({name: [] for name in names})
            for piece in result.partitions(PIECE):
                rows.add(dict(zip(names, zip(*piece, strict=True), strict=True)))
    except SQLAlchemyError as error:
        # The chain of causes may hold the URL: only the message that the database gave goes on.
        raise DataError(f"{source}: {_said(error)}") from None
    finally:
        engine.dispose()
    return rows.frame()


def _engine(source: Sql, root: Path) -> Engine:
    from sqlalchemy import create_engine, make_url
    from sqlalchemy.exc import ArgumentError
    from sqlalchemy.pool import NullPool

    text = source.url or os.environ.get(source.url_env or "")
    if not text:
        raise DataError(f"{source}: {source.url_env} is not set; put the database's URL there")
    try:
        url = make_url(text)
        if url.get_backend_name() == "sqlite":
            return create_engine(_sqlite(source, url, root), poolclass=NullPool)
        if url.get_backend_name() == "postgresql":
            url = _by_psycopg(url)
        return create_engine(url, poolclass=NullPool)
    except ArgumentError:
        raise DataError(f"{source}: no URL of a database; write e.g. postgresql://user@host/name") from None
    except ImportError as error:
        raise DataError(f"{source}: the database's driver is not installed ({error}); install it") from None


def _sqlite(source: Sql, url: URL, root: Path) -> URL:
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        return url
    path = root / url.database
    if not path.is_file():  # SQLite would make an empty one
        near = did_you_mean(path.name, (one.name for one in path.parent.glob("*")))
        raise DataError(f"{source}: no such file {path}{near}")
    return url.set(database=str(path))


def _by_psycopg(url: URL) -> URL:
    """``postgresql://`` without a driver means psycopg 3 where SQLAlchemy's default is not installed."""
    from importlib.util import find_spec

    if "+" not in url.drivername and find_spec("psycopg2") is None:
        url = url.set(drivername="postgresql+psycopg")
    if "psycopg" not in url.drivername or "connect_timeout" in url.query:
        return url
    return url.update_query_dict({"connect_timeout": str(_CONNECT_SECONDS)})


@contextmanager
def _connected(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction that reads only and is never committed, with a cursor on the server's side."""
    with closing(engine.connect()) as connection:
        for statement in _PREPARE.get(engine.dialect.name, ()):
            connection.exec_driver_sql(statement)
        yield connection.execution_options(stream_results=True, max_row_buffer=PIECE)
        connection.rollback()


def _bound(
    start: datetime | None, end: datetime | None, as_of: datetime | None, as_text: bool
) -> dict[str, datetime | str]:
    moments = {
        "start": start.astimezone(UTC) - _SLACK if start else _FIRST,
        "end": end.astimezone(UTC) + _SLACK if end else _LAST,
        "as_of": as_of.astimezone(UTC) if as_of else _LAST,
    }
    if not as_text:
        return {**moments}
    return {name: moment.replace(tzinfo=None).isoformat(" ") for name, moment in moments.items()}


def _check(source: Sql, names: Sequence[str], columns: Sequence[str] | None) -> None:
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"{source}: column {name} stands twice; give one another name with AS")
    for name in columns or ():
        if name not in names:
            raise DataError(f"{source}: no column {name}{did_you_mean(name, names)}")


def _said(error: Any) -> str:
    """What the database said, and what to do."""
    origin = getattr(error, "orig", None)
    said = " ".join(str(origin or error).split())
    name = type(origin or error).__name__
    if "authentication failed" in said or "access denied" in said.lower():
        return f"the database refuses these credentials ({said}); correct user and password in its URL"
    if getattr(error, "connection_invalidated", False) or any(
        word in said.lower() for word in ("connection", "closed", "terminat", "timeout", "timed out")
    ):
        return f"the database cannot be reached or ended the connection ({said}); nothing was kept: run again"
    if "ReadOnly" in name or "readonly" in said.lower() or "read-only" in said.lower():
        return f"the query writes, and a source only reads ({said}); write a plain SELECT"
    return f"the database refuses the query ({said}); correct data.source.sql"
