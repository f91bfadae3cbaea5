"""A version fitted once more from its recipe and its rows."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from evergreen.errors import UsageError
from evergreen.settings import open_workspace
from flows.reproduce import reproduce
from flows.train import Outcome, train

APRIL = datetime(2026, 4, 2, tzinfo=UTC)


def test_a_promoted_and_a_kept_version_are_reproduced_to_the_bit_and_nothing_is_promoted(first: Outcome) -> None:
    second = train("churn", APRIL)
    assert [first.verdict.promote, second.verdict.promote] == [True, False]
    champions = open_workspace().champions.champions("churn")
    for outcome in (first, second):
        found = reproduce("churn", outcome.version.run_id[:8])
        assert (found.version, found.unequal, found.differences) == (outcome.version, 0, ())
        assert found.rows > 2000
    assert open_workspace().champions.champions("churn") == champions
    assert len(open_workspace().champions.decisions("churn")) == 2


def test_other_rows_make_another_model_and_are_named_as_the_cause(first: Outcome, project: Path) -> None:
    place = project / "data" / "customers.csv"
    rows = pd.read_csv(place)
    rows.loc[::3, "amount"] += 40
    rows.to_csv(place, index=False)
    found = reproduce("churn", str(first.version.version))
    assert found.unequal > 0
    assert "the rows" in found.differences[0]


def test_a_run_that_nobody_knows_is_refused(first: Outcome) -> None:
    with pytest.raises(UsageError, match="names no training"):
        reproduce("churn", "abcdef")
