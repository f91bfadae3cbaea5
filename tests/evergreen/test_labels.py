from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from evergreen.handoffs import KEY, KNOWN_AT, TARGET, TIME
from evergreen.labels import join_labels, maturity, new_labels
from evergreen.spec import Target

MAY = datetime(2026, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)
NONE = pd.DataFrame({KEY: pd.Series(dtype="str"), TARGET: pd.Series(dtype="float64")}).assign(
    **{TIME: pd.Series(dtype="datetime64[us, UTC]"), KNOWN_AT: pd.Series(dtype="datetime64[us, UTC]")}
)


def labels(values: dict[object, object], known: datetime = MAY) -> pd.DataFrame:
    frame = pd.DataFrame({KEY: list(values), TARGET: pd.Series(list(values.values()))})
    frame[TIME] = pd.Series(pd.Timestamp(MAY - DAY), index=frame.index).dt.as_unit("us")
    moment = pd.Series(pd.Timestamp(known), index=frame.index).dt.as_unit("us")
    return frame.assign(**{KNOWN_AT: moment.where(frame[TARGET].notna())})


def scored(rows: int, labelled: int = 0, late: int = 0) -> pd.DataFrame:
    frame = pd.DataFrame({KEY: [f"k{n}" for n in range(rows)], "late": [n < late for n in range(rows)]})
    return frame.assign(**{TARGET: [1.0 if n < labelled else np.nan for n in range(rows)]})


def test_labels_enter_once_however_often_they_are_read() -> None:
    found = labels({"a": 1.0, "b": 0.0, "c": np.nan})
    fresh, corrected = new_labels(found, NONE, MAY)
    assert fresh[KEY].tolist() == ["a", "b"]
    assert corrected == 0
    again, corrected = new_labels(found, fresh, MAY + DAY)
    assert (len(again), corrected) == (0, 0)


def test_a_label_that_contradicts_an_earlier_one_is_a_new_row_known_from_now_on() -> None:
    fresh, corrected = new_labels(labels({"a": 0.0, "b": 0.0}), labels({"a": 1.0, "b": 0.0}), MAY + DAY)
    assert fresh[KEY].tolist() == ["a"]
    assert corrected == 1
    assert fresh[KNOWN_AT][0] == MAY + DAY


def test_a_label_that_was_taken_back_leaves_the_earlier_one() -> None:
    fresh, corrected = new_labels(labels({"a": np.nan}), labels({"a": 1.0}), MAY)
    assert (len(fresh), corrected) == (0, 0)


@pytest.mark.parametrize(("ours", "theirs"), [({7: 1.0}, {"7": 1.0}), ({"a": 1}, {"a": 1.0}), ({"a": "x"}, {"a": "x"})])
def test_equal_labels_are_equal_whatever_type_the_source_gives_them(
    ours: dict[object, object], theirs: dict[object, object]
) -> None:
    fresh, corrected = new_labels(labels(ours), labels(theirs), MAY)
    assert (len(fresh), corrected) == (0, 0)


def test_of_rows_without_a_key_of_their_own_the_last_label_counts_and_stays() -> None:
    twins = pd.concat([labels({"a": 0.0}), labels({"a": 1.0})], ignore_index=True)
    fresh, _ = new_labels(twins, NONE, MAY)
    assert fresh[TARGET].tolist() == [1.0]
    assert len(new_labels(twins, fresh, MAY)[0]) == 0


def test_each_prediction_gets_the_newest_label_known_at_the_time() -> None:
    ledger = pd.concat([labels({"k0": 0.0, "k1": 1.0, "stranger": 1.0}), labels({"k0": 1.0}, MAY + 3 * DAY)])
    rows = scored(3).drop(columns=TARGET)
    first = join_labels(rows, ledger, MAY + DAY)
    assert first.rows[TARGET].tolist()[:2] == [0.0, 1.0]
    assert np.isnan(first.rows[TARGET][2])
    assert (first.unknown, first.unlabelled) == (1, 1)
    assert join_labels(rows, ledger, MAY + 3 * DAY).rows[TARGET][0] == 1.0
    assert join_labels(rows, ledger, MAY - DAY).rows[TARGET].isna().all()


def test_predictions_without_any_label_are_kept() -> None:
    joined = join_labels(scored(3).drop(columns=TARGET), NONE, MAY)
    assert joined.unlabelled == len(joined.rows) == 3


def test_labels_that_come_early_make_no_number_before_the_last_is_due() -> None:
    target = Target(column="late", delay=DAY)
    ripe, words = maturity(scored(500, labelled=500), MAY, target, MAY + DAY / 2, 0.8, 200)
    assert not ripe
    assert words == "not enough labels yet: the last are due at 2026-05-02 00:00 UTC"
    assert maturity(scored(500, labelled=500), MAY, target, MAY + DAY, 0.8, 200)[0]


def test_too_few_labels_are_words_and_no_number() -> None:
    target = Target(column="late", delay=DAY)
    assert maturity(scored(6511, labelled=1204), MAY, target, MAY + 9 * DAY, 0.8, 200) == (
        False, "not enough labels yet: 1,204 of 6,511 rows (18 %), 80 % needed",
    )  # fmt: skip
    assert maturity(scored(150, labelled=150), MAY, target, MAY + 9 * DAY, 0.8, 200) == (
        False, "not enough labels yet: 150 of 150 rows (100 %), 200 rows needed",
    )  # fmt: skip
    assert maturity(scored(0), MAY, target, MAY + 9 * DAY, 0.8, 200) == (False, "no rows were scored in time")


def test_late_rows_count_for_nothing() -> None:
    target = Target(column="late")
    # The 300 late rows are the labelled ones: of those in time none is.
    assert not maturity(scored(600, labelled=300, late=300), MAY, target, MAY, 0.8, 200)[0]
    assert maturity(scored(600, labelled=600, late=300), MAY, target, MAY, 0.8, 200)[1] == (
        "labels are known for 300 of 300 rows (100 %)"
    )


def test_without_a_delay_coverage_alone_decides() -> None:
    target = Target(column="late", known_at="settled", delay=30 * DAY)
    assert maturity(scored(500, labelled=450), MAY, target, MAY, 0.8, 200)[0]
