"""How the records are opened, read and written: SQLite on one machine, PostgreSQL for a team."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sql
from sqlalchemy.dialects import postgresql, sqlite

from evergreen.errors import UsageError
from evergreen.io.disk import unwritable
from evergreen.io.records.migration import NEWEST, bring_up_to_date, current_revision, refuse_other
from evergreen.secrets import resolved

#: Whether a transaction of SQLite will write, and waits at its beginning for the one that writes now.
_WRITES = "evergreen_writes"
#: How long it waits, in seconds.
_PATIENCE = 30
_INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def local_records(folder: Path) -> str:
    """The URL of the records that lie in a folder of this machine."""
    return f"sqlite:///{folder / 'records.db'}"


def open_database(url: str) -> Database:
    """The records at a URL, opened once a process.

    A file that was removed or put in the place of another since then is opened anew.

    Raises:
        StoreError: they cannot be written, or are of another revision.
    """
    key = url, os.getpid()
    opened = _opened.get(key)
    if opened is None or opened.file != _identity(opened.path):
        opened = _opened[key] = Database(url)
    return opened


def migrate(url: str) -> tuple[str, str]:
    """Bring records that others use up to date; which revision they had (empty for none), and have.

    Raises:
        StoreError: they cannot be reached or written, or are of a newer revision.
    """
    database = Database(url, migrate=True)
    database.close()
    return database.before, NEWEST


def _identity(path: Path | None) -> tuple[int, int] | None:
    """Which file lies there."""
    try:
        facts = path.stat() if path else None
    except OSError:
        return None
    return (facts.st_dev, facts.st_ino) if facts else None


class Database:
    """One workspace's records."""

    def __init__(self, url: str, *, migrate: bool = False) -> None:
        """Open them; a file of this machine is made where it is not there, and brought up to date.

        Args:
            url: ``sqlite:///...`` or ``postgresql+psycopg://...``.
            migrate: Bring a database that others use up to date too.

        Raises:
            StoreError: they cannot be written, are of a newer revision, or of an older one that others use.
        """
        place = sql.make_url(url)
        self.path = Path(place.database or "") if place.get_backend_name() == "sqlite" else None
        self._place = str(self.path or place.render_as_string(hide_password=True))
        try:
            self._engine = _engine(resolved(url), self.path)
            with self._engine.connect() as connection:
                self.before = current_revision(connection, self._place)
            if self.before != NEWEST:
                if self.path is None and not migrate:
                    refuse_other(self._place, self.before)
                with self.writing() as connection:
                    bring_up_to_date(connection, self._place, self.path)
        except (OSError, sql.exc.SQLAlchemyError) as error:
            raise unwritable(self._place, error) from None
        self.file = _identity(self.path)

    @contextmanager
    def writing(self, model: str = "") -> Iterator[sql.Connection]:
        """A transaction as a context manager: all of its writes, or none; for one model one at a time.

        Args:
            model: What it reads before it writes belongs to this model: others wait until it is over. Without one
                nothing that was read may decide what is written.

        Raises:
            StoreError: the disk is full, or the database cannot be reached, read or written.
        """
        try:
            with self._engine.connect().execution_options(**{_WRITES: True}) as connection, connection.begin():
                if model and self.path is None:
                    connection.execute(sql.text("SELECT pg_advisory_xact_lock(hashtextextended(:m, 0))"), {"m": model})
                yield connection
        except sql.exc.OperationalError as error:
            raise unwritable(self._place, error) from error

    def close(self) -> None:
        """End its connections; the next use opens new ones."""
        self._engine.dispose()

    def rows(self, query: sql.Select[Any]) -> list[Any]:
        """The rows of a query as mappings."""
        try:
            with self._engine.connect() as connection:
                return list(connection.execute(query).mappings())
        except sql.exc.OperationalError as error:
            raise unwritable(self._place, error) from error

    def insert(self, table: sql.Table, rows: Sequence[dict[str, Any]], *, keep: bool = False) -> None:
        """Write rows in one transaction; with ``keep`` those whose key is there already stay as they are."""
        if rows:
            with self.writing() as connection:
                command = _INSERT[connection.dialect.name](table)
                connection.execute(command.on_conflict_do_nothing() if keep else command, list(rows))


_opened: dict[tuple[str, int], Database] = {}


def _engine(url: str, path: Path | None) -> sql.Engine:
    """The engine of a database; with SQLite's own transactions, which hold for changes of tables too."""
    if path is None:
        try:
            return sql.create_engine(url, pool_pre_ping=True, isolation_level="READ COMMITTED")
        except ModuleNotFoundError as error:
            raise UsageError(f"{error.name} is not installed; run: pip install 'evergreen[postgres]'") from None
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = sql.create_engine(url, connect_args={"timeout": _PATIENCE})

    @sql.event.listens_for(engine, "connect")
    def _by_hand(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself

    @sql.event.listens_for(engine, "begin")
    def _begin(connection: sql.Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    if not path.exists() or not path.stat().st_size:
        with engine.connect() as connection:
            connection.exec_driver_sql("ROLLBACK")
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            connection.exec_driver_sql("BEGIN")
    return engine


def now() -> str:
    """The wall clock, for columns that only tell when something was written."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def moment(time: datetime) -> str:
    """A time as text that sorts by time: UTC, microseconds."""
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def who() -> str:
    """Who runs the program: the user's name, or the number of one that the system does not know (in a container)."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
