"""Whole numbers beyond 2**53 are what they were, wherever they pass."""

from __future__ import annotations

import pandas as pd
import pytest

from evergreen.whole_numbers import as_text, comparable, concat_exactly, lost_digits, nullable, settled

BIG = 2**53 + 1


def test_whole_numbers_with_nulls_are_floats_only_where_floats_hold_them() -> None:
    assert settled(pd.Series([1, None], dtype="Int64")).dtype == "float64"
    assert settled(pd.Series([2**53 - 1, None], dtype="Int64")).tolist()[0] == 2**53 - 1
    kept = settled(pd.Series([BIG, None, -5], dtype="Int64"))
    assert kept.dtype == "Int64"
    assert kept[0] == BIG
    assert settled(pd.Series([-BIG, None], dtype="Int64")).dtype == "Int64"
    assert nullable(pd.Series([2**64 - 1], dtype="uint64")).tolist() == [2**64 - 1]


def test_a_whole_number_is_written_without_a_point_whatever_its_type() -> None:
    assert as_text(pd.Series([7.0, 2.5, None])).tolist()[:2] == ["7", "2.5"]
    assert as_text(pd.Series([7.0, None])).isna().tolist() == [False, True]
    assert as_text(pd.Series([BIG, None], dtype="Int64")).tolist()[0] == str(BIG)
    assert as_text(pd.Series(["7.0", "07"])).tolist() == ["7.0", "07"]


@pytest.mark.parametrize("theirs", [pd.Series([BIG - 1, BIG, 3]), pd.Series([BIG - 1, BIG, 3], dtype="uint64")])
def test_neighbours_of_different_types_are_never_equal(theirs: pd.Series) -> None:
    ours, others = comparable(pd.Series([BIG, None, 3], dtype="Int64"), theirs)
    assert (ours[0] == others).tolist() == [False, True, False]
    assert ours.isna().tolist() == [False, True, False]
    assert ours[2] == others[2]
    floats, whole = comparable(pd.Series([2.0**53, 0.5, None]), theirs)
    assert floats[0] == whole[0]
    assert floats[0] != whole[1]


def test_the_digits_that_a_float_loses_tell_neighbours_apart() -> None:
    rest = lost_digits(pd.Series([BIG, BIG - 1, 5, -BIG, 2**63 - 1, None], dtype="Int64"))
    assert rest is not None
    assert rest.astype("int64").tolist() == [1, 0, 0, -1, -1, 0]
    assert lost_digits(pd.Series([1, 2, 3])) is None
    top = lost_digits(pd.Series([2**64 - 1, 2**64 - 2, 2**63], dtype="uint64"))
    assert top is not None
    assert len(set(top.tolist())) == 3


def test_frames_beneath_each_other_do_not_round_each_other() -> None:
    frames = [pd.DataFrame({"v": [BIG, BIG + 2]}), pd.DataFrame({"v": [1.0, None]}), pd.DataFrame({"w": [1]})]
    assert concat_exactly(frames)["v"].dropna().tolist() == [BIG, BIG + 2, 1]
