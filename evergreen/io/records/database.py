"""The tables of the workspace's records, and how they are opened, read and written."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sql

from evergreen.errors import StoreError
from evergreen.io.disk import unwritable

#: Raised whenever a table changes its columns: records of another layout are never guessed at.
LAYOUT = 2

_tables = sql.MetaData()


def _table(name: str, keys: dict[str, Any], **columns: Any) -> sql.Table:
    """A table of texts and numbers; optional columns are given as a tuple ``(type,)``."""
    return sql.Table(
        name,
        _tables,
        *(sql.Column(key, kind, primary_key=True, autoincrement=False) for key, kind in keys.items()),
        *(
            sql.Column(column, kind[0]) if isinstance(kind, tuple) else sql.Column(column, kind, nullable=False)
            for column, kind in columns.items()
        ),
    )


_text, _number = sql.Text, sql.Integer

CHAMPIONS = _table(
    "champion_history", {"model": _text, "sequence": _number},
    version=_number, detail=_text, kind=_text, as_of=_text, who=_text, at=_text, why=_text, evidence=(_text,),
)  # fmt: skip
VERDICTS = _table(
    "verdicts", {"model": _text, "run_key": _text},
    as_of=_text, cause=_text, at=_text, detail=_text, verdict=_text, evidence=(_text,),
)  # fmt: skip
MEASUREMENTS = _table(
    "measurements", {"model": _text, "version": _number, "run_key": _text}, evidence=_text, at=_text
)  # fmt: skip
QUARANTINE = _table("quarantine", {"model": _text, "snapshot": _text, "row_key": _text, "rule": _text}, at=_text)
RELEASES = _table("quarantine_releases", {"model": _text, "row_key": _text}, who=_text, why=_text, at=_text)
#: The index of the prediction ledger: one stored table covers the cut-offs in (since, until] of one role.
SCORINGS = _table(
    "scorings", {"model": _text, "role": _text, "until": _text},
    since=_text, uri=_text, features=_text, rows=_number, version=_number, as_of=_text, at=_text, seconds=sql.Float,
    peak_mb=sql.Float,
)  # fmt: skip
#: The index of the label ledger: one stored table holds the labels that became known in a run as of ``as_of``.
LABELS = _table(
    "label_batches", {"model": _text, "as_of": _text}, uri=_text, rows=_number, corrected=_number, at=_text
)  # fmt: skip
HEALTH = _table("health", {"model": _text, "start": _text, "as_of": _text}, version=_number, detail=_text, at=_text)
FIRINGS = _table(
    "retraining_decisions", {"model": _text, "as_of": _text}, cause=_text, fire=_number, detail=_text, at=_text
)
#: Causes whose training ended without a verdict, and why.
CLOSINGS = _table("closed_causes", {"model": _text, "cause": _text}, as_of=_text, why=_text, at=_text)
TRIALS = _table(
    "probations", {"model": _text, "sequence": _number},
    worse=_number, better=_number, why=_text, as_of=_text, at=_text,
)  # fmt: skip
#: Windows of event time that were read, without their run-up; texts that sort, empty for no bound.
SNAPSHOTS = _table(
    "snapshots", {"model": _text, "since": _text, "until": _text, "as_of": _text}, uri=_text, at=_text
)  # fmt: skip
FREEZES = _table("freezes", {"model": _text, "sequence": _number}, frozen=_number, who=_text, why=_text, at=_text)


def local_records(folder: Path) -> str:
    """The URL of the records that lie in a folder of this machine."""
    return f"sqlite:///{folder / 'records.db'}"


def open_database(url: str) -> Database:
    """The records at a URL, opened once a process.

    A file that was removed or put in the place of another since then is opened anew.

    Raises:
        StoreError: they cannot be written, or are of another layout.
    """
    key = url, os.getpid()
    opened = _opened.get(key)
    if opened is None or opened.file != _identity(opened.path):
        opened = _opened[key] = Database(url)
    return opened


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file lies there."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_dev, facts.st_ino


class Database:
    """One workspace's records."""

    def __init__(self, url: str) -> None:
        """Open them, and create them where they are not there.

        Raises:
            StoreError: they cannot be written, or are of another layout.
        """
        self.path = Path(sql.make_url(url).database or "")
        folder = self.path.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._engine = sql.create_engine(url, connect_args={"timeout": 30})
            with self._engine.begin() as connection:
                layout = int(connection.exec_driver_sql("PRAGMA user_version").scalar() or 0)
                if not layout and sql.inspect(connection).has_table(CHAMPIONS.name):
                    layout = 1
                if layout not in (0, LAYOUT):
                    raise StoreError(
                        f"{folder}: holds records of another version of Evergreen (layout {layout}, here {LAYOUT}); "
                        "set EVERGREEN_WORKSPACE to another folder, or remove this one to begin anew"
                    )
                if not layout:
                    connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            if not layout or not sql.inspect(self._engine).has_table(SNAPSHOTS.name):  # the table that came last
                # Two processes that create the same table at once: the second finds it there.
                with suppress(sql.exc.OperationalError):
                    _tables.create_all(self._engine)
                _tables.create_all(self._engine)
                with self._engine.begin() as connection:
                    connection.exec_driver_sql(f"PRAGMA user_version={LAYOUT}")
        except (OSError, sql.exc.OperationalError, sql.exc.DatabaseError) as error:
            raise unwritable(self.path, error) from None
        self.file = _identity(self.path)

    @contextmanager
    def begin(self) -> Iterator[sql.Connection]:
        """A transaction as a context manager: all of its writes, or none.

        Raises:
            StoreError: the disk is full, or the file cannot be read or written.
        """
        try:
            with self._engine.begin() as connection:
                yield connection
        except sql.exc.OperationalError as error:
            raise unwritable(self.path, error) from error

    def rows(self, query: sql.Select[Any]) -> list[Any]:
        """The rows of a query as mappings."""
        with self.begin() as connection:
            return list(connection.execute(query).mappings())

    def insert(self, table: sql.Table, rows: Sequence[dict[str, Any]], *, keep: bool = False) -> None:
        """Write rows in one transaction; with ``keep`` those whose key is there already stay as they are."""
        if rows:
            command = sql.insert(table).prefix_with("OR IGNORE") if keep else sql.insert(table)
            with self.begin() as connection:
                connection.execute(command, list(rows))


_opened: dict[tuple[str, int], Database] = {}


def now() -> str:
    """The wall clock, for columns that only tell when something was written."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def moment(time: datetime) -> str:
    """A time as text that sorts by time: UTC, microseconds."""
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def who() -> str:
    """Who runs the program."""
    return getpass.getuser()
