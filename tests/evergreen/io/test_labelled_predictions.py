from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evergreen import scoring
from evergreen.handoffs import CUT_OFF, KEY, KNOWN_AT, TARGET, TIME, ModelVersion
from evergreen.io.records import LabelBatch, Role, Scoring
from evergreen.settings import open_workspace
from evergreen.spec import ModelSpec

MAY = datetime(2026, 5, 1, tzinfo=UTC)
LEAD = timedelta(hours=2)
VERSION = ModelVersion("churn", 1, "m", "run", "sha", "{}", None, MAY, "binary", ("no", "yes"))
DATA: dict[str, Any] = {"source": "x.csv", "key": "id", "time": "at", "lead": "2h"}
SPEC = ModelSpec.model_validate({"model": "churn", "data": DATA | {"target": {"column": "y", "delay": "1d"}}})


@pytest.fixture(autouse=True)
def _workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERGREEN_PROJECT", str(tmp_path))
    monkeypatch.setenv("EVERGREEN_WORKSPACE", str(tmp_path / "workspace"))


def at(hour: int) -> datetime:
    return MAY + timedelta(hours=hour)


def table(first: int, last: int) -> pd.DataFrame:
    """A row an hour of cut-off, ``first`` and ``last`` included; its key is that hour."""
    hours = range(first, last + 1)
    cut_off = pd.Series([at(hour) for hour in hours]).dt.as_unit("us")
    return pd.DataFrame({KEY: list(hours), TIME: cut_off + LEAD, CUT_OFF: cut_off})


def enter(since: int, until: int, value: float = 0.5, role: Role = "champion") -> None:
    rows = table(since + 1, until)
    said = scoring.predictions(rows, np.full(len(rows), value), VERSION, (), at(until))
    stored = open_workspace().store.write(said, "predictions")
    entry = Scoring("churn", role, at(since), at(until), stored.uri, "", stored.rows, 1, at(until))
    open_workspace().ledger.replace(entry)


def learn(labels: dict[int, float], hour: int) -> None:
    rows = pd.concat([table(key, key) for key in labels], ignore_index=True).drop(columns=CUT_OFF)
    known = pd.Series(pd.Timestamp(at(hour)), index=rows.index).dt.as_unit("us")
    more: dict[str, Any] = {TARGET: list(labels.values()), KNOWN_AT: known}
    stored = open_workspace().store.write(rows.assign(**more), "labels")
    open_workspace().ledger.keep_labels("churn", LabelBatch(at(hour), stored.uri, stored.rows, 0))


def test_a_range_that_was_scored_again_is_read_from_its_last_writer_only() -> None:
    enter(0, 10, 0.1)
    enter(4, 6, 0.9)
    rows = open_workspace().labelled_predictions.read_scored(SPEC, None, None)
    assert rows[KEY].tolist() == list(range(1, 11))
    assert rows.loc[rows.prediction == 0.9, KEY].tolist() == [5, 6]
    assert open_workspace().labelled_predictions.read_scored(SPEC, at(3), at(7), columns=(KEY,))[KEY].tolist() == [
        4,
        5,
        6,
        7,
    ]


def test_a_window_of_event_times_holds_its_beginning_and_not_its_end() -> None:
    enter(0, 10)
    # Events lie two hours after their cut-offs: those of 3 and 4 o'clock, not of 5 o'clock.
    assert open_workspace().labelled_predictions.read_live(SPEC, at(3), at(5), at(99))[KEY].tolist() == [1, 2]
    assert open_workspace().labelled_predictions.read_live(SPEC, at(3), at(5), at(99), "previous").empty


def test_an_entry_without_rows_and_a_ledger_without_entries_give_no_rows() -> None:
    assert open_workspace().labelled_predictions.read_live(SPEC, at(0), at(24), at(99)).empty
    empty = open_workspace().store.write(scoring.nothing(timed=True), "predictions")
    open_workspace().ledger.replace(Scoring("churn", "champion", at(10), at(12), empty.uri, "", 0, 1, at(12)))
    enter(0, 10)
    rows = open_workspace().labelled_predictions.read_scored(SPEC, None, None)
    assert len(rows) == 10
    assert rows[KEY].dtype == "int64"


def test_labels_are_read_as_the_ledger_held_them() -> None:
    enter(0, 10)
    learn({1: 0.0, 2: 1.0, 77: 1.0}, 30)
    learn({1: 1.0, 3: 0.0}, 40)
    first, second = (
        open_workspace().labelled_predictions.read_live(SPEC, at(2), at(13), at(hour)) for hour in (30, 40)
    )
    assert first[TARGET].dropna().tolist() == [0.0, 1.0]
    assert second[TARGET].dropna().tolist() == [1.0, 1.0, 0.0]
    assert second[KNOWN_AT].dropna().tolist() == [at(40), at(30), at(40)]
    assert len(second) == 10


def test_batches_of_labels_beside_the_window_are_not_opened() -> None:
    learn({1: 0.0}, 30)
    learn({50: 1.0}, 90)
    store, (first, second) = open_workspace().store, open_workspace().ledger.label_batches("churn")
    assert store.span(first.uri, TIME) == (at(3), at(3))
    assert store.span(second.uri, TIME) == (at(52), at(52))
    Path(second.uri).write_bytes(b"nothing that could be read")
    assert open_workspace().labelled_predictions.read_labels(SPEC, at(99), at(0), at(24))[KEY].tolist() == [1]


def test_a_table_without_rows_has_no_span() -> None:
    stored = open_workspace().store.write(scoring.nothing(timed=True), "predictions")
    assert open_workspace().store.span(stored.uri, TIME) is None
