"""A short past whose concept turns for two weeks, as a backtest gets to see it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from evergreen import features
from evergreen.backtest import Replay
from evergreen.data import assemble, inputs
from evergreen.spec import ModelSpec
from evergreen.training import Recipe

DAY = timedelta(days=1)
START = datetime(2026, 3, 2, tzinfo=UTC)
END = datetime(2026, 5, 25, tzinfo=UTC)
#: From START on the plans mean the opposite, for two weeks.
TURNED = (START, START + 14 * DAY)

_SPEC = {
    "model": "churn",
    "data": {"source": "rows.csv", "key": "id", "time": "at", "target": {"column": "churned", "delay": "1d"},
             "later": {"refund": "refunded_at", "refunded_at": "refunded_at"}},
    "training": {"families": ["linear"], "search": "portfolio", "window": "21d", "holdout": "7d", "tuning": "7d",
                 "holdout_refit": "2d", "holdout_back": "7d"},
    "monitoring": {"window": "7d", "min_rows": 100},
    "retraining": {"on": ["schedule"], "every": "14d", "cool_down": "7d", "budget": 9},
    "probation": {"windows": 1},
}  # fmt: skip


@pytest.fixture(scope="session")
def raw() -> pd.DataFrame:
    """Customers, 40 a day; ``refund`` equals the target, and is known two days after the event."""
    rng = np.random.default_rng(5)
    n = (END - (START - 42 * DAY)).days * 40
    at = pd.Timestamp(START - 42 * DAY) + pd.to_timedelta(np.arange(n) * 36, unit="min")
    plan = rng.choice(["basic", "plus", "pro"], n)
    turn = np.where((at >= TURNED[0]) & (at < TURNED[1]), -1.0, 1.0)
    score = turn * (3.0 * (plan == "basic") - 3.0 * (plan == "pro"))
    churned = (rng.random(n) < 1 / (1 + np.exp(-score))).astype(int)
    ids = [f"c{k:06d}" for k in range(n)]
    amount = rng.gamma(2, 50, n).round(2)
    return pd.DataFrame(
        {"id": ids, "at": at, "plan": plan, "amount": amount, "churned": churned, "refund": churned.astype(float),
         "refunded_at": at + pd.Timedelta(2, "d")}
    )  # fmt: skip


@pytest.fixture(scope="session")
def spec() -> ModelSpec:
    return ModelSpec.model_validate(_SPEC)


@pytest.fixture(scope="session")
def history(spec: ModelSpec) -> Callable[[pd.DataFrame], Replay]:
    """The history of raw rows, as known two days after the end."""

    def made(rows: pd.DataFrame) -> Replay:
        table = assemble(rows, [], spec.data, END + 2 * DAY)
        names = inputs(table, spec)
        built = features.build(table, spec)
        digest = hashlib.sha256(rows.to_csv().encode()).hexdigest()[:24]
        recipe = Recipe("linear", "linear", '{"strength": 1.0}').to_json()
        return Replay(built, names, spec, recipe, "binary", ("0", "1"), digest)

    return made
