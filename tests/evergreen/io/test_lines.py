from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from evergreen.errors import DataError
from evergreen.io.sources import read

FIRST, SECOND = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC)
ROWS = pd.DataFrame(
    {
        "id": [1, 2, 3, 4],
        "at": pd.to_datetime(
            ["2023-12-31 23:59:59", "2024-01-01", "2024-01-01 12:00", "2024-01-02"], utc=True, format="ISO8601"
        ),
        "town": ["Ulm", "Bonn", None, "Köln"],
    }
)


def lines(path: Path, *objects: str) -> None:
    path.write_text("\n".join(objects) + "\n")


@pytest.mark.parametrize("name", ["t.jsonl", "t.ndjson.gz", "t.feather", "t.arrow"])
def test_json_lines_and_feather_give_the_window_too(tmp_path: Path, name: str) -> None:
    if "json" in name:
        ROWS.to_json(tmp_path / name, orient="records", lines=True, date_format="iso", compression="infer")
    else:
        ROWS.to_feather(tmp_path / name)
    rows = read(name, tmp_path, time="at", start=FIRST, end=SECOND)
    assert rows["id"].tolist() == [2, 3]
    assert str(rows["at"].dtype) == "datetime64[us, UTC]"
    assert rows["town"].isna().tolist() == [False, True]
    assert read(name, tmp_path, columns=("town",), time="at").columns.tolist() == ["town", "at"]


def test_keys_that_come_later_are_null_before(tmp_path: Path) -> None:
    lines(tmp_path / "1.jsonl", '{"id": 1, "n": 1}', "", '{"id": 2, "n": null}')
    lines(tmp_path / "2.jsonl", '{"id": 3, "n": 2.5, "new": "x", "ok": true}')
    rows = read("*.jsonl", tmp_path)
    assert rows["id"].tolist() == [1, 2, 3]
    assert rows["n"].tolist()[::2] == [1.0, 2.5]
    assert rows["new"].isna().tolist() == rows["ok"].isna().tolist() == [True, True, False]


@pytest.mark.parametrize("ending", ["feather", "jsonl"])
def test_a_column_added_last_week_is_null_in_older_files(tmp_path: Path, ending: str) -> None:
    for number, rows in enumerate((ROWS, ROWS.assign(new=1.5))):
        path = tmp_path / f"{number}.{ending}"
        rows.to_feather(path) if ending == "feather" else rows.to_json(path, orient="records", lines=True)
    assert read(".", tmp_path)["new"].count() == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"id": 1}\n{"id": ', r"line 2 is no JSON .*correct the line"),
        ("[1, 2]", "is no list of objects"),
        ("[1, 2", "is no JSON"),
        ('{"id": 1}\n7', "line 2 is no object"),
        ('{"id": 1}\n{"id": "a"}', "column id mixes int and str"),
        ('{"id": {"a": 1}}\n{"id": 1}', "column id is nested"),
        ("\n\n", "no line; write some first"),
        ('{"id": 1}', r"no column idd; did you mean id\?"),
    ],
)
def test_lines_that_are_no_table_are_refused_by_number_or_column(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "t.jsonl").write_text(text)
    with pytest.raises(DataError, match=rf"t\.jsonl: {said}"):
        read("t.jsonl", tmp_path, columns=("idd",) if "idd" in said else None)


def test_a_feather_file_that_is_damaged_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.feather").write_bytes(b"no table")
    with pytest.raises(DataError, match=r"t\.feather: cannot be read as Feather"):
        read("t.feather", tmp_path)


def test_numbers_of_other_pieces_do_not_change_a_lines_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from evergreen.io.sources import lines as reader

    monkeypatch.setattr(reader, "PIECE", 2)
    lines(tmp_path / "t.jsonl", *(f'{{"n": {number}}}' for number in (1, 2, 3, 4.5)))
    assert read("t.jsonl", tmp_path)["n"].tolist() == [1, 2, 3, 4.5]
    lines(tmp_path / "u.jsonl", *(f'{{"n": {number}}}' for number in ("1", "2", '"x"', "4")))
    with pytest.raises(DataError, match=r"u\.jsonl: column n mixes int and str|column n holds"):
        read("u.jsonl", tmp_path)
