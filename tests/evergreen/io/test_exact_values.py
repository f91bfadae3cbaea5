"""What a source holds is what is read: every digit, every letter, whatever stands beside it."""

from __future__ import annotations

import json
import sqlite3
import uuid
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc as ipc
import pyarrow.parquet as pq
import pytest

from evergreen.errors import DataError
from evergreen.io.sampling import take_sample
from evergreen.io.sources import read, text
from evergreen.io.sources.batches import batches
from evergreen.spec import Sql

#: Neighbours that no float tells apart, a missing one, and what else a column may bring.
BIG = 2**53
IDS = [BIG + 1, BIG + 2, BIG + 3, None, 5]


def feather(table: pa.Table, path: Path) -> None:
    with pa.OSFile(str(path), "wb") as file, ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)


def written(root: Path, values: list[Any], kind: pa.DataType | None = None) -> dict[str, Any]:
    """One column ``v`` beside a column ``x``, as each source writes it, by its name."""
    table = pa.table({"v": pa.array(values, kind), "x": list(range(len(values)))})
    pq.write_table(table, root / "t.parquet")
    feather(table, root / "t.feather")
    rows = [{"v": value, "x": at} for at, value in enumerate(values)]
    (root / "t.csv").write_text("v,x\n" + "".join(f"{'' if r['v'] is None else r['v']},{r['x']}\n" for r in rows))
    (root / "t.jsonl").write_text("".join(f"{json.dumps(row, default=float)}\n" for row in rows))
    return {name: name for name in ("t.parquet", "t.feather", "t.csv", "t.jsonl")}


def told(values: pd.Series) -> list[Any]:
    return [None if value is pd.NA or value != value else value for value in values.astype("object")]


@pytest.mark.parametrize("values", [IDS, [2**64 - 1, 2**64 - 2, None, 0], [-BIG - 1, -BIG - 2, None]])
@pytest.mark.parametrize("name", ["t.parquet", "t.feather", "t.csv", "t.jsonl"])
def test_whole_numbers_beside_missing_ones_keep_their_digits(tmp_path: Path, values: list[Any], name: str) -> None:
    written(tmp_path, values, pa.uint64() if max(v or 0 for v in values) > 2**63 else pa.int64())
    assert told(read(name, tmp_path)["v"]) == values
    assert told(pd.concat([rows["v"] for rows in batches(name, tmp_path)])) == values
    assert told(take_sample(name, tmp_path).typed(None)["v"]) == values


@pytest.mark.parametrize("name", ["t.parquet", "t.feather", "t.csv", "t.jsonl"])
def test_whole_numbers_that_no_type_holds_are_text_with_every_digit(tmp_path: Path, name: str) -> None:
    values = [10**29 + 1, 10**29 + 2, None, 7]
    if name.endswith((".parquet", ".feather")):
        table = pa.table({"v": pa.array([v and Decimal(v) for v in values], pa.decimal128(38, 0)), "x": [1, 2, 3, 4]})
        pq.write_table(table, tmp_path / name) if name.endswith(".parquet") else feather(table, tmp_path / name)
    elif name.endswith(".csv"):
        (tmp_path / name).write_text("v,x\n" + "".join(f"{v or ''},1\n" for v in values))
    else:
        (tmp_path / name).write_text("".join(f"{json.dumps({'v': v})}\n" for v in values))
    assert told(read(name, tmp_path)["v"]) == [v and str(v) for v in values]


def test_pieces_of_a_file_and_files_of_a_folder_do_not_round_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text, "_CHUNK", 2)
    values = [BIG + 1, 2, None, 4, None, None, BIG + 3, None, BIG + 5]
    written(tmp_path, values)
    assert told(read("t.csv", tmp_path)["v"]) == values
    folder = tmp_path / "several"
    folder.mkdir()
    for number, part in enumerate([values[:2], values[2:6], values[6:]]):
        pd.DataFrame({"v": pd.array(part, dtype="Int64"), "x": 1}).to_csv(folder / f"{number}.csv", index=False)
    (folder / "9.csv").write_text("x\n1\n")
    assert told(read("several", tmp_path)["v"]) == [*values, None]


def test_json_lines_and_queries_hold_numbers_of_any_length_whichever_comes_first(tmp_path: Path) -> None:
    for values in ([1, 10**25], [10**25, 1], [2**63, 1], [1, None, 2**63 + 1]):
        lines = [json.dumps({"v": value}) for value in values for _ in range(20_000)]
        (tmp_path / "t.jsonl").write_text("\n".join(lines))
        found = told(read("t.jsonl", tmp_path)["v"].drop_duplicates())
        assert [value if value is None else int(value) for value in found] == values


