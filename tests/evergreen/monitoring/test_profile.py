from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from evergreen.errors import DataError
from evergreen.monitoring import Profile, build_profile, count, from_json, to_json

START = datetime(2026, 1, 5, tzinfo=UTC)
BOUNDS = [(START + timedelta(days=7 * k), START + timedelta(days=7 * (k + 1))) for k in range(4)]
ROWS = 4_000
WINDOWS = np.repeat(np.arange(4), ROWS // 4)


def reference() -> pd.DataFrame:
    rng = np.random.default_rng(7)
    frame = pd.DataFrame(
        {
            "wind": rng.normal(size=ROWS),
            "stops": rng.integers(0, 4, ROWS),
            "rain": np.where(rng.random(ROWS) < 0.7, 0.0, rng.exponential(size=ROWS)),
            "carrier": rng.choice(["UA", "DL", "B6"], ROWS),
            "tail": rng.integers(0, 80, ROWS).astype(str),
            "late": rng.random(ROWS) < 0.3,
            "route": rng.integers(0, 5, ROWS),
            "seen_at": pd.Timestamp("2026-01-05", tz="UTC") + pd.to_timedelta(np.arange(ROWS), unit="min"),
        }
    )
    frame.loc[::10, ["wind", "carrier"]] = None
    return frame


def profile_of(frame: pd.DataFrame, predictions: np.ndarray | None = None) -> Profile:
    return build_profile(frame, list(frame.columns), ["route"], WINDOWS, BOUNDS, predictions)


def summed(profile: Profile, name: str) -> tuple[int, ...]:
    column = next(column for column in profile.every if column.name == name)
    return tuple(np.sum(column.counts, axis=0).tolist())


def test_the_reference_counted_as_a_live_window_is_the_sum_of_its_windows() -> None:
    frame, scores = reference(), np.random.default_rng(1).random(ROWS)
    profile = profile_of(frame, scores)
    counts = count(frame, profile, scores)
    assert counts.cells == {column.name: summed(profile, column.name) for column in profile.every}
    assert set(counts.unseen.values()) == {0}
    assert counts.missing == {name: 400 if name in ("wind", "carrier") else 0 for name in counts.cells}


def test_every_row_falls_into_one_cell_whatever_it_holds() -> None:
    frame = reference()
    profile = profile_of(frame)
    live = frame.assign(
        wind=np.resize([np.nan, np.inf, -np.inf, 1e9, -1e9, 0.5], ROWS),
        carrier=np.resize(np.array(["UA", "XX", None], dtype=object), ROWS),
    )
    counts = count(live, profile)
    assert {sum(cells) for cells in counts.cells.values()} == {ROWS}
    assert counts.missing["wind"] == np.count_nonzero(~np.isfinite(live["wind"]))
    assert counts.unseen["wind"] == np.count_nonzero(np.abs(live["wind"]) == 1e9)
    assert counts.unseen_levels["carrier"] == ("XX",)


def test_a_number_is_cut_at_its_quantiles_and_each_cell_holds_its_lower_edge() -> None:
    frame = reference()
    column = profile_of(frame).columns[0]
    inner = np.sum(column.counts, axis=0)[1:-2]
    assert len(inner) == 20
    assert np.ptp(inner) <= 4
    live = pd.DataFrame({"wind": [column.edges[3]]})
    assert count(live.assign(**{n: None for n in frame if n != "wind"}), profile_of(frame)).cells["wind"][4] == 1


def test_a_value_that_repeats_has_a_cell_of_its_own() -> None:
    frame = reference()
    profile = profile_of(frame)
    zeros = int((frame["rain"] == 0).sum())
    assert zeros in summed(profile, "rain")
    assert sorted(n for n in summed(profile, "stops") if n) == sorted(frame["stops"].value_counts())


def test_levels_beyond_the_fifty_most_frequent_share_a_cell_but_are_not_unseen() -> None:
    frame = reference()
    profile = profile_of(frame)
    tail = next(column for column in profile.columns if column.name == "tail")
    assert (len(tail.levels), len(tail.rare or ())) == (50, 30)
    live = frame.assign(tail=np.where(np.arange(ROWS) < 40, "new", frame["tail"]))
    counts = count(live, profile)
    assert counts.unseen["tail"] == 40
    assert counts.unseen_levels["tail"] == ("new",)


def test_too_many_levels_to_keep_make_unseen_ones_impossible_to_tell() -> None:
    frame = pd.DataFrame({"id": np.arange(6_000).astype(str)})
    profile = build_profile(frame, ["id"], [], np.zeros(6_000, np.int64), BOUNDS[:1], None)
    assert profile.columns[0].rare is None
    assert count(frame, profile).unseen["id"] == -1


def test_at_most_ten_unseen_levels_are_named_and_the_most_frequent_first() -> None:
    frame = reference()
    new = np.array([f"n{k:02d}" for k in range(20)] + ["often"] * 20)
    counts = count(frame.assign(carrier=np.resize(new, ROWS)), profile_of(frame))
    assert counts.unseen["carrier"] == ROWS
    assert len(counts.unseen_levels["carrier"]) == 10
    assert counts.unseen_levels["carrier"][0] == "often"


@pytest.mark.parametrize("dtype", ["int64", "Int64", "float64", "category", "object", "str"])
def test_a_level_is_the_same_whatever_type_a_window_gives_it(dtype: str) -> None:
    frame = reference()
    counts = count(frame.assign(route=frame["route"].astype(dtype)), profile_of(frame))
    assert counts.cells["route"] == summed(profile_of(frame), "route")


@pytest.mark.parametrize("dtype", ["Float64", "float32", "object"])
def test_a_number_is_counted_whatever_type_a_window_gives_it(dtype: str) -> None:
    frame = reference()
    counts = count(frame.assign(wind=frame["wind"].astype(dtype)), profile_of(frame))
    close = np.abs(np.subtract(counts.cells["wind"], summed(profile_of(frame), "wind")))
    assert close.max() <= (1 if dtype == "float32" else 0)  # rounding may move a value that is itself an edge
    assert counts.missing["wind"] == 400


def test_a_time_runs_on_and_only_its_missing_values_count() -> None:
    frame = reference()
    later = frame.assign(seen_at=frame["seen_at"] + pd.Timedelta(days=300))
    later.loc[:99, "seen_at"] = pd.NaT
    counts = count(later, profile_of(frame))
    assert (counts.missing["seen_at"], counts.unseen["seen_at"]) == (100, 0)
    assert sorted(counts.cells["seen_at"])[-2:] == [100, ROWS - 100]


def test_a_column_that_is_not_there_counts_as_missing_throughout() -> None:
    frame = reference()
    counts = count(frame.drop(columns="wind"), profile_of(frame))
    assert counts.absent == ("wind",)
    assert counts.missing["wind"] == ROWS


def test_a_column_without_a_value_in_the_reference_shows_when_values_come() -> None:
    frame = reference().assign(wind=np.nan)
    assert count(reference(), profile_of(frame)).unseen["wind"] == ROWS - 400


def test_rows_outside_every_reference_window_are_not_counted() -> None:
    frame = reference()
    windows = np.where(np.arange(ROWS) < 500, -1, WINDOWS)
    profile = build_profile(frame, ["wind"], [], windows, BOUNDS, None)
    assert [rows for _, _, rows in profile.windows] == [500, 1000, 1000, 1000]
    assert sum(map(sum, profile.columns[0].counts)) == 3_500


def test_each_class_of_a_multiclass_model_has_a_profile_of_its_predictions() -> None:
    scores = np.random.default_rng(2).dirichlet([1, 1, 1], ROWS)
    frame = reference()
    profile = profile_of(frame, scores)
    assert [column.name for column in profile.prediction] == ["prediction/0", "prediction/1", "prediction/2"]
    assert count(frame, profile, scores).cells["prediction/2"] == summed(profile, "prediction/2")


def test_a_profile_comes_back_from_json_as_it_was() -> None:
    frame = reference().assign(empty=np.nan)
    profile = profile_of(frame, np.random.default_rng(1).random(ROWS))
    assert from_json(to_json(profile)) == profile


def test_counting_leaves_the_rows_as_they_were() -> None:
    frame = reference()
    before = frame.copy()
    count(frame, profile_of(frame))
    pd.testing.assert_frame_equal(frame, before)


def test_a_profile_of_a_column_that_is_not_there_is_refused() -> None:
    with pytest.raises(DataError, match="no column height"):
        build_profile(reference(), ["height"], [], WINDOWS, BOUNDS, None)


def test_an_empty_window_has_empty_cells() -> None:
    frame = reference()
    counts = count(frame.iloc[:0], profile_of(frame))
    assert counts.rows == 0
    assert {sum(cells) for cells in counts.cells.values()} == {0}
