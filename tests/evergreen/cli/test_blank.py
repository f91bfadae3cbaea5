import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from evergreen.cli import blank


def parts(script: str) -> list[str]:
    """Lines in an order of their own: a table's constraints come in another one each time that Prefect makes it."""
    return sorted(line.strip().rstrip(",") for line in script.splitlines())


def test_the_committed_tables_are_those_that_the_installed_prefect_makes() -> None:
    committed = blank._SCRIPT.read_text(encoding="utf-8")
    assert parts(committed) == parts(blank.made_by_prefect()), "run: python -m evergreen.cli.blank"


def test_a_home_without_a_database_gets_one_and_keeps_it(tmp_path: Path) -> None:
    assert blank.lay_down(tmp_path)
    with closing(sqlite3.connect(tmp_path / "prefect.db")) as database:
        assert database.execute("select count(*) from flow_run").fetchone() == (0,)
        database.execute("create table ours (x)")
    assert blank.lay_down(tmp_path)
    with closing(sqlite3.connect(tmp_path / "prefect.db")) as database:
        assert database.execute("select count(*) from ours").fetchone() == (0,)
    assert [path.name for path in tmp_path.iterdir()] == ["prefect.db"]


@pytest.mark.parametrize("part", ["wal", "journal"])
def test_no_database_is_laid_down_beside_what_a_killed_server_has_left(tmp_path: Path, part: str) -> None:
    (tmp_path / f"prefect.db-{part}").write_bytes(b"changes of another database")
    assert not blank.lay_down(tmp_path)
    assert os.listdir(tmp_path) == [f"prefect.db-{part}"]


def test_no_database_is_laid_down_where_one_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_DATABASE_CONNECTION_URL", "postgresql+asyncpg://somewhere/prefect")
    assert not blank.lay_down(tmp_path)
    assert not list(tmp_path.iterdir())


def test_no_database_is_laid_down_for_a_prefect_that_does_not_know_its_last_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = tmp_path / "newer.sql"
    newer.write_text("""CREATE TABLE a (x);\nINSERT INTO "alembic_version" VALUES('ffff00000000');\n""")
    monkeypatch.setattr(blank, "_SCRIPT", newer)
    assert not blank.lay_down(tmp_path)
    assert os.listdir(tmp_path) == ["newer.sql"]


def test_a_database_that_cannot_be_laid_down_is_left_to_prefect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken.sql"
    broken.write_text(blank._SCRIPT.read_text().replace("CREATE TABLE agent", "CREATE TABEL agent"))
    monkeypatch.setattr(blank, "_SCRIPT", broken)
    home = tmp_path / "home"
    home.mkdir()
    assert not blank.lay_down(home)
    assert not list(home.iterdir())
