"""A retraining that begins with what is known, and searches only where that no longer does."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

import pytest

from evergreen import training
from flows.train import Outcome, train


def test_an_automatic_retraining_fits_the_champions_recipe_again_and_searches_where_it_fell_behind(
    first: Outcome, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="evergreen"):
        same = train("churn", datetime(2026, 4, 1, tzinfo=UTC), search="auto")
    assert same.version.recipe == first.version.recipe
    assert "the champion's recipe still does what it did" in caplog.text
    monkeypatch.setattr(training, "still_does", lambda *_: False)
    caplog.clear()
    with caplog.at_level(logging.INFO, logger="evergreen"):
        searched = train("churn", datetime(2026, 4, 2, tzinfo=UTC), search="auto")
    assert "champion-1: fitted" in caplog.text
    assert json.loads(searched.version.recipe)["params"]
