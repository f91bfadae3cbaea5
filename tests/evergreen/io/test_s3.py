from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evergreen.errors import DataError, StoreError
from evergreen.housekeeping import holdings, remove
from evergreen.io.filesystems import open_place
from evergreen.io.sources import read
from evergreen.io.store import Store
from evergreen.settings import open_workspace
from evergreen.spec import ModelSpec
from tasks.data import take_snapshot

FIRST, SECOND = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC)
ROWS = pd.DataFrame(
    {"id": [1, 2, 3], "at": pd.to_datetime(["2023-12-31 23:59", "2024-01-01 00:00", "2024-01-02 00:00"], utc=True)}
)


def put(rows: pd.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.to_parquet(path) if path.suffix == ".parquet" else rows.to_csv(path, index=False)


def large(path: Path, rows: int = 400_000) -> pd.DataFrame:
    """A table of some megabytes that do not pack."""
    frame = pd.DataFrame({"x": np.random.default_rng(0).random(rows)})
    put(frame, path)
    return frame


@pytest.mark.parametrize("ending", ["parquet", "csv", "csv.gz"])
def test_a_window_is_read_from_a_prefix_of_day_folders(bucket: Any, tmp_path: Path, ending: str) -> None:
    folder = bucket.folder / f"days-{ending}"
    for day, rows in ROWS.groupby(ROWS["at"].dt.strftime("%Y-%m-%d")):
        put(rows, folder / f"day={day}" / f"p.{ending}")
    window: dict[str, Any] = {"time": "at", "start": FIRST, "end": SECOND, "partition": "day"}
    assert read(f"{bucket.url}/days-{ending}", tmp_path, **window)["id"].tolist() == [2]
    put(ROWS.assign(id=9), folder / "day=2024-01-01" / f"later.{ending}")
    assert read(f"{bucket.url}/days-{ending}", tmp_path, **window)["id"].tolist() == [9, 2]


def test_files_that_lack_a_new_column_have_nulls_in_it(bucket: Any, tmp_path: Path) -> None:
    put(ROWS, bucket.folder / "drift" / "1.parquet")
    put(ROWS.assign(new=5), bucket.folder / "drift" / "2.parquet")
    assert read(f"{bucket.url}/drift/*.parquet", tmp_path)["new"].isna().tolist() == [True] * 3 + [False] * 3


def test_wrong_credentials_say_which_variables_to_correct(
    bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(ROWS, bucket.folder / "t.csv")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "guessed")
    with pytest.raises(DataError, match=r"^s3://bucket/t\.csv: access refused .*AWS_SECRET_ACCESS_KEY") as refused:
        read("s3://bucket/t.csv", tmp_path)
    assert "guessed" not in str(refused.value)
    with pytest.raises(StoreError, match=r"^s3://bucket/store/snapshots/.*: access refused .*AWS_PROFILE"):
        Store("s3://bucket/store").write(ROWS, "snapshots")
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(DataError, match=r"access refused .*nobody"):
        read("s3://bucket/t.csv", tmp_path)


def test_a_named_profile_brings_endpoint_and_credentials(
    bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(ROWS, bucket.folder / "t.csv")
    (tmp_path / "config").write_text(
        f"[profile lab]\nendpoint_url = http://127.0.0.1:{bucket.port}\nregion = us-east-1\n"
        "aws_access_key_id = ours\naws_secret_access_key = hush\n"
    )
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "lab")
    assert len(read("s3://bucket/t.csv", tmp_path)) == 3


def test_a_server_that_is_not_there_is_named_by_its_address(
    bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(DataError, match=r"s3://bucket/t\.csv: the connection failed.*127\.0\.0\.1:9.*run again"):
        read("s3://bucket/t.csv", tmp_path)


def test_a_key_that_is_not_there_is_told_with_the_nearest_one(bucket: Any, tmp_path: Path) -> None:
    put(ROWS, bucket.folder / "near" / "customers.csv")
    with pytest.raises(DataError, match=r"no such file or folder .*did you mean customers\.csv\?"):
        read("s3://bucket/near/custommers.csv", tmp_path)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_key_that_vanishes_after_it_was_listed_stops_the_read(
    bucket: Any, tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        put(ROWS, bucket.folder / f"gone-{ending}" / f"{number}.{ending}")
    fs, _ = open_place(bucket.url)
    listed = fs.find

    def then_remove(path: str) -> Any:
        found = listed(path)
        (bucket.folder / f"gone-{ending}" / f"2.{ending}").unlink()
        return found

    monkeypatch.setattr(fs, "find", then_remove)
    with pytest.raises(DataError, match=rf"gone-{ending}/2\.{ending}: is not there any more; run again"):
        read(f"{bucket.url}/gone-{ending}", tmp_path)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_connection_that_drops_half_way_once_is_tried_again_and_loses_no_row(
    bucket: Any, line: Callable[[int], Any], tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = large(bucket.folder / f"large.{ending}")
    cut = line(bucket.port)
    cut.after, cut.cuts = 1_000_000, 1
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{cut.port}")
    pd.testing.assert_frame_equal(read(f"{bucket.url}/large.{ending}", tmp_path), whole)
    assert cut.cuts == 0


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_connection_that_always_drops_half_way_is_an_error_and_never_half_a_table(
    bucket: Any, line: Callable[[int], Any], tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    large(bucket.folder / f"large.{ending}")
    cut = line(bucket.port)
    cut.after, cut.cuts = 1_000_000, 1_000
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{cut.port}")
    with pytest.raises(DataError, match=rf"bucket/large\.{ending}: the connection failed.*nothing of it was kept"):
        read(f"{bucket.url}/large.{ending}", tmp_path)


def test_the_store_lives_on_s3_and_is_cleaned_there(
    bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deployments").mkdir()
    monkeypatch.setenv("EVERGREEN_PROJECT", str(tmp_path))
    monkeypatch.setenv("EVERGREEN_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("EVERGREEN_STORE", "s3://bucket/tables/")
    here = open_workspace()
    store = here.store
    written = store.write(ROWS, "snapshots")
    assert written.uri.startswith("s3://bucket/tables/snapshots/")
    assert store.write(ROWS, "snapshots") == written
    pd.testing.assert_frame_equal(store.read(written.uri, ["at"]), ROWS[["at"]])
    assert store.span(written.uri, "id") == (1, 3)
    items = holdings(here, []).items
    assert [item.name for item in items] == [written.uri]
    assert not list(here.folder.glob("store*"))
    remove(here, items[0])
    with pytest.raises(StoreError, match=rf"{written.uri}: no such table"):
        store.read(written.uri)


def test_late_rows_of_an_old_window_make_a_new_snapshot_and_are_named(
    bucket: Any, project: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setenv("EVERGREEN_STORE", "s3://bucket/late/tables")
    spec = ModelSpec.model_validate(
        {
            "model": "trips",
            "data": {"source": "s3://bucket/late/in", "key": "id", "time": "at", "target": {"column": "y"}},
        }
    )
    put(ROWS.assign(y=0), bucket.folder / "late" / "in" / "1.parquet")
    first = take_snapshot.fn(open_workspace(), spec, datetime(2024, 1, 3, tzinfo=UTC))
    put(ROWS.assign(y=1, id=[4, 5, 6]).head(2), bucket.folder / "late" / "in" / "2.parquet")
    again = take_snapshot.fn(open_workspace(), spec, datetime(2024, 1, 4, tzinfo=UTC))
    assert (again.rows, again.digest != first.digest) == (first.rows + 2, True)
    assert again.uri.startswith("s3://bucket/late/tables/snapshots/")
    assert "2 rows came late, of 2023-12-31 23:59 to 2024-01-01 00:00 UTC" in caplog.text


def test_a_table_whose_upload_breaks_off_is_not_there(
    bucket: Any, line: Callable[[int], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows = large(tmp_path / "x.parquet")
    cut = line(bucket.port)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{cut.port}")
    fs, _ = open_place(bucket.url)
    send = fs.put_file

    def cut_first(here: str, there: str) -> None:
        cut.after, cut.cuts = -1, 1_000
        send(here, there)

    monkeypatch.setattr(fs, "put_file", cut_first)
    with pytest.raises(StoreError, match=r"^s3://bucket/broken/snapshots/.*: the connection failed"):
        Store("s3://bucket/broken").write(rows, "snapshots")
    cut.cuts = 0
    monkeypatch.setattr(fs, "put_file", send)
    assert Store("s3://bucket/broken").read(Store("s3://bucket/broken").write(rows, "snapshots").uri).equals(rows)
