from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from evergreen.errors import StoreError
from evergreen.io.digests import digest
from evergreen.io.store import Store


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "number": [1.5, np.nan, -0.0],
            "whole": pd.array([1, None, 3], dtype="Int64"),
            "plain": [1, 2, 3],
            "small": np.array([1, 2, 3], dtype="int32"),
            "flag": pd.array([True, None, False], dtype="boolean"),
            "text": ["a", None, ""],
            "level": pd.Categorical(["x", None, "y"], categories=["y", "x", "unused"], ordered=True),
            "moment": pd.to_datetime(["2024-01-01", None, "2024-01-03"], utc=True).as_unit("us"),
            "local": pd.to_datetime(["2024-01-01"] * 3).tz_localize("America/New_York"),
            "span": pd.to_timedelta([1, 2, 3], unit="h"),
        }
    )


def test_every_type_survives_the_store(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    stored = store.write(table(), "snapshots")
    again = store.read(stored.uri)
    pd.testing.assert_frame_equal(again, table(), check_exact=True)
    assert digest(again) == stored.digest == digest(table())
    assert stored.rows == 3


def test_some_columns_come_in_the_order_asked_for(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    uri = store.write(table(), "snapshots").uri
    assert store.read(uri, ["text", "number"]).columns.tolist() == ["text", "number"]
    with pytest.raises(StoreError, match=r"no column txt; did you mean text\?"):
        store.read(uri, ["txt"])


CHANGES: list[Callable[[pd.DataFrame], pd.DataFrame]] = [
    lambda f: f.rename(columns={"number": "figure"}),
    lambda f: f.astype({"plain": "float64"}),
    lambda f: f.astype({"small": "int64"}),
    lambda f: f.iloc[::-1],
    lambda f: f[[*f.columns[1:], f.columns[0]]],
    lambda f: f.assign(number=[1.5, 0.0, 0.0]),
    lambda f: f.assign(whole=pd.array([1, 0, 3], dtype="Int64")),
    lambda f: f.assign(flag=pd.array([True, False, False], dtype="boolean")),
    lambda f: f.assign(text=["a", "", ""]),
    lambda f: f.assign(text=["", None, "a"]),
    lambda f: f.assign(level=f["level"].cat.remove_unused_categories()),
    lambda f: f.assign(level=f["level"].cat.as_unordered()),
    lambda f: f.assign(moment=f["moment"] + pd.Timedelta("1us")),
    lambda f: f.assign(local=f["local"].dt.tz_convert("UTC")),
    lambda f: f.assign(span=f["span"] * 2),
    lambda f: f.iloc[:2],
]


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_of_a_name_a_type_or_a_value_changes_the_digest(
    change: Callable[[pd.DataFrame], pd.DataFrame],
) -> None:
    assert digest(change(table())) != digest(table())


def test_a_change_in_the_last_of_many_rows_changes_the_digest() -> None:
    rows = pd.DataFrame({"x": np.arange(300_000.0), "t": [f"row {i}" for i in range(300_000)]})
    changed = rows.copy()
    changed.loc[299_999, "t"] = "row X"
    assert digest(rows) != digest(changed)


def test_index_slices_and_chunks_do_not_change_the_digest() -> None:
    doubled = pd.concat([table(), table()])
    assert digest(doubled.iloc[3:]) == digest(table())
    assert digest(table().set_axis([7, 8, 9])) == digest(table())
    halves = pd.concat([table().iloc[:1], table().iloc[1:]])
    assert digest(halves) == digest(table())


def test_the_digest_is_the_same_in_every_process_and_release() -> None:
    rows = pd.DataFrame({"x": [1.0, np.nan], "t": ["a", None]})
    assert digest(rows) == "03c6291bb5c4749cd64805d712646c7d"


def test_an_equal_table_is_not_written_twice(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    path = Path(store.write(table(), "snapshots").uri)
    before = path.stat().st_mtime_ns
    assert store.write(table(), "snapshots").uri == str(path)
    assert path.stat().st_mtime_ns == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_full_disk_leaves_nothing_and_names_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"snapshots/.*: cannot be written \(No space left on device\); free space"):
        Store(str(tmp_path)).write(table(), "snapshots")
    assert list((tmp_path / "snapshots").iterdir()) == []
    monkeypatch.setenv("EVERGREEN_STORE", str(tmp_path))
    with pytest.raises(StoreError, match="free space or set EVERGREEN_STORE"):
        Store(str(tmp_path)).write(table(), "snapshots")


def test_a_place_that_is_no_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file")
    with pytest.raises(StoreError, match=r"store/snapshots/.*cannot be written"):
        Store(str(tmp_path / "store")).write(table(), "snapshots")


def test_what_a_killed_writer_left_is_swept_after_a_day_and_not_before(tmp_path: Path) -> None:
    folder = tmp_path / "snapshots"
    folder.mkdir()
    old, young = folder / "a.1.part", folder / "b.2.part"
    for path in (old, young):
        path.write_bytes(b"half a table")
    os.utime(old, (time.time() - 90_000,) * 2)
    Store(str(tmp_path)).write(table(), "snapshots")
    assert not old.exists()
    assert young.exists()


def test_a_missing_and_a_damaged_table_are_named(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    path = Path(store.write(table(), "snapshots").uri)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(StoreError, match="cannot be read"):
        store.read(str(path))
    path.unlink()
    with pytest.raises(StoreError, match="no such table"):
        store.read(str(path))


def test_a_column_of_two_types_cannot_be_stored(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"mixes types.*column x"):
        Store(str(tmp_path)).write(pd.DataFrame({"x": pd.Series([1, "a"], dtype=object)}), "snapshots")


def test_a_store_lives_on_any_file_system() -> None:
    store = Store("memory://bucket/store")
    stored = store.write(table(), "snapshots")
    assert store.read(stored.uri).shape == table().shape


def test_row_groups_are_small_enough_to_skip(tmp_path: Path) -> None:
    stored = Store(str(tmp_path)).write(pd.DataFrame({"x": np.arange(300_000)}), "snapshots")
    assert pq.ParquetFile(stored.uri).num_row_groups == 3


def test_what_a_reader_does_to_a_table_is_not_seen_by_the_next(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    uri = store.write(pd.DataFrame({"a": [1, 2]}), "snapshots").uri
    first = store.read(uri)
    first.loc[0, "a"] = 9
    first["b"] = 0
    assert store.read(uri).equals(pd.DataFrame({"a": [1, 2]}))


def test_a_table_that_is_gone_is_not_read_from_memory(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    uri = store.write(pd.DataFrame({"a": [1, 2]}), "snapshots").uri
    store.read(uri)
    Path(uri).unlink()
    with pytest.raises(StoreError, match="no such table"):
        store.read(uri)


@pytest.mark.parametrize("large", [0, 2**40])
def test_rows_are_read_by_their_positions_whether_a_table_is_kept_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: int
) -> None:
    monkeypatch.setattr("evergreen.io.tables._LARGE", large)
    monkeypatch.setattr("evergreen.io.tables._ROW_GROUP", 7)
    frame = pd.DataFrame({"key": np.arange(40), "text": [f"t{n}" if n % 3 else None for n in range(40)]})
    frame["text"] = frame["text"].astype("str")
    store = Store(str(tmp_path))
    uri = store.write(frame, "features").uri
    assert store.columns(uri) == ["key", "text"]
    for places in ([3, 6, 7, 20, 39], list(range(5, 30)), list(range(40)), []):
        wanted = frame.iloc[places].reset_index(drop=True)
        found = store.read(uri, rows=np.array(places, dtype=np.int64))
        pd.testing.assert_frame_equal(found, wanted)
        found = store.read(uri, ["text"], np.array(places, dtype=np.int64))
        pd.testing.assert_frame_equal(found, wanted[["text"]])


def test_only_a_column_whose_values_repeat_is_written_with_a_dictionary(tmp_path: Path) -> None:
    rows = 5000
    frame = pd.DataFrame({"new": np.arange(rows) / 7, "again": np.arange(rows) % 5 / 7})
    stored = Store(str(tmp_path)).write(frame, "features")
    group = pq.ParquetFile(stored.uri).metadata.row_group(0)
    encodings = {group.column(at).path_in_schema: group.column(at).encodings for at in range(2)}
    assert not any("DICTIONARY" in one for one in encodings["new"])
    assert any("DICTIONARY" in one for one in encodings["again"])


def test_a_digest_does_not_depend_on_how_many_values_are_hashed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = digest(table())
    monkeypatch.setattr("evergreen.io.digests._AT_A_TIME", 2)
    assert digest(table()) == whole