def test_a_query_keeps_the_digits_of_its_numbers(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "t.db") as database:
        database.execute("CREATE TABLE t (v INTEGER, x INTEGER)")
        database.executemany("INSERT INTO t VALUES (?, 1)", [(value,) for value in IDS])
    found = read(Sql(sql="SELECT * FROM t", url="sqlite:///t.db"), tmp_path)
    assert told(found["v"]) == IDS


@pytest.mark.parametrize("kind", [pa.decimal32(7, 2), pa.decimal64(12, 2), pa.decimal128(12, 2), pa.decimal256(50, 2)])
def test_a_decimal_is_the_double_nearest_to_what_is_written(tmp_path: Path, kind: pa.DataType) -> None:
    texts = [f"{cents // 100}.{cents % 100:02d}" for cents in range(4000, 5000)]
    table = pa.table({"v": pa.array([*map(Decimal, texts), None], kind)})
    pq.write_table(table, tmp_path / "t.parquet")
    feather(pa.table({"v": pc.run_end_encode(table["v"].combine_chunks())}), tmp_path / "t.feather")
    expected = [*map(float, texts), None]
    assert told(read("t.parquet", tmp_path)["v"]) == expected
    assert told(read("t.feather", tmp_path)["v"]) == expected
    assert told(next(iter(batches("t.parquet", tmp_path)))["v"]) == expected


def test_decimals_beside_floats_in_another_file_are_the_nearest_doubles_too(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    pq.write_table(pa.table({"v": pa.array([Decimal("42.16")], pa.decimal128(9, 2))}), folder / "1.parquet")
    pq.write_table(pa.table({"v": [0.5]}), folder / "2.parquet")
    pq.write_table(pa.table({"v": pa.array([Decimal("42.168")], pa.decimal128(9, 3))}), folder / "3.parquet")
    assert read("d", tmp_path)["v"].tolist() == [42.16, 0.5, 42.168]


CODES = [uuid.UUID(int=number) for number in (1, 2**127)]
ODD: dict[str, tuple[pa.Array, list[Any]]] = {
    "string view": (pa.array(["a", None, "b"], pa.string_view()), ["a", None, "b"]),
    "large string": (pa.array(["a", None, "b"], pa.large_string()), ["a", None, "b"]),
    "dictionary": (pa.array(["a", None, "b"]).dictionary_encode(), ["a", None, "b"]),
    "UUID": (
        pa.ExtensionArray.from_storage(pa.uuid(), pa.array([CODES[0].bytes, None, CODES[1].bytes], pa.binary(16))),
        [str(CODES[0]), None, str(CODES[1])],
    ),
    "JSON": (pa.ExtensionArray.from_storage(pa.json_(), pa.array(["{}", None, "[1]"])), ["{}", None, "[1]"]),
    "bool8": (pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, None, 0], pa.int8())), [True, None, False]),
    "duration": (pa.array([1_500_000_000, None, 2], pa.duration("ns")), [1.5, None, 2e-9]),
    "half": (pa.array([0.5, None, 2.0], pa.float16()), [0.5, None, 2.0]),
}


@pytest.mark.parametrize("name", ODD)
def test_every_way_in_which_arrow_packs_values_is_read_by_every_source(tmp_path: Path, name: str) -> None:
    array, expected = ODD[name]
    table = pa.table({"v": array, "x": [1, 2, 3]})
    pq.write_table(table, tmp_path / "t.parquet")
    feather(table, tmp_path / "t.feather")
    (tmp_path / "own.py").write_text(
        f"import pyarrow.parquet as pq\ndef rows():\n    return pq.read_table({str(tmp_path / 't.parquet')!r})\n"
    )
    for source in ("t.parquet", "t.feather", "own:rows"):
        assert told(read(source, tmp_path)["v"]) == expected, source
    for source in ("t.parquet", "t.feather"):
        assert told(next(iter(batches(source, tmp_path)))["v"]) == expected, source


def test_run_ends_are_decoded(tmp_path: Path) -> None:
    table = pa.table({name: pc.run_end_encode(pa.array(values)) for name, values in
                      {"v": [BIG + 1, BIG + 1, None], "w": ["a", "a", "b"]}.items()})  # fmt: skip
    feather(table, tmp_path / "t.feather")
    found = read("t.feather", tmp_path)
    assert told(found["v"]) == [BIG + 1, BIG + 1, None]
    assert found["w"].tolist() == ["a", "a", "b"]


