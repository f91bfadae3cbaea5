from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from evergreen.monitoring import past_windows, window_codes, window_of, windows_between

WEEK, HOUR = timedelta(days=7), timedelta(hours=1)
ZONE = "America/New_York"


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE)).astimezone(UTC)


def test_weeks_begin_on_local_mondays_through_clock_changes() -> None:
    bounds = windows_between(local("2013-03-01"), local("2013-04-15"), WEEK, ZONE)
    starts = [start.astimezone(ZoneInfo(ZONE)) for start, _ in bounds]
    assert [start.strftime("%a %H:%M") for start in starts] == ["Mon 00:00"] * 6
    assert bounds[0][0] == local("2013-03-04")
    assert bounds[0][1] - bounds[0][0] == WEEK - HOUR  # the clocks went forward on the 10th
    assert all(end == start for (_, end), (start, _) in itertools.pairwise(bounds))


def test_only_whole_windows_lie_between_two_moments() -> None:
    assert windows_between(local("2013-04-02"), local("2013-04-14"), WEEK, ZONE) == []
    assert len(windows_between(local("2013-04-01"), local("2013-04-15"), WEEK, ZONE)) == 2


@pytest.mark.parametrize("length", [WEEK, timedelta(days=1), HOUR, timedelta(minutes=7)])
def test_a_moment_lies_in_its_window_and_a_boundary_in_the_later_one(length: timedelta) -> None:
    moment = local("2013-11-03T01:30")
    start, end = window_of(moment, length, ZONE)
    assert start <= moment < end
    assert window_of(end, length, ZONE)[0] == end
    assert window_of(end - timedelta(microseconds=1), length, ZONE) == (start, end)


def test_rows_get_the_code_of_their_window_and_others_none() -> None:
    bounds = windows_between(local("2013-04-01"), local("2013-04-15"), WEEK, ZONE)
    times = pd.Series([local("2013-03-31T23:59"), bounds[0][0], bounds[0][1], bounds[1][1]]).dt.as_unit("us")
    assert window_codes(times, bounds).tolist() == [-1, 0, 1, -1]


def test_the_windows_of_a_table_hold_all_of_its_rows() -> None:
    times = pd.Series(pd.date_range("2013-01-01", "2013-03-31", freq="6h", tz="UTC")).dt.as_unit("us")
    bounds, codes = past_windows(times, WEEK, ZONE)
    assert codes.min() == 0
    assert codes.max() == len(bounds) - 1
