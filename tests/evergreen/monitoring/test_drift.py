from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from evergreen.handoffs import ColumnDrift
from evergreen.monitoring import Profile, build_profile, count, find_drift
from evergreen.monitoring.drift import adjust

START = datetime(2026, 1, 5, tzinfo=UTC)
COLUMNS, CATEGORIES = 30, [f"c{j}" for j in range(20, 30)]


def draw(rng: np.random.Generator, windows: int, rows: int, days: int = 0, share: float = 0.0) -> pd.DataFrame:
    """Windows of ``rows`` rows on ``days`` days; ``share`` of each column's variance is common to the rows of a day."""
    values = np.sqrt(1 - share) * rng.normal(size=(windows * rows, COLUMNS))
    if days:
        day = np.arange(windows * rows) * days // rows
        values += np.sqrt(share) * rng.normal(size=(windows * days, COLUMNS))[day]
    frame = pd.DataFrame(values, columns=[f"c{j}" for j in range(COLUMNS)])
    for name in CATEGORIES:
        frame[name] = np.digitize(frame[name], [-1, 0, 1])
    return frame


def profile_of(frame: pd.DataFrame, windows: int, predictions: np.ndarray | None = None) -> Profile:
    bounds = [(START + timedelta(days=7 * k), START + timedelta(days=7 * (k + 1))) for k in range(windows)]
    number = np.arange(len(frame)) * windows // len(frame)
    return build_profile(frame, list(frame.columns), CATEGORIES, number, bounds, predictions)


def alarms(seed: int, windows: int, rows: int, days: int = 0, share: float = 0.0, live: int = 20) -> list[bool]:
    """Whether any column of each of ``live`` windows like the reference is found to have drifted."""
    rng = np.random.default_rng(seed)
    profile = profile_of(draw(rng, windows, rows, days, share), windows)
    fresh = [draw(rng, 1, rows, days, share) for _ in range(live)]
    return [any(found.drifted for found in find_drift(profile, count(frame, profile))) for frame in fresh]


def found(drift: tuple[ColumnDrift, ...]) -> list[str]:
    return [column.name for column in drift if column.drifted]


@pytest.fixture(scope="module")
def profile() -> Profile:
    rng = np.random.default_rng(11)
    return profile_of(draw(rng, 26, 1_000), 26, rng.random(26_000))


@pytest.fixture
def live() -> pd.DataFrame:
    return draw(np.random.default_rng(12), 1, 1_000)


def test_windows_like_the_reference_raise_an_alarm_in_under_two_percent() -> None:
    assert np.mean([alarms(seed, 12, 500) for seed in range(12)]) < 0.02


@pytest.mark.parametrize(("windows", "days"), [(5, 1), (12, 7), (26, 1)])
def test_days_whose_rows_are_alike_raise_an_alarm_in_under_five_percent(windows: int, days: int) -> None:
    assert np.mean([alarms(seed, windows, 700, days, share=0.05, live=10) for seed in range(12)]) < 0.05


def test_a_shift_of_half_a_standard_deviation_is_found_and_nothing_else(profile: Profile, live: pd.DataFrame) -> None:
    drift = find_drift(profile, count(live.assign(c3=live["c3"] + 0.5), profile))
    assert found(drift) == ["c3"]
    assert 0.15 < drift[3].effect < 0.25


def test_a_shift_is_found_where_days_are_alike() -> None:
    rng = np.random.default_rng(5)
    profile = profile_of(draw(rng, 26, 1_400, 7, share=0.05), 26)
    live = draw(rng, 1, 1_400, 7, share=0.05)
    assert found(find_drift(profile, count(live.assign(c3=live["c3"] + 1.0), profile))) == ["c3"]


def test_a_change_of_spread_is_found(profile: Profile, live: pd.DataFrame) -> None:
    assert found(find_drift(profile, count(live.assign(c3=live["c3"] * 1.6), profile))) == ["c3"]


def test_an_unseen_level_is_found_and_named(profile: Profile, live: pd.DataFrame) -> None:
    new = live["c25"].astype(str).where(np.arange(1_000) >= 60, "night")
    drift = find_drift(profile, count(live.assign(c25=new), profile))
    assert found(drift) == ["c25"]
    assert drift[25].unseen == 0.06
    assert "6.0% unseen levels (night)" in drift[25].reason


@pytest.mark.parametrize("name", ["c3", "c25"])
def test_a_column_that_turns_all_missing_is_found(profile: Profile, live: pd.DataFrame, name: str) -> None:
    drift = find_drift(profile, count(live.assign(**{name: None}), profile))
    assert found(drift) == [name]
    column = next(column for column in drift if column.name == name)
    assert (column.missing, round(column.effect, 2)) == (1.0, 1.0)
    assert "missing 100.0% (reference 0.0%)" in column.reason


