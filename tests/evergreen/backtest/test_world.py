"""What a backtest may see, and what it makes once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evergreen.backtest import Arm, Replay, World, play
from evergreen.handoffs import KNOWN_AT, TARGET, TIME
from evergreen.spec import ModelSpec

DAY = timedelta(days=1)
START = datetime(2026, 3, 2, tzinfo=UTC)
#: A run of the rules that trains.
UNTIL = START + 29 * DAY
STEPS = [START + timedelta(days=8 + 7 * week) for week in range(8)]

Make = Callable[[pd.DataFrame], Replay]


def ticking() -> Callable[[], float]:
    """A clock that counts how often it is read: twice for each part that is made."""
    ticks = count()
    return lambda: float(next(ticks))


def otherwise(raw: pd.DataFrame) -> pd.DataFrame:
    """A world that is the same up to UNTIL: every value and label that becomes known later is another one."""
    later = raw["at"] > UNTIL
    unknown = raw["at"] + pd.Timedelta(1, "d") > UNTIL
    assert unknown.sum() > later.sum()
    return raw.assign(
        churned=raw["churned"].where(~unknown, 1 - raw["churned"]),
        refund=raw["refund"].where(raw["refunded_at"] <= UNTIL, 7.0),
        amount=raw["amount"].where(~later, raw["amount"].max() - raw["amount"]),
        plan=raw["plan"].where(~later, raw["plan"].map({"basic": "pro", "plus": "plus", "pro": "basic"})),
    )


def decided(world: World, spec: ModelSpec) -> dict[str, object]:
    """All that a life by the spec's rules has seen, said and decided up to UNTIL."""
    life = play(world, Arm("rules", rules=spec.retraining), START, [step for step in STEPS if step <= UNTIL])
    last = world.position(UNTIL)
    fits = [world.fit(moment) for moment in (*(moment for moment, _ in life.reigns), UNTIL)]
    return {
        "reigns": life.reigns,
        "said": [fit.predictions[: last - fit.first].tolist() for fit in fits],
        "fitted": [(fit.version.fitted_until, fit.version.fitted_rows) for fit in fits],
        "verdicts": [(one.as_of, one.promoted, one.verdict) for one in life.trainings],
        "firings": life.firings,
        "healths": [repr(health) for _, health in life.healths.values()],
        "trials": life.trials,
    }


def test_what_becomes_known_later_changes_nothing_that_was_decided_before(
    raw: pd.DataFrame, history: Make, spec: ModelSpec, tmp_path: Path
) -> None:
    ours = decided(World(history(raw), tmp_path), spec)
    verdicts = ours["verdicts"]
    assert isinstance(verdicts, list)
    assert [as_of for as_of, *_ in verdicts] == [START, STEPS[1], UNTIL]
    assert decided(World(history(otherwise(raw)), tmp_path), spec) == ours
    cut = raw[raw["at"] <= UNTIL]
    assert decided(World(history(cut), tmp_path), spec) == ours


class Peeking(World):
    """A world in which labels are known as soon as they happen."""

    def view(self, as_of: datetime) -> pd.DataFrame:
        rows = super().view(as_of)
        return rows.assign(**{TARGET: self.history.rows.loc[rows.index, TARGET]})


def test_a_world_that_peeks_is_found_out(raw: pd.DataFrame, history: Make, spec: ModelSpec, tmp_path: Path) -> None:
    """The test above can fail: labels of one day too early are enough."""
    ours = decided(Peeking(history(raw), tmp_path), spec)
    theirs = decided(Peeking(history(otherwise(raw)), tmp_path), spec)
    assert ours["said"] != theirs["said"]


def test_a_leak_that_is_known_only_later_is_no_input_and_one_that_is_not_declared_shows(
    raw: pd.DataFrame, history: Make, spec: ModelSpec, tmp_path: Path
) -> None:
    honest = history(raw)
    assert not {"refund", "refunded_at", "churned"} & set(honest.inputs)
    leaking = Replay(
        honest.rows.assign(refund=raw["refund"].to_numpy()), (*honest.inputs, "refund"), spec, honest.recipe,
        honest.task, honest.classes, "leaking",
    )  # fmt: skip
    values = [World(one, tmp_path).contest(START, None).evidence.values["roc_auc"] for one in (honest, leaking)]
    assert values[0] < 0.97
    assert values[1] == pytest.approx(1.0)


def test_a_view_holds_no_later_row_no_later_label_and_none_before_the_training_window(
    raw: pd.DataFrame, history: Make, tmp_path: Path
) -> None:
    view = World(history(raw), tmp_path).view(UNTIL)
    assert view[TIME].max() == pd.Timestamp(UNTIL)
    assert view[TIME].min() == pd.Timestamp(UNTIL - 21 * DAY)
    labelled = view[TARGET].notna()
    assert (view.loc[labelled, KNOWN_AT] <= UNTIL).all()
    assert not labelled.iloc[-40:].any()
    assert labelled.iloc[:-40].all()


