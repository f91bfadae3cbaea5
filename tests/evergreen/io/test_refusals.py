"""What a bad table gets from S3, a query or a function: the message that it gets from a file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy

from evergreen.data import assemble, refuse_infinities
from evergreen.errors import DataError, EmptyWindow, EvergreenError
from evergreen.io.sources import opening, read
from evergreen.spec import Data, Sql

NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)
ROWS = pd.DataFrame(
    {
        "id": [f"c{at}" for at in range(12)],
        "at": [f"2024-01-{at + 1:02d}T09:00:00Z" for at in range(12)],
        "amount": np.arange(12) + 0.5,
        "churned": [0, 1] * 6,
    }
)
KINDS = ("S3", "SQLite", "PostgreSQL", "a function")
Change = Callable[[pd.DataFrame], pd.DataFrame]


def cell(name: str, value: Any) -> Change:
    """Write a value into the third row of a column."""

    def changed(rows: pd.DataFrame) -> pd.DataFrame:
        rows = rows.astype({name: object})
        rows.loc[2, name] = value
        return rows

    return changed


CASES: dict[str, tuple[Change, type[EvergreenError], str]] = {
    "no rows": (lambda r: r.head(0), EmptyWindow, "no rows"),
    "no key column": (lambda r: r.drop(columns="id"), DataError, "no column id"),
    "no time column": (lambda r: r.drop(columns="at"), DataError, "no column at"),
    "no target": (lambda r: r.rename(columns={"churned": "churnt"}), DataError,
                  r"no column churned; did you mean churnt\?"),
    "a key twice": (cell("id", "c0"), DataError, r"key id: 1 rows repeat one \(first: c0\)"),
    "a key that is null": (cell("id", None), DataError, "key id: 1 rows have none; fill it in"),
    "no time in a row": (cell("at", None), DataError, "at: 1 rows have no time; fill it in"),
    "a time that is none": (cell("at", "soon"), DataError, "at: 'soon' is no time"),
    "times with and without a zone": (cell("at", "2024-01-03 09:00:00"), DataError,
                                      "at: mixes times with a zone .* and without"),
    "an infinite feature": (lambda r: r.assign(amount=np.where(r.index == 2, np.inf, r["amount"])), DataError,
                            r"column amount: 1 rows hold an infinite value \(first: key c2\)"),
    "an infinite target": (lambda r: r.assign(churned=np.where(r.index == 2, np.inf, r["churned"])), DataError,
                           "target churned: holds infinite values; correct them"),
}  # fmt: skip


@pytest.fixture
def lay(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str, pd.DataFrame], Any]:
    """Puts a table where a source of some kind finds it, and says what ``data.source`` is then."""

    def laid(kind: str, rows: pd.DataFrame) -> Any:
        sql = "select * from orders"
        if kind == "S3":
            bucket = request.getfixturevalue("bucket")
            rows.to_csv(bucket.folder / "orders.csv", index=False)
            return "s3://bucket/orders.csv"
        if kind == "SQLite":
            with closing(sqlite3.connect(tmp_path / "shop.db")) as shop:
                rows.to_sql("orders", shop, index=False)
            return {"sql": sql, "url": "sqlite:///shop.db"}
        if kind == "PostgreSQL":
            url = str(request.getfixturevalue("postgres"))
            engine = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
            rows.to_sql("orders", engine, index=False, if_exists="replace")
            engine.dispose()
            return {"sql": sql, "url": url}
        rows.to_pickle(tmp_path / "orders.pickle")
        (tmp_path / "orders.py").write_text(
            f"import pandas as pd\ndef rows():\n    return pd.read_pickle({str(tmp_path / 'orders.pickle')!r})\n"
        )
        return "orders:rows"

    return laid


def assembled(source: Any, root: Path, **window: Any) -> pd.DataFrame:
    """The table that training would see."""
    data = Data.model_validate({"source": source, "key": "id", "time": "at", "target": {"column": "churned"}})
    table = assemble(read(data.source, root, time=data.time, as_of=NOON, **window), [], data, NOON)
    refuse_infinities(table, ["amount"], str(data.source))
    return table


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_table_is_the_same_whatever_it_comes_from(
    kind: str, lay: Callable[[str, pd.DataFrame], Any], tmp_path: Path
) -> None:
    table = assembled(lay(kind, ROWS), tmp_path)
    assert table["__key"].tolist() == ROWS["id"].tolist()
    assert table["amount"].tolist() == ROWS["amount"].tolist()
    with pytest.raises(EmptyWindow, match=r"no rows with at from 2025-01-01.*choose another window"):
        assembled(lay(kind, ROWS) if kind != "SQLite" else {"sql": "select * from orders", "url": "sqlite:///shop.db"},
                  tmp_path, start=datetime(2025, 1, 1, tzinfo=UTC))  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", CASES)
def test_what_a_file_is_refused_for_every_source_is_refused_for(
    case: str, kind: str, lay: Callable[[str, pd.DataFrame], Any], tmp_path: Path
) -> None:
    change, error, words = CASES[case]
    source = lay(kind, change(ROWS))
    with pytest.raises(EvergreenError, match=words) as refused:
        assembled(source, tmp_path)
    assert type(refused.value) is error


def test_a_function_that_gives_numbers_and_text_in_one_column_is_told(
    lay: Callable[[str, pd.DataFrame], Any], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"^orders:rows: column amount mixes float and str; give it one type"):
        assembled(lay("a function", cell("amount", "much")(ROWS)), tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"PK\x03\x04 a workbook" + b"\0" * 600, "holds no text"),
        (b"id,at\n1,M\xfcnchen\n", "is no UTF-8 text.*data.read.encoding"),
        (b"id,at\n1,2\n3,4,5\n", r"line 3.*correct the line"),
        (b'id,at\n1,2\n3,"4\n5,6\n', "a quote that opens in line 3 is never closed.; correct the line"),
        (b"id,at\n1," + b"x" * 700_000, "a line that does not end within 50,000"),
    ],
)
def test_a_file_on_s3_that_is_no_table_is_named(
    bucket: Any, tmp_path: Path, content: bytes, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "LONGEST", 50_000)
    (bucket.folder / "broken.csv").write_bytes(content)
    with pytest.raises(DataError, match=rf"bucket/broken\.csv: .*{said}"):
        read("s3://bucket/broken.csv", tmp_path)


def test_a_wrong_password_is_refused_in_words_that_do_not_hold_it(postgres: str, tmp_path: Path) -> None:
    engine = sqlalchemy.create_engine(postgres.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.begin() as connection:
        connection.exec_driver_sql("create role reader login password 'r1ght'")
        rules = Path(str(connection.exec_driver_sql("show hba_file").scalar()))
        before = rules.read_text()
        rules.write_text(f"local all reader scram-sha-256\n{before}")
        connection.exec_driver_sql("select pg_reload_conf()")
    patient = f"{postgres}&connect_timeout=300"  # however slow the machine is
    right, wrong = (patient.replace("postgres:@", f"reader:{word}@", 1) for word in ("r1ght", "s3cr"))

    def read_until_refused() -> None:
        while True:  # the server may take a moment to read its rules again: until then any password will do
            read(Sql(sql="select 1 as x", url=wrong), tmp_path)

    try:
        with pytest.raises(DataError, match=r"refuses these credentials.*correct user and password") as refused:
            read_until_refused()
        assert "s3cr" not in str(refused.value)
        assert len(read(Sql(sql="select 1 as x", url=right), tmp_path)) == 1
    finally:
        rules.write_text(before)
        with engine.begin() as connection:
            connection.exec_driver_sql("select pg_reload_conf()")
        engine.dispose()
