from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from evergreen.errors import TrainingError
from evergreen.spec import Training
from evergreen.training import split
from evergreen.training.rows.splits import hash_shares

AS_OF = datetime(2013, 4, 1, tzinfo=UTC)
HASHES = [0.160654, 0.04589]


def table(days: int = 60, per_day: int = 8, delay: str = "1D") -> pd.DataFrame:
    time = pd.Series(pd.date_range("2013-02-01", periods=days * per_day, freq=f"{24 // per_day}h", tz="UTC", unit="us"))
    return pd.DataFrame(
        {
            "__key": np.arange(len(time)).astype(str),
            "__time": time,
            "__cut_off": time - pd.Timedelta("2h"),
            "__target": np.arange(len(time)) % 3.0,
            "__known_at": time + pd.Timedelta(delay),
            "__day": (time.dt.floor("D") - pd.Timestamp(0, tz="UTC")).dt.days.astype("int32"),
        }
    )


def test_the_holdout_is_the_newest_period_in_whole_days() -> None:
    frame = table()
    parts = split(frame, Training(holdout="14d", tuning="7d"), as_of=AS_OF)
    days = [set(frame["__day"].iloc[part]) for part in (parts.train, parts.tuning, parts.holdout)]
    labelled = frame[frame["__known_at"] <= AS_OF]
    assert len(days[2]) == 14
    assert max(days[2]) == labelled["__day"].max()
    assert not days[0] & days[1]
    assert not days[1] & days[2]
    assert len(parts.holdout) == (labelled["__day"] > labelled["__day"].max() - 14).sum()
    assert parts.boundaries["holdout_from"] == frame["__time"].iloc[parts.holdout[0]]


def test_no_label_is_used_that_was_not_known_when_the_next_part_begins() -> None:
    frame = table(delay="3D")
    parts = split(frame, Training(holdout="14d", tuning="7d"), as_of=AS_OF)
    for earlier, later in ((parts.train, parts.tuning), (parts.tuning, parts.holdout)):
        assert frame["__known_at"].iloc[earlier].max() <= frame["__cut_off"].iloc[later].min()
    assert frame["__known_at"].iloc[parts.holdout].max() <= pd.Timestamp(AS_OF)


def test_rows_without_a_label_are_in_no_part() -> None:
    frame = table()
    frame.loc[::5, ["__target"]] = np.nan
    parts = split(frame, Training(), as_of=AS_OF)
    assert frame["__target"].iloc[np.concatenate([parts.train, parts.tuning, parts.holdout])].notna().all()


def test_a_share_is_rounded_up_to_whole_days() -> None:
    frame = table(days=50)
    parts = split(frame, Training(holdout=0.21, tuning=0.2), as_of=AS_OF)
    assert len(parts.holdout) == 11 * 8
    assert frame.iloc[parts.holdout].groupby("__day").size().eq(8).all()


def test_the_holdout_does_not_begin_before_what_the_champion_has_seen() -> None:
    frame = table()
    seen_until = datetime(2013, 3, 28, 15, tzinfo=UTC)
    parts = split(frame, Training(holdout="14d", tuning="7d"), as_of=AS_OF, unseen_from=seen_until)
    assert frame["__time"].iloc[parts.holdout].min() == pd.Timestamp("2013-03-29", tz="UTC")
    with pytest.raises(TrainingError, match="no rows are left for the holdout part"):
        split(frame, Training(holdout="14d", tuning="7d"), as_of=AS_OF, unseen_from=AS_OF)


@pytest.mark.parametrize(
    ("training", "part"),
    [(Training(holdout="60d"), "tuning"), (Training(holdout="30d", tuning="31d"), "train")],
)
def test_an_empty_part_is_named(training: Training, part: str) -> None:
    with pytest.raises(TrainingError, match=f"no rows are left for the {part} part"):
        split(table(), training, as_of=AS_OF)


