"""Ugly files as strangers have them: init finds out how to read them, and training reads what init saw."""

import gzip
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evergreen.errors import DataError
from evergreen.io import sampling, text_samples
from evergreen.io.sampling import read_sample, take_sample
from evergreen.io.sources import lines, opening, read
from evergreen.io.sources.batches import batches

CLEAN = pd.DataFrame({"age": [31, 45, 27, 60] * 10, "town": ["Rom", "Ulm", "Bonn", "Köln"] * 10, "y": [0, 1] * 20})
LINES = CLEAN.to_csv(index=False).splitlines()


def laid(sep: str = ",", end: str = "\n") -> str:
    return end.join(line.replace(",", sep) for line in LINES) + end


def seen(path: Path) -> pd.DataFrame:
    """The sample as training will see it; what training reads has to be the same."""
    reading, frame = read_sample(take_sample(path.name, path.parent))
    pd.testing.assert_frame_equal(frame, read(path.name, path.parent, how=reading.read)[list(frame.columns)])
    pieces = pd.concat(batches(path.name, path.parent, how=reading.read), ignore_index=True)
    assert pieces.columns.tolist() == frame.columns.tolist()
    return frame


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("semicolon.csv", laid(";")),
        ("bar.txt", laid("|")),
        ("tab.dat", laid("\t")),
        ("caret.csv", laid("^")),
        ("blanks.csv", laid("   ")),
        ("comma_blank.csv", laid(", ")),
        ("carriage_returns.csv", laid(end="\r")),
        ("dos.csv", laid(end="\r\n")),
        ("blank_lines.csv", laid(end="\n\n")),
        ("no_ending", laid()),
        ("title.csv", "Customers of 2024\nexported; by hand\n" + laid()),
        ("padded_title.csv", "Customers of 2024;;\n;;\n" + laid(";")),
        ("comment.csv", "# made, by a program\n\n" + laid(";")),
        ("quoted.csv", CLEAN.to_csv(index=False, quoting=1)),
        ("list.json", CLEAN.to_json(orient="records")),
        ("lines.json", CLEAN.to_json(orient="records", lines=True)),
    ],
)
def test_the_same_table_is_found_however_it_is_laid_out(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8", newline="")
    pd.testing.assert_frame_equal(seen(tmp_path / name), CLEAN)


@pytest.mark.parametrize(("sep", "line"), [(",", ",,"), (";", " ; ;"), ("\t", "\t\t"), (",", '"","",""')])
def test_blank_lines_of_a_spreadsheet_are_left_out_counted_and_change_no_type(
    tmp_path: Path, sep: str, line: str
) -> None:
    middle = laid(sep).splitlines()
    middle[20:20] = [line] * 3
    (tmp_path / "blank.csv").write_text("\n".join([*middle, *[line] * 40]) + "\n", encoding="utf-8")
    pd.testing.assert_frame_equal(seen(tmp_path / "blank.csv"), CLEAN)
    assert "43 lines of the file hold separators alone: left out" in take_sample("blank.csv", tmp_path).reading().checks


def test_a_blank_line_inside_a_quoted_cell_belongs_to_it(tmp_path: Path) -> None:
    rows = [f'{at},"a\n,,\nb",{at % 2}' for at in range(60)]
    (tmp_path / "notes.csv").write_text("\n".join(["n,note,y", *rows, ",,"]) + "\n", encoding="utf-8")
    assert read("notes.csv", tmp_path)["note"].tolist() == ["a\n,,\nb"] * 60


def test_blank_lines_are_seen_across_the_pieces_in_which_a_file_is_read() -> None:
    text = "a,b\n1,2\n,,\n  , ,\n3,4\n,,\n"
    for size in range(1, 30):
        found = opening.Lines(io.StringIO(text), "t.csv", "", 0, ",")
        assert "".join(iter(lambda: found.read(size), "")) == "a,b\n1,2\n\n\n3,4\n\n"  # noqa: B023
        assert found.blank == 3


def test_packed_files_are_read_whatever_packs_them(tmp_path: Path) -> None:
    packed = {
        "a.csv.gz": gzip.compress(laid().encode()),
        "b.csv.zst": pa.compress(laid().encode(), codec="zstd", asbytes=True),
    }
    for name, content in packed.items():
        (tmp_path / name).write_bytes(content)
        pd.testing.assert_frame_equal(seen(tmp_path / name), CLEAN)


def test_a_line_of_names_without_the_first_one_is_as_r_writes_it(tmp_path: Path) -> None:
    rows = "\n".join(f'"{at}",{line}' for at, line in enumerate(LINES[1:], 1))
    (tmp_path / "r.csv").write_text(f"{LINES[0]}\n{rows}\n", encoding="utf-8")
    pd.testing.assert_frame_equal(seen(tmp_path / "r.csv").drop(columns="row"), CLEAN)


def test_a_separator_at_the_end_of_each_line_adds_no_column(tmp_path: Path) -> None:
    rows = "\n".join(f"{line}," for line in LINES[1:])
    (tmp_path / "t.csv").write_text(f"{LINES[0]}\n{rows}\n", encoding="utf-8")
    pd.testing.assert_frame_equal(seen(tmp_path / "t.csv"), CLEAN)


def test_files_whose_columns_drift_are_sampled_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    CLEAN[:10].drop(columns="town").to_csv(folder / "a.csv", index=False)
    CLEAN[10:][["y", "town", "age"]].assign(new=1.5).to_csv(folder / "b.csv", index=False, sep=";")
    frame = seen(folder)
    assert frame["age"].tolist() == CLEAN["age"].tolist()
    assert (frame["town"].isna().sum(), frame["new"].isna().sum()) == (10, 10)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_folders_that_name_values_are_columns_of_the_sample_and_of_each_batch(tmp_path: Path, ending: str) -> None:
    for month in (1, 2):
        folder = tmp_path / f"in/month={month}"
        folder.mkdir(parents=True)
        CLEAN.to_csv(folder / "p.csv", index=False) if ending == "csv" else CLEAN.to_parquet(folder / "p.parquet")
    assert seen(tmp_path / "in")["month"].astype("str").unique().tolist() == ["1", "2"]


def test_objects_become_columns_and_lists_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = [{"who": {"id": n, "at": {"town": "Rom"}}, "tags": ["a"], "y": n % 2} for n in range(30)]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet")
    for name in ("t.jsonl", "t.parquet"):
        assert seen(tmp_path / name).columns.tolist() == ["who.id", "who.at.town", "y"]
        assert read(name, tmp_path, columns=["who.at.town"])["who.at.town"].eq("Rom").all()
        with pytest.raises(DataError, match="column tags"):
            read(name, tmp_path, columns=["tags"])
    assert "column tags holds lists or bytes and is left out" in caplog.text


def test_types_that_no_model_knows_become_numbers_and_texts(tmp_path: Path) -> None:
    table = pa.table(
        {
            "level": pa.array(["a", "b"]).dictionary_encode(),
            "clock": pa.array([60, 120], pa.time32("s")),
            "lasts": pa.array([1500, 3000], pa.duration("ms")),
            "half": pa.array([1.5, 2.5], pa.float16()),
            "whole": pd.array([1, None], "Int64"),
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    frame = seen(tmp_path / "t.parquet")
    assert frame["clock"].tolist() == [60.0, 120.0]
    assert frame["lasts"].tolist() == [1.5, 3.0]
    assert frame.dtypes.astype("str").tolist() == ["str", "float64", "float64", "float64", "float64"]


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (b"PK\x03\x04 more", "is a workbook .*save the table in it as CSV"),
        (b"%PDF-1.7", "is a PDF"),
        (b"SQLite format 3\0", "is a database .a query reads it"),
        (b"\x80\x05 pickled", "is a pickle, which is not read because it can run code"),
    ],
)
def test_what_is_no_table_is_called_by_its_name(tmp_path: Path, head: bytes, said: str) -> None:
    (tmp_path / "book.xlsx").write_bytes(head + b"x" * 600)
    with pytest.raises(DataError, match=rf"book\.xlsx: {said}"):
        take_sample("book.xlsx", tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (laid().replace("27,Bonn", "27,Bonn,7,8", 1), r"line 4, saw 5\); correct the line"),
        (laid().replace("27", "2\0", 1), "line 4 holds a zero byte"),
        (laid().replace("27,Bonn", '27,"Bonn', 1), "a quote that opens in line 4 is never closed"),
        ("<html>\n<body>Please sign in</body>\n</html>\n", "has one column: '<html>'"),
    ],
)
def test_a_damaged_line_is_named_by_its_number_in_the_file(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "t.csv").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=rf"t\.csv: .*{said}"):
        take_sample("t.csv", tmp_path)


