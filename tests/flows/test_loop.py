"""The loop, end to end, and the backtest of the same days beside it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evergreen.backtest import Arm, Life, World, play
from evergreen.handoffs import RetrainingDecision
from evergreen.orchestration.runs import monitor_steps
from evergreen.settings import open_workspace
from flows.monitor import Monitored, monitor
from flows.score import score
from flows.train import train
from tasks.backtest import find_history, first_event
from tasks.data import take_snapshot
from tasks.features import build_features

SPEC = """
model: churn
data:
  source: data/customers.csv
  key: id
  time: at
  target: {column: churned, delay: 1d}
validation: customers
features:
  history:
    - {by: [plan], over: 3d, of: churned, take: [mean]}
training: {families: [linear], search: portfolio, holdout: 14d, tuning: 14d, budget: 20s, window: 84d,
           holdout_refit: 7d, holdout_back: 21d}
promotion: {slices: []}
monitoring: {window: 7d, min_rows: 100}
retraining: {on: [performance, age], cool_down: 14d, age: 300d}
probation: {windows: 2}
"""
START, CHANGE, END = (datetime(2026, month, day, tzinfo=UTC) for month, day in ((4, 6), (5, 4), (7, 6)))


def changing(days: int = 190, rows_a_day: int = 80) -> pd.DataFrame:
    """Customers whose plan means the opposite from CHANGE on."""
    rng = np.random.default_rng(3)
    n = days * rows_a_day
    at = pd.Timestamp("2026-01-05", tz="UTC") + pd.to_timedelta(np.arange(n) * (24 * 60 // rows_a_day), unit="min")
    plan = rng.choice(["basic", "plus", "pro"], n)
    amount = rng.gamma(2, 50, n).round(2)
    turn = np.where(at >= pd.Timestamp(CHANGE), -1.0, 1.0)
    score_ = (amount - 100) / 120 + turn * (2.0 * (plan == "basic") - 1.0 * (plan == "pro"))
    churned = (rng.random(n) < 1 / (1 + np.exp(-score_))).astype(int)
    return pd.DataFrame(
        {"id": [f"c{k:06d}" for k in range(n)], "at": at, "amount": amount, "plan": plan, "churned": churned}
    )


@pytest.fixture
def lived(project: Path) -> tuple[Path, list[Monitored]]:
    """The real flows from START to END, once a week."""
    (project / "deployments" / "churn.yaml").write_text(SPEC)
    changing().to_csv(project / "data" / "customers.csv", index=False)
    train("churn", START)
    seen = []
    for step in monitor_steps(open_workspace().spec("churn"), START, END):
        score("churn", step)
        seen.append(monitor("churn", step))
    return project, seen


def replay() -> Life:
    """The backtest's arm of the spec's own rules over the same days."""
    spec = open_workspace().spec("churn")
    as_of = END + timedelta(days=2)
    table = build_features.fn(
        open_workspace(), spec, take_snapshot.fn(open_workspace(), spec, as_of, first_event(spec, START), END)
    )
    world = World(find_history(open_workspace(), spec, table, START, ""), open_workspace().folder / "backtests")
    return play(world, Arm("rules", rules=spec.retraining), START, monitor_steps(spec, START, END))


def held(firing: RetrainingDecision) -> dict[str, bool]:
    """Which triggers call and which bars are free, and whether rows to judge by were counted alike."""
    unseen = next(rule.reason for rule in firing.bars if rule.name == "unseen rows")
    return {rule.name: rule.held for rule in (*firing.triggers, *firing.bars)} | {unseen: firing.fire}


def test_a_changed_concept_is_seen_retrained_on_and_promoted_and_the_backtest_decides_the_same(
    lived: tuple[Path, list[Monitored]],
) -> None:
    _, seen = lived
    here = open_workspace()
    records, watching = here.champions, here.monitoring
    fired = [one.firing for one in seen if one.firing and one.firing.fire]
    assert fired, "the concept turned round and nothing was noticed"
    assert fired[0].as_of > CHANGE
    assert all("performance" in {rule.name for rule in one.triggers if rule.held} for one in fired)
    reigns = records.champions("churn")
    assert len(reigns) > 1
    assert reigns[1].as_of == next(one.as_of for one in records.decisions("churn") if one.cause and one.verdict.promote)
    assert not watching.pending("churn")
    healths = [one for one in watching.healths("churn") if one.realised]
    bad = [one.realised.value for one in healths if one.start >= CHANGE and one.version == 1 and one.realised]
    good = [one.realised.value for one in healths if one.version == reigns[-1].version.version and one.realised]
    assert np.mean(good) > np.mean(bad) + 0.1

    life = replay()
    assert [held(one) for one in life.firings] == [held(one.firing) for one in seen if one.firing]
    assert [one.as_of for one in life.trainings] == [one.as_of for one in records.decisions("churn")]
    for ours, theirs in zip(life.trainings, records.decisions("churn"), strict=True):
        assert ours.verdict is not None
        assert ours.promoted == theirs.verdict.promote
        assert [rule.held for rule in ours.verdict.rules] == [rule.held for rule in theirs.verdict.rules]
    played = {start: health for start, (_, health) in life.healths.items()}
    for health in healths:
        twin = played[health.start]
        assert (twin.rows, twin.labelled) == (health.rows, health.labelled)
        assert twin.realised is not None
        assert twin.realised.value == pytest.approx(health.realised.value, abs=1e-12)  # type: ignore[union-attr]
        assert [c.drifted for c in twin.drift] == [c.drifted for c in health.drift]

    again = monitor("churn", seen[-1].firing.as_of)  # type: ignore[union-attr]
    assert again.outcomes == ()
    assert again.healths == ()
    assert len(watching.firings("churn")) == len(seen)
    until = [entry.until for entry in here.ledger.scorings("churn")]
    assert until == sorted(set(until))
