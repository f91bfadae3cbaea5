"""Arms that live through the same time, and what each is worth."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from evergreen.backtest import HINDSIGHT, NEVER, Arm, ArmResult, Life, Replay, World, calendar, play, results
from evergreen.spec import ModelSpec

DAY = timedelta(days=1)
START, END = datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 5, 25, tzinfo=UTC)
STEPS = [START + timedelta(days=8 + 7 * week) for week in range(10)]
MONTHS = (datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC))


@pytest.fixture(scope="module")
def world(
    raw: pd.DataFrame, history: Callable[[pd.DataFrame], Replay], tmp_path_factory: pytest.TempPathFactory
) -> World:
    return World(history(raw), tmp_path_factory.mktemp("parts"))


@pytest.fixture(scope="module")
def lives(world: World, spec: ModelSpec) -> dict[str, Life]:
    arms = (
        Arm(NEVER),
        Arm("monthly, ungated", MONTHS, gated=False),
        Arm("monthly, gated", MONTHS),
        Arm("rules", rules=spec.retraining),
    )
    return {arm.name: play(world, arm, START, STEPS) for arm in arms}


@pytest.fixture(scope="module")
def outcomes(world: World, lives: dict[str, Life]) -> dict[str, ArmResult]:
    return {one.name: one for one in results(world, list(lives.values()), START, END, [START, *MONTHS])}


def test_never_trains_once_and_gains_nothing_against_itself(outcomes: dict[str, ArmResult]) -> None:
    never = outcomes[NEVER]
    assert (never.trainings, never.promotions, never.rollbacks, never.seconds) == (0, 0, 0, 0)
    assert (never.gain.low, never.gain.value, never.gain.high) == (0, 0, 0)


def test_hindsight_is_at_least_as_good_as_every_arm_whose_fits_lie_on_its_grid(outcomes: dict[str, ArmResult]) -> None:
    best = outcomes[HINDSIGHT]
    on_grid = [outcomes[name] for name in (NEVER, "monthly, ungated", "monthly, gated")]
    assert len({one.mean for one in on_grid}) > 1
    assert all(one.mean <= best.mean for one in on_grid)
    assert all(one.regret == pytest.approx(best.mean - one.mean) for one in on_grid)
    assert best.regret == 0


def test_every_arm_is_measured_on_the_same_rows(world: World, lives: dict[str, Life]) -> None:
    rows = [np.concatenate([own for _, own in life.owners(world, END)]) for life in lives.values()]
    assert all(len(np.unique(own)) == len(own) for own in rows)
    assert all(np.array_equal(own, rows[0]) for own in rows)


def test_ungated_trainings_serve_from_their_dates_whatever_they_are_worth(lives: dict[str, Life]) -> None:
    life = lives["monthly, ungated"]
    assert life.reigns == [(START, START), *((month, month) for month in MONTHS)]
    assert all(one.promoted for one in life.trainings)
    assert all(one.verdict is None for one in life.trainings[1:])


def test_a_challenger_that_is_worse_live_is_rolled_back_and_the_cool_down_doubles(
    lives: dict[str, Life], outcomes: dict[str, ArmResult]
) -> None:
    """The concept turns at the start, is learned two weeks later, and turns back on the day before."""
    life = lives["rules"]
    trained, ended = START + 15 * DAY, START + 22 * DAY
    assert life.reigns[:3] == [(START, START), (trained, trained), (START, ended)]
    assert life.trials[2].worse
    assert outcomes["rules"].rollbacks == len(life.rolled_back) >= 1
    assert life.worth[trained] is True
    after = next(firing for firing in life.firings if firing.fire and firing.as_of > ended)
    bars = {rule.name: rule.reason for rule in after.bars}
    assert "doubled from 7 days as training brought nothing" in bars["cool_down"]
    assert after.as_of == trained + 14 * DAY


def test_a_calendar_has_its_dates_at_a_fixed_distance_inside_its_time() -> None:
    assert calendar(START, START + 21 * DAY, 7 * DAY) == (START + 7 * DAY, START + 14 * DAY)
    assert calendar(START, START, 7 * DAY) == ()
