"""Revisions of the records: which one a database has, and how it gets the newest.

Every change of a table is a file in ``revisions/versions``. Records of this machine are brought up to date when they
are opened, in one transaction and after a copy of the file; a team's by ``evergreen migrate`` alone, because several
processes use them.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

import sqlalchemy as sql

from evergreen.errors import StoreError

logger = logging.getLogger(__name__)

#: The revision that this version of Evergreen reads and writes.
NEWEST = "0002"
_SCRIPTS = Path(__file__).with_name("revisions")
#: What 0.1.0 wrote into a file's ``user_version``; its tables are revision 0001.
_LAYOUT_0_1 = 2


def current_revision(connection: sql.Connection, place: str) -> str:
    """The revision of a database; empty where it holds no records yet.

    Raises:
        StoreError: it is one that this version does not know.
    """
    tables = sql.inspect(connection)
    if tables.has_table("alembic_version"):
        revision = str(connection.execute(sql.text("SELECT version_num FROM alembic_version")).scalar() or "")
        if revision > NEWEST:
            raise StoreError(
                f"{place}: holds records of a newer version of Evergreen (revision {revision}, here {NEWEST}); update "
                "Evergreen here: pip install --upgrade evergreen"
            )
        return revision
    empty = not tables.has_table("champion_history")
    if connection.dialect.name == "sqlite":
        layout = int(connection.exec_driver_sql("PRAGMA user_version").scalar() or 0)
        if layout != _LAYOUT_0_1 and (layout or not empty):
            raise StoreError(
                f"{place}: holds records of no released version of Evergreen (layout {layout}); set "
                "EVERGREEN_WORKSPACE to another folder"
            )
    return "" if empty else "0001"


def refuse_other(place: str, revision: str) -> None:
    """Refuse records that others use and that are not up to date.

    Raises:
        StoreError: always.
    """
    holds = f"holds records of revision {revision}" if revision else "holds no records yet"
    raise StoreError(f"{place}: {holds}, this version of Evergreen needs {NEWEST}; run once: evergreen migrate")


def bring_up_to_date(connection: sql.Connection, place: str, file: Path | None) -> None:
    """Take a database to the newest revision inside a transaction that writes; a second one that waited finds it there.

    Args:
        connection: Inside the transaction.
        place: Where it is, in words.
        file: Its file, of which a copy is kept where it holds records; None for a server's, of which backups are made
            by those who run it.
    """
    if connection.dialect.name == "postgresql":  # new tables exclude nobody: one migration at a time
        connection.execute(sql.text("SELECT pg_advisory_xact_lock(hashtextextended('evergreen migrations', 0))"))
    before = current_revision(connection, place)
    if before == NEWEST:
        return
    if file and before:
        copy = file.with_name(f"{file.name}.before-{NEWEST}")
        with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        logger.info("%s: brought from revision %s to %s; a copy from before is %s", place, before, NEWEST, copy.name)
    from alembic import command  # only a migration pays for its import
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["connection"] = connection
    if before and not sql.inspect(connection).has_table("alembic_version"):
        command.stamp(config, before)
    command.upgrade(config, NEWEST)