def test_without_a_label_nothing_is_split() -> None:
    with pytest.raises(TrainingError, match="no label was known by 2013-01-01"):
        split(table(), Training(), as_of=datetime(2013, 1, 1, tzinfo=UTC))


def test_without_time_membership_never_changes_as_the_table_grows() -> None:
    grown = pd.DataFrame({"__key": [f"c{n}" for n in range(5000)], "__target": np.arange(5000) % 2})
    small = grown.iloc[:1000].sample(frac=1, random_state=0).reset_index(drop=True)
    before, after = (split(frame, Training(), as_of=AS_OF) for frame in (small, grown))
    for part in ("train", "tuning", "holdout"):
        old = set(small["__key"].iloc[getattr(before, part)])
        assert old <= set(grown["__key"].iloc[getattr(after, part)])
    assert abs(len(after.holdout) / 5000 - 0.2) < 0.03
    assert not before.boundaries


def test_the_bucket_of_a_key_is_fixed_for_ever() -> None:
    np.testing.assert_array_equal(hash_shares(pd.Series(["a", "b"])), hash_shares(pd.Series(["a", "b"], dtype=object)))
    assert hash_shares(pd.Series(["flight-1", "7"])).tolist() == HASHES
    assert hash_shares(pd.Series([7])).tolist() == HASHES[1:]


def test_a_period_needs_a_time_column() -> None:
    frame = pd.DataFrame({"__key": ["a"], "__target": [1.0]})
    with pytest.raises(TrainingError, match=r"training\.holdout is a period but data\.time is not set"):
        split(frame, Training(holdout=timedelta(days=7)), as_of=AS_OF)


def rare_table(rows: int, positives: int) -> pd.DataFrame:
    target = np.zeros(rows)
    target[np.linspace(0, rows - 1, positives).astype(int)] = 1
    return pd.DataFrame({"__key": [f"k{row}" for row in range(rows)], "__target": target})


def test_the_tuning_part_has_its_share_of_a_rare_class() -> None:
    for positives in range(2, 40):
        frame = rare_table(3000, positives)
        parts = split(frame, Training(task="binary"), as_of=AS_OF)
        seen = frame["__target"].to_numpy()[np.concatenate([parts.train, parts.tuning])].sum()
        inside = frame["__target"].iloc[parts.tuning].sum()
        assert abs(inside - seen / 4) <= 1, (positives, inside, seen)
        if seen >= 2:
            assert inside >= 1
            assert seen - inside >= 1


def test_rows_that_are_alike_share_a_side_of_the_tuning_part() -> None:
    frame = rare_table(3000, 30)
    rare = frame["__target"] == 1
    frame.loc[rare, "__key"] = [f"twin{at // 3}" for at in range(30)]
    parts = split(frame, Training(task="binary"), as_of=AS_OF)
    sides = [set(frame["__key"].iloc[part]) for part in (parts.train, parts.tuning, parts.holdout)]
    assert not (sides[0] & sides[1])
    assert not (sides[1] & sides[2])
    assert not (sides[0] & sides[2])
    assert {name for name in sides[1] if name.startswith("twin")}


def test_no_row_changes_its_side_of_the_holdout_for_a_rare_class() -> None:
    few, many = rare_table(1500, 9), rare_table(1500, 9)
    many = pd.concat([many, rare_table(1500, 30).assign(__key=lambda rows: "n" + rows["__key"])], ignore_index=True)
    parts = [split(frame, Training(task="binary"), as_of=AS_OF) for frame in (few, many)]
    assert parts[0].holdout.tolist() == [row for row in parts[1].holdout if row < len(few)]


def test_a_quantity_of_few_values_is_not_dealt_out() -> None:
    frame = rare_table(3000, 12).assign(__target=np.arange(3000) % 150)
    parts = split(frame, Training(task="regression"), as_of=AS_OF)
    at = hash_shares(frame["__key"])
    assert parts.tuning.tolist() == np.flatnonzero((at >= 0.2) & (at < 0.4)).tolist()
