from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sql
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from evergreen.errors import StoreError
from evergreen.handoffs import ModelVersion, Rule, Verdict
from evergreen.io.records import ChampionHistory, local_records
from evergreen.io.records.database import Database, _opened
from evergreen.io.records.migration import _SCRIPTS, NEWEST
from evergreen.io.records.tables import TABLES

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
VERSION = ModelVersion("churn", 1, "m-1", "run", "abc", "{}", NOON, NOON, "multiclass", ("a", "b", "c"))
KEPT = Verdict(False, (Rule("gain", False, "does not"),))


def make_0_1(folder: Path) -> Path:
    """Records as 0.1.0 wrote them: revision 0001 without a word of Alembic."""
    file = folder / "records.db"
    records = ChampionHistory(local_records(folder))
    for number in (2, 1):
        records.settle(f"key {number}", replace(VERSION, version=number), KEPT, None, None)
    records._database.close()
    _opened.clear()  # the next opening is that of another process
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("ALTER TABLE verdicts DROP COLUMN sequence")
        connection.execute("DROP TABLE alembic_version")
        connection.execute("PRAGMA user_version=2")
    return file


def revision(file: Path) -> str:
    with closing(sqlite3.connect(file)) as connection:
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def test_the_newest_revision_is_the_last_of_one_line() -> None:
    assert ScriptDirectory(str(_SCRIPTS)).get_heads() == [NEWEST]


def test_the_revisions_make_the_tables_that_the_program_reads(records_url: str) -> None:
    with Database(records_url)._engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), TABLES) == []


def test_records_of_0_1_are_brought_up_to_date_with_their_order_and_a_copy_is_kept(tmp_path: Path) -> None:
    file = make_0_1(tmp_path)
    history = ChampionHistory(local_records(tmp_path))
    assert [one.version.version for one in history.decisions("churn")] == [2, 1]
    assert revision(file) == NEWEST
    with closing(sqlite3.connect(tmp_path / f"records.db.before-{NEWEST}")) as copy:
        assert copy.execute("PRAGMA user_version").fetchone() == (2,)
        assert copy.execute("SELECT count(*) FROM verdicts").fetchone() == (2,)


def test_a_program_of_0_1_refuses_what_the_new_one_wrote(tmp_path: Path) -> None:
    ChampionHistory(local_records(tmp_path))
    with closing(sqlite3.connect(tmp_path / "records.db")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] not in (0, 2)  # what it takes for its own


def test_a_migration_that_is_killed_in_the_middle_is_done_by_the_next_opening(tmp_path: Path) -> None:
    file = make_0_1(tmp_path)
    killed = (
        "import os, signal, sys; from alembic import op; from evergreen.io.records import ChampionHistory;"
        "op.execute = lambda *_: os.kill(os.getpid(), signal.SIGKILL); ChampionHistory(sys.argv[1])"
    )
    done = subprocess.run([sys.executable, "-c", killed, local_records(tmp_path)], check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    with closing(sqlite3.connect(file)) as connection:
        assert "sequence" not in {row[1] for row in connection.execute("PRAGMA table_info(verdicts)")}
    assert len(ChampionHistory(local_records(tmp_path)).decisions("churn")) == 2
    assert revision(file) == NEWEST


def test_many_processes_that_open_old_records_at_once_migrate_them_once(tmp_path: Path) -> None:
    make_0_1(tmp_path)
    read = (
        "import sys; from evergreen.io.records import ChampionHistory; ChampionHistory(sys.argv[1]).decisions('churn')"
    )
    command = [sys.executable, "-c", read, local_records(tmp_path)]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    assert [(one.communicate()[1], one.returncode) for one in processes] == [("", 0)] * 4


def test_newer_records_are_refused_by_name(records_url: str) -> None:
    database = Database(records_url)
    with database.writing() as connection:
        connection.execute(sql.text("UPDATE alembic_version SET version_num = '0999'"))
    with pytest.raises(StoreError, match=r"newer version of Evergreen \(revision 0999, here \d+\); update"):
        Database(records_url)


def test_records_that_others_use_are_brought_up_to_date_by_the_migrate_command_alone(empty_postgres: str) -> None:
    with pytest.raises(StoreError, match=r"holds no records yet, .* needs .*; run once: evergreen migrate"):
        ChampionHistory(empty_postgres)
    assert Database(empty_postgres, migrate=True).before == ""
    assert ChampionHistory(empty_postgres).champions("churn") == []
    assert Database(empty_postgres, migrate=True).before == NEWEST


def test_a_database_that_is_away_is_one_sentence(postgres: str) -> None:
    with pytest.raises(StoreError, match=r"postgresql\+psycopg://u:\*\*\*@127.0.0.1:1/x: cannot be"):
        ChampionHistory("postgresql+psycopg://u:p@127.0.0.1:1/x")


def test_a_password_by_name_is_read_where_the_database_is_opened(
    empty_postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = sql.make_url(empty_postgres).set(password="${DB_PASSWORD}").render_as_string(hide_password=False)
    named = named.replace("%24%7B", "${").replace("%7D", "}")
    monkeypatch.setenv("DB_PASSWORD", "a b/c@d")
    Database(named, migrate=True)
    assert os.environ["DB_PASSWORD"] not in repr(vars(Database(named)))
