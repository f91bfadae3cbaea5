from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from evergreen.handoffs import TIME
from evergreen.settings import open_workspace
from tasks.backtest import first_event
from tasks.data import take_snapshot

START, END = datetime(2026, 2, 20, tzinfo=UTC), datetime(2026, 3, 20, tzinfo=UTC)


def test_a_backtest_reads_from_the_training_window_of_its_first_model_on(project: Path) -> None:
    """The default of a snapshot, one window before its end, would leave the first models without rows."""
    path = project / "deployments" / "churn.yaml"
    path.write_text(path.read_text().replace("holdout: 20d", "window: 21d, holdout: 5d"))
    spec = open_workspace().spec("churn")
    snapshot = take_snapshot.fn(open_workspace(), spec, END, first_event(spec, START), END)
    assert open_workspace().store.read(snapshot.uri)[TIME].min() == pd.Timestamp(START - timedelta(days=21))


def test_without_a_training_window_a_backtest_reads_all_there_is(project: Path) -> None:
    assert first_event(open_workspace().spec("churn"), START) is None