@pytest.mark.parametrize(
    "make",
    [
        lambda: pa.array([[1], None], pa.list_view(pa.int64())),
        lambda: pa.array([b"a", None], pa.binary_view()),
        lambda: pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int64())),
        lambda: pa.array([b"ab", None], pa.binary(2)),
    ],
    ids=["list view", "binary view", "map", "fixed binary"],
)
def test_what_no_model_can_look_at_is_left_out_with_a_word(
    tmp_path: Path, make: Callable[[], pa.Array], caplog: pytest.LogCaptureFixture
) -> None:
    pq.write_table(pa.table({"v": make(), "x": [1, 2]}), tmp_path / "t.parquet")
    (tmp_path / "bare.py").write_text(
        f"import pyarrow.parquet as pq\ndef rows():\n    return pq.read_table({str(tmp_path / 't.parquet')!r})\n"
    )
    for source in ("t.parquet", "bare:rows"):
        caplog.clear()
        assert read(source, tmp_path).columns.tolist() == ["x"]
        assert "column v" in caplog.text


def test_a_function_may_give_pandas_own_and_pythons_types(tmp_path: Path) -> None:
    (tmp_path / "own2.py").write_text(
        "import uuid\nfrom decimal import Decimal\nimport pandas as pd\nimport pyarrow as pa\n"
        "def rows():\n"
        "    return pd.DataFrame({\n"
        "        'decimal': [Decimal('42.16'), None], 'code': [uuid.UUID(int=1), None],\n"
        "        'long': [10**25, None], 'id': pd.array([2**53 + 1, None], dtype='Int64'),\n"
        "        'small': pd.array([1, None], dtype='Int64'),\n"
        "        'arrow': pd.array(['a', None], dtype=pd.ArrowDtype(pa.string_view())),\n"
        "        'month': pd.period_range('2024-01', periods=2, freq='M')})\n"
    )
    found = read("own2:rows", tmp_path)
    assert found["decimal"].tolist()[0] == 42.16
    assert found["code"].tolist()[0] == str(uuid.UUID(int=1))
    assert told(found["long"]) == [str(10**25), None]
    assert told(found["id"]) == [BIG + 1, None]
    assert found["small"].dtype == "float64"
    assert told(found["arrow"]) == ["a", None]
    assert found["month"].tolist() == [pd.Timestamp("2024-01-01"), pd.Timestamp("2024-02-01")]


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.feather"])
def test_of_columns_of_one_name_the_second_gets_a_number(tmp_path: Path, name: str) -> None:
    table = pa.table([pa.array([1]), pa.array([2]), pa.array([3]), pa.array([4])], names=["a", "a", "a_2", "a"])
    if name == "t.csv":
        (tmp_path / name).write_text("a,a,a_2,a\n1,2,3,4\n")
    else:
        pq.write_table(table, tmp_path / name) if name == "t.parquet" else feather(table, tmp_path / name)
    expected = {"a": 1, "a_3": 2, "a_2": 3, "a_4": 4}
    assert read(name, tmp_path).iloc[0].to_dict() == expected
    assert read(name, tmp_path, columns=["a_3"])["a_3"].tolist() == [2]
    assert next(iter(batches(name, tmp_path))).iloc[0].to_dict() == expected


@pytest.mark.parametrize("name", ["a[0].csv", "what?.csv", "all*.csv", "50%20#1.csv"])
def test_a_file_is_itself_before_its_name_is_a_pattern(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("a,b\n1,2\n")
    (tmp_path / "a0.csv").write_text("a,b\n3,4\n")
    (tmp_path / "allx.csv").write_text("a,b\n3,4\n")
    assert read(name, tmp_path)["a"].tolist() == [1]
    assert read("a[01].csv", tmp_path)["a"].tolist() == [3]


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_init_asks_about_columns_of_one_name(tmp_path: Path, name: str) -> None:
    rows = pd.DataFrame([[at, at + 1] for at in range(50)], columns=["a", "a"])
    table = pa.table([pa.array(rows.iloc[:, 0]), pa.array(rows.iloc[:, 1])], names=["a", "a"])
    rows.to_csv(tmp_path / name, index=False) if name == "t.csv" else pq.write_table(table, tmp_path / name)
    assert "column a stands more than once; this one is called a_2" in take_sample(name, tmp_path).reading().checks


def test_an_archive_of_several_files_is_refused_by_their_names(
    tmp_path: Path,
) -> None:
    for names in (["one.csv", "two.csv"], ["__MACOSX/._one.csv", "in/", "in/.DS_Store", "in/one.csv"]):
        with zipfile.ZipFile(tmp_path / f"{len(names)}.zip", "w") as archive:
            for name in names:
                archive.writestr(name, "" if name.endswith("/") else "a,b\n1,2\n3,4\n")
    for take in (read, take_sample):
        with pytest.raises(DataError, match=r"2.zip: holds 2 files \(one.csv, two.csv\)"):
            take("2.zip", tmp_path)
    assert read("4.zip", tmp_path)["a"].tolist() == [1, 3]
    assert len(take_sample("4.zip", tmp_path).raw) == 2