def _first(path: Path) -> object:
    return take_sample(path.name, path.parent)


def _all(path: Path) -> object:
    return read(path.name, path.parent)


def _pieces(path: Path) -> object:
    return list(batches(path.name, path.parent))


@pytest.mark.parametrize("reader", [_first, _all, _pieces])
@pytest.mark.parametrize(
    ("name", "before"), [("t.csv", ""), ("t.csv", "a,b\n1,2\n"), ("t.jsonl", ""), ("t.jsonl", '{"a": 1}\n')]
)
def test_a_line_without_end_is_refused_before_it_fills_the_memory(
    tmp_path: Path, reader: Callable[[Path], object], name: str, before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (opening, lines, text_samples):
        monkeypatch.setattr(module, "LONGEST", 50_000)
    monkeypatch.setattr(sampling, "_BYTES", 200_000)
    with (tmp_path / name).open("w") as file:
        file.write(before + '{"a": "')
        for _ in range(40):
            file.write("x, y " * 20_000)
    with pytest.raises(DataError, match=r"line that does not end within 50,000|first line does not end"):
        reader(tmp_path / name)


def test_cells_may_hold_ends_of_lines_in_small_and_in_large_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pd.DataFrame({"note": [f"first\nsecond, {n}" for n in range(3000)], "y": [0, 1] * 1500})
    frame.to_csv(tmp_path / "t.csv", index=False)
    pd.testing.assert_frame_equal(seen(tmp_path / "t.csv"), frame)
    monkeypatch.setattr(text_samples, "_HEADED", 7)
    monkeypatch.setattr(sampling, "_BYTES", 30_000)
    sample = take_sample("t.csv", tmp_path).raw
    assert sample["note"].str.fullmatch(r"first\nsecond, \d+").all()
    assert set(sample["y"]) == {"0", "1"}


def test_a_large_source_is_sampled_over_its_whole_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "_CELLS", 4_000)
    monkeypatch.setattr(sampling, "_BYTES", 30_000)
    frame = pd.DataFrame({"place": range(50_000), "y": [0, 1] * 25_000})
    frame.to_parquet(tmp_path / "t.parquet", row_group_size=1000)
    frame.to_csv(tmp_path / "t.csv", index=False)
    for name in ("t.parquet", "t.csv"):
        sample = take_sample(name, tmp_path)
        places = pd.to_numeric(sample.raw["place"])
        assert not sample.complete
        assert (places.min() < 5_000, places.max() > 45_000, len(places) < 8_000) == (True, True, True)