def test_finished_parts_are_kept_and_a_second_world_makes_nothing(
    raw: pd.DataFrame, history: Make, spec: ModelSpec, tmp_path: Path
) -> None:
    once, again = ticking(), ticking()
    past = history(raw)
    first = play(World(past, tmp_path, once), Arm("rules", rules=spec.retraining), START, STEPS[:3])
    parts = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")}
    assert once() == 2 * len(parts)
    second = play(World(past, tmp_path, again), Arm("rules", rules=spec.retraining), START, STEPS[:3])
    assert again() == 0
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")} == parts
    assert second.trainings == first.trainings
    assert second.firings == first.firings


class Interrupted(Exception):
    pass


def test_a_backtest_that_was_interrupted_goes_on(
    raw: pd.DataFrame, history: Make, spec: ModelSpec, tmp_path: Path
) -> None:
    past, arm = history(raw), Arm("rules", rules=spec.retraining)
    clock = ticking()
    whole = play(World(past, tmp_path / "whole", clock), arm, START, STEPS[:3])
    parts = int(clock()) // 2
    left = iter(range(7))

    def failing() -> float:
        if next(left, None) is None:
            raise Interrupted
        return 0.0

    with pytest.raises(Interrupted):
        play(World(past, tmp_path / "part", failing), arm, START, STEPS[:3])
    # Seven readings of the clock are three parts and the beginning of a fourth.
    assert len(list((tmp_path / "part").rglob("*"))) == 1 + 3
    rest = ticking()
    again = play(World(past, tmp_path / "part", rest), arm, START, STEPS[:3])
    assert rest() == 2 * (parts - 3)
    assert again.firings == whole.firings


def test_a_damaged_part_is_made_again(raw: pd.DataFrame, history: Make, tmp_path: Path) -> None:
    past = history(raw)
    whole = World(past, tmp_path).fit(START).predictions
    (part,) = tmp_path.rglob("fit-*.npz")
    part.write_bytes(part.read_bytes()[:100])
    np.testing.assert_array_equal(World(past, tmp_path).fit(START).predictions, whole)


def test_a_widened_backtest_makes_only_what_is_new(
    raw: pd.DataFrame, history: Make, spec: ModelSpec, tmp_path: Path
) -> None:
    past, arm = history(raw), Arm("rules", rules=spec.retraining)
    few, more = ticking(), ticking()
    play(World(past, tmp_path / "one", few), arm, START, STEPS[:2])
    before = {path.name for path in (tmp_path / "one").rglob("*.npz")}
    play(World(past, tmp_path / "one", more), arm, START, STEPS[:4])
    after = {path.name for path in (tmp_path / "one").rglob("*.npz")}
    assert before < after
    assert more() == 2 * (len(after) - len(before))


def test_arms_share_what_is_equal(raw: pd.DataFrame, history: Make, spec: ModelSpec, tmp_path: Path) -> None:
    past = history(raw)
    dates = (STEPS[1], STEPS[2])
    arms = [
        Arm("never"),
        Arm("gated", dates),
        Arm("ungated", dates, gated=False),
        Arm("rules", rules=spec.retraining),
    ]
    alone: list[set[str]] = []
    for arm in arms:
        play(World(past, tmp_path / arm.name), arm, START, STEPS[:4])
        alone.append({path.name for path in (tmp_path / arm.name).rglob("*.npz")})
    clock = ticking()
    shared = World(past, tmp_path / "shared", clock)
    for arm in arms:
        play(shared, arm, START, STEPS[:4])
    distinct = set().union(*alone)
    assert clock() == 2 * len(distinct)
    assert {f"{key}.npz" for key in shared.work} == distinct
    assert sum(len(one) for one in alone) > len(distinct)


def test_the_cost_counts_each_distinct_part_once_whoever_made_it(
    raw: pd.DataFrame, history: Make, tmp_path: Path
) -> None:
    past, arm = history(raw), Arm("gated", (STEPS[1],))
    first = World(past, tmp_path, ticking())
    play(first, arm, START, STEPS[:3])
    parts = len(first.work)
    made = first.cost(1000.0)
    # Each part is written down with one tick of its clock, whatever making it took; comparing takes little.
    assert parts + 900 < made.seconds < parts + 1000
    assert parts < made.distinct < parts + 50
    # Another one finds all parts finished: what they took counts all the same.
    second = World(past, tmp_path, ticking())
    play(second, arm, START, STEPS[:3])
    assert second.cost(2.0).seconds == 2.0 + parts