def test_a_column_that_is_gone_is_found_and_called_so(profile: Profile, live: pd.DataFrame) -> None:
    drift = find_drift(profile, count(live.drop(columns="c3"), profile))
    assert found(drift) == ["c3"]
    assert drift[3].reason.endswith("the column is not there")


def test_missing_values_that_grow_from_nothing_to_a_tenth_are_found(profile: Profile, live: pd.DataFrame) -> None:
    gap = live["c3"].where(np.arange(1_000) >= 100)
    assert found(find_drift(profile, count(live.assign(c3=gap), profile))) == ["c3"]


def test_a_column_that_never_varied_is_found_when_it_does(live: pd.DataFrame) -> None:
    frame = draw(np.random.default_rng(3), 8, 500).assign(c3=1.0)
    profile = profile_of(frame, 8)
    assert found(find_drift(profile, count(live.assign(c3=1.0), profile))) == []
    assert found(find_drift(profile, count(live.assign(c3=2.0), profile))) == ["c3"]


def test_predictions_that_move_are_one_more_column(profile: Profile, live: pd.DataFrame) -> None:
    scores = np.random.default_rng(1).random(1_000)
    assert found(find_drift(profile, count(live, profile, scores))) == []
    assert found(find_drift(profile, count(live, profile, scores**2))) == ["prediction"]


def test_a_difference_too_small_to_matter_is_no_drift_however_many_rows() -> None:
    rng = np.random.default_rng(9)
    profile = profile_of(draw(rng, 12, 20_000), 12)
    live = draw(rng, 1, 20_000)
    drift = find_drift(profile, count(live.assign(c3=live["c3"] + 0.1), profile))
    assert drift[3].p_value < 0.001
    assert found(drift) == []
    assert found(find_drift(profile, count(live.assign(c3=live["c3"] + 0.1), profile), effect=0.02)) == ["c3"]


def test_a_small_window_is_held_to_its_own_chance() -> None:
    rng = np.random.default_rng(4)
    profile = profile_of(draw(rng, 12, 5_000), 12)
    small = [find_drift(profile, count(draw(rng, 1, 250), profile)) for _ in range(100)]
    assert sum(bool(found(drift)) for drift in small) <= 2


def test_false_discoveries_are_kept_where_some_columns_do_drift(profile: Profile) -> None:
    rng = np.random.default_rng(21)
    moved, shares = [f"c{j}" for j in range(5)], []
    for _ in range(40):
        live = draw(rng, 1, 1_000)
        live[moved] += 0.7
        names = found(find_drift(profile, count(live, profile)))
        assert set(moved) <= set(names)
        shares.append(1 - len(moved) / len(names))
    assert np.mean(shares) <= 0.01


def test_too_few_rows_are_not_judged(profile: Profile, live: pd.DataFrame) -> None:
    drift = find_drift(profile, count(live.iloc[:150] + 9, profile))
    assert found(drift) == []
    assert drift[0].reason == "c0: 150 rows, under 200: not judged"


def test_too_few_reference_windows_give_a_distance_but_no_verdict(live: pd.DataFrame) -> None:
    profile = profile_of(draw(np.random.default_rng(3), 3, 500), 3)
    drift = find_drift(profile, count(live + 9, profile))
    assert found(drift) == []
    assert drift[0].effect > 0.9
    assert "3 reference windows, under 4: not judged" in drift[0].reason


def test_an_empty_window_is_not_judged(profile: Profile, live: pd.DataFrame) -> None:
    drift = find_drift(profile, count(live.iloc[:0], profile))
    assert found(drift) == []
    assert np.isnan(drift[0].missing)


def test_reference_windows_without_rows_are_no_windows(live: pd.DataFrame) -> None:
    frame = draw(np.random.default_rng(3), 3, 500)
    bounds = [(START, START + timedelta(days=7))] * 6
    profile = build_profile(frame, list(frame), CATEGORIES, np.arange(1_500) // 500, bounds, None)
    assert "3 reference windows" in find_drift(profile, count(live, profile))[0].reason


def test_p_values_are_adjusted_as_in_the_paper_and_what_was_not_tested_is_left_out() -> None:
    adjusted = adjust(np.array([0.01, np.nan, 0.04, 0.03, 0.5]))
    np.testing.assert_allclose(adjusted, [0.04, np.nan, 0.16 / 3, 0.16 / 3, 0.5])


@pytest.mark.parametrize("name", ["c3", "c25"])
def test_four_reference_windows_are_enough_to_find_that_a_column_is_gone(live: pd.DataFrame, name: str) -> None:
    profile = profile_of(draw(np.random.default_rng(3), 4, 1_000), 4)
    assert found(find_drift(profile, count(live.drop(columns=name), profile))) == [name]