def test_decimal_commas_do_not_separate_the_fields_of_a_file_with_tabs(tmp_path: Path) -> None:
    lines = "".join(f"{20 + row}\t1,{row:02d}\t7{row % 10},5\tsmall\n" for row in range(60))
    (tmp_path / "sizes.txt").write_text("made on 2024-02-01\n\nage\theight\tweight\tkind\n" + lines, encoding="utf-8")
    frame = seen(tmp_path / "sizes.txt")
    assert frame.columns.tolist() == ["age", "height", "weight", "kind"]
    assert frame["height"].iloc[7] == 1.07


def test_a_first_line_in_which_the_target_stands_holds_names(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("2021,town\n" + "0,Rom\n1,town\n" * 30, encoding="utf-8")
    assert take_sample("t.csv", tmp_path).layout.names
    assert take_sample("t.csv", tmp_path, None, " Town").raw.columns.tolist() == ["2021", "town"]


@pytest.mark.parametrize("first", ["day", "shop"])
def test_a_total_line_is_no_row_of_a_sample_a_window_or_a_batch(tmp_path: Path, first: str) -> None:
    rows = pd.DataFrame(
        {
            "shop": [f"S{number}" for number in range(200)],
            "day": pd.date_range("2024-01-01", periods=200).strftime("%Y-%m-%d"),
            "sold": range(200),
        }
    )
    rows = rows[[first, *(name for name in rows if name != first)]]
    total = ",".join("Total" if name == first else "19900" if name == "sold" else "" for name in rows)
    (tmp_path / "t.csv").write_text(rows.to_csv(index=False) + total + "\n", encoding="utf-8")
    assert len(seen(tmp_path / "t.csv")) == 200
    how = read_sample(take_sample("t.csv", tmp_path))[0].read
    start, end = datetime(2024, 3, 1, tzinfo=UTC), datetime(2024, 4, 1, tzinfo=UTC)
    march = read("t.csv", tmp_path, columns=["sold"], time="day", start=start, end=end, how=how)
    assert march.columns.tolist() == ["sold", "day"]
    assert march["sold"].tolist() == list(range(60, 91))


def test_one_object_of_columns_is_told_from_a_table(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(CLEAN.to_json(), encoding="utf-8")
    with pytest.raises(DataError, match="one object of columns"):
        take_sample("t.json", tmp_path)
