from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evergreen.errors import SpecError
from evergreen.handoffs import CUT_OFF, DAY, KEY, TARGET, TIME, ModelVersion
from evergreen.scoring import Before, due, nothing, predictions

MAY = datetime(2026, 5, 1, tzinfo=UTC)
LEAD = timedelta(hours=2)
VERSION = ModelVersion("churn", 3, "m", "run", "sha", "{}", MAY - timedelta(days=9), MAY, "binary", ("no", "yes"))


def rows(*hours: float) -> pd.DataFrame:
    """Rows whose events lie so many hours after 1 May."""
    times = pd.Series([MAY + timedelta(hours=hour) for hour in hours]).dt.as_unit("us")
    frame = pd.DataFrame({KEY: [f"k{hour:g}" for hour in hours], TIME: times, CUT_OFF: times - LEAD})
    more: dict[str, Any] = {DAY: np.int32(1), TARGET: np.nan, "plan": "basic", "code": 7}
    return frame.assign(**more)


def said(frame: pd.DataFrame, values: object = None, **more: object) -> pd.DataFrame:
    given = np.full(len(frame), 0.5) if values is None else np.asarray(values, dtype=float)
    return predictions(frame, given, VERSION, (), MAY + timedelta(days=7), **more)  # type: ignore[arg-type]


def before(frame: pd.DataFrame, hours: int, late: bool = False) -> Before:
    return Before(((MAY - LEAD, MAY + timedelta(hours=hours)),), frame[[KEY]].assign(late=late))


def test_what_was_not_scored_yet_is_due_from_the_last_cut_off_or_the_crown() -> None:
    day = timedelta(days=1)
    assert due(MAY, MAY - day, MAY + day) == (MAY, MAY + day)
    assert due(None, MAY - day, MAY + day) == (MAY - day, MAY + day)


def test_nothing_is_due_twice_and_nothing_when_the_clock_jumps_back() -> None:
    assert due(MAY, MAY - LEAD, MAY) is None
    assert due(MAY, MAY - LEAD, MAY - LEAD) is None
    assert due(None, MAY, MAY - LEAD) is None


def test_a_first_scoring_of_a_past_week_marks_nothing_late() -> None:
    assert not said(rows(3, 40, 160)).late.any()


def test_a_row_that_was_not_there_when_its_cut_off_was_scored_is_late_once_its_event_has_passed() -> None:
    held = before(rows(3), hours=24 * 9)
    table = said(rows(3, 4, 24 * 7 + 1), known=held)
    # The last one has an event that is still to come: it was seen in time.
    assert table.late.tolist() == [False, True, False]


def test_a_row_beyond_what_was_scored_before_is_seen_for_the_first_time() -> None:
    held = before(rows(3), hours=10)
    # Cut-offs: 1 hour, exactly 10 hours (scored before), just after (not).
    table = said(rows(3, 12, 12.1), known=held)
    assert table.late.tolist() == [False, True, False]


def test_a_row_that_was_late_once_stays_late() -> None:
    assert said(rows(3), known=before(rows(3), hours=24, late=True)).late.all()


def test_rows_of_a_time_that_the_version_was_fitted_on_never_count_as_live() -> None:
    assert said(rows(-24 * 10, 3)).late.tolist() == [True, False]


def test_without_a_time_a_row_whose_label_was_known_first_is_late() -> None:
    frame = pd.DataFrame({KEY: [1, 2, 3], TARGET: [1.0, np.nan, 0.0]})
    held = Before((), pd.DataFrame({KEY: [3], "late": [False]}))
    table = said(frame, known=held)
    assert list(table.columns) == [KEY, "scored_at", "version", "prediction", "decision", "late"]
    assert table.late.tolist() == [True, False, False]


def test_keys_that_changed_their_type_are_still_known() -> None:
    frame = rows(3).assign(**{KEY: [17]})
    assert not said(frame, known=before(frame.assign(**{KEY: ["17"]}), hours=24)).late.any()


def test_a_binary_prediction_is_the_probability_of_class_one_with_the_name_of_the_decision() -> None:
    table = said(rows(3, 4, 5), [0.2, 0.5, 0.9])
    assert table.prediction.tolist() == [0.2, 0.5, 0.9]
    assert table.decision.tolist() == ["no", "yes", "yes"]
    assert (table.version == 3).all()
    assert table.scored_at.dtype == "datetime64[us, UTC]"


def test_a_prediction_among_several_classes_keeps_every_probability() -> None:
    version = replace(VERSION, task="multiclass", classes=("a", "b", "c"))
    table = predictions(rows(3, 4), np.array([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]]), version, (), MAY)
    assert table.prediction.tolist() == [1.0, 2.0]
    assert table.decision.tolist() == ["b", "c"]
    assert table[["p_0", "p_1", "p_2"]].to_numpy().tolist() == [[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]]


def test_a_quantity_is_its_own_decision() -> None:
    table = predictions(rows(3), np.array([41.5]), replace(VERSION, task="regression", classes=()), (), MAY)
    assert (table.prediction[0], table.decision[0]) == (41.5, 41.5)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_no_rows_give_no_predictions(task: str) -> None:
    version = replace(VERSION, task=task, classes=() if task == "regression" else ("a", "b"))  # type: ignore[arg-type]
    values = np.empty((0, 2)) if task == "multiclass" else np.empty(0)
    assert predictions(rows(3).head(0), values, version, ("plan",), MAY).empty


def test_slices_go_along_as_text() -> None:
    table = predictions(rows(3), np.array([0.4]), VERSION, ("plan", "code"), MAY)
    assert table[["plan", "code"]].to_numpy().tolist() == [["basic", "7"]]


@pytest.mark.parametrize(("name", "words"), [("plam", "did you mean plan"), ("prediction", "column of the ledger")])
def test_a_slice_that_cannot_be_kept_is_refused(name: str, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        predictions(rows(3), np.array([0.4]), VERSION, (name,), MAY)


def test_of_rows_that_share_a_key_one_is_kept() -> None:
    table = said(pd.concat([rows(3), rows(3), rows(4)], ignore_index=True), [0.1, 0.2, 0.3])
    assert table.prediction.tolist() == [0.1, 0.3]


def test_an_empty_range_has_the_same_columns_as_a_full_one() -> None:
    assert set(said(rows(3)).columns) - {DAY} == set(nothing(timed=True).columns)
    untimed = said(pd.DataFrame({KEY: [1], TARGET: [1.0]}))
    assert set(untimed.columns) == set(nothing(timed=False).columns)
