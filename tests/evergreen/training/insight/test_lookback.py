"""How far back a recipe looks is chosen on the past alone, and every later fit keeps to it."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from evergreen.features import row_features
from evergreen.handoffs import CUT_OFF, DAY, KNOWN_AT, TARGET, TIME
from evergreen.spec import ModelSpec
from evergreen.training import Problem, Recipe, candidates, look_back, refit
from evergreen.training.rows.recency import half_life, kept, last, weights

DAYS, A_DAY = 120, 20


def rows_of(turns_at: float) -> pd.DataFrame:
    """Rows whose relation to the target turns round at a share of their time."""
    rng = np.random.default_rng(0)
    n = DAYS * A_DAY
    day = np.arange(n) // A_DAY
    time = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(np.arange(n) * 24 // A_DAY, unit="h")
    x = rng.normal(size=n)
    sign = np.where(day < turns_at * DAYS, -1.0, 1.0)
    return pd.DataFrame(
        {"x": x, TIME: time, CUT_OFF: time, KNOWN_AT: time + pd.Timedelta(1, "h"), DAY: day,
         TARGET: 2 * sign * x + rng.normal(size=n)}
    )  # fmt: skip


def problem_of(**settings: Any) -> Problem:
    spec = ModelSpec.model_validate(
        {"model": "m", "data": {"source": "x", "time": "at", "target": {"column": "y"}},
         "training": {"task": "regression", "window": "auto", **settings}}
    )  # fmt: skip
    return Problem(spec.training, "regression", (), partial(row_features, spec, ("x",), task="regression"))


RECIPE = next(one for one in candidates("regression", ("linear",), 2000, 1, 0) if one.family == "linear")


def looked(turns_at: float, deadline: float = float("inf"), **settings: Any) -> Any:
    rows = rows_of(turns_at)
    cut = len(rows) * 4 // 5
    ticks = count()
    clock = lambda: float(next(ticks))  # noqa: E731
    return look_back(rows.iloc[:cut], rows.iloc[cut:], problem_of(**settings), RECIPE, clock, deadline)


def test_a_world_that_turned_is_looked_back_on_no_further_than_it_has_been_so() -> None:
    back = looked(turns_at=0.6)
    assert back.recipe.recency != "all"
    assert back.tried[0].recency == "all"
    chosen = next(one for one in back.tried if one.recency == back.recipe.recency)
    assert chosen.gain.low > 0
    assert "shown to be better" in back.reasons[0]


def test_a_world_that_stays_is_looked_back_on_as_far_as_it_goes() -> None:
    back = looked(turns_at=0.0)
    assert back.recipe == RECIPE
    assert "not shown to be better" in back.reasons[0]
    assert [point.rows for point in back.curve] == [480, 960, 1920]


def test_weights_are_chosen_among_half_lives() -> None:
    back = looked(turns_at=0.6, window="weighted")
    assert back.recipe.recency == "half-life 15d"
    assert {one.recency for one in back.tried[1:]} == {f"half-life {days}d" for days in (120, 60, 30, 15)}
    said = looked(turns_at=0.6, window="weighted", half_life="45d")
    assert (said.recipe.recency, said.tried) == ("half-life 45d", ())


def test_what_the_time_does_not_allow_is_not_tried() -> None:
    back = looked(turns_at=0.6, deadline=0.0)
    assert back.recipe == RECIPE
    assert len(back.tried) == 1
    assert "not drawn to its end" in back.reasons[-1]


def test_a_recipe_carries_how_far_it_looks_into_every_fit() -> None:
    rows, problem = rows_of(turns_at=0.6), problem_of()
    short = Recipe.from_json(
        Recipe(RECIPE.name, RECIPE.family, RECIPE.params_json, recency=last(timedelta(days=30))).to_json()
    )
    assert len(kept(rows, short.recency)) == 30 * A_DAY
    new = pd.DataFrame({"x": [1.0], TIME: rows[TIME].iloc[-1:].to_numpy()}).assign(
        **{TIME: lambda frame: pd.to_datetime(frame[TIME], utc=True)}
    )
    assert refit(RECIPE, rows, problem).predict(new)[0] < 1 < refit(short, rows, problem).predict(new)[0]
    faded = weights(rows, half_life(timedelta(days=10)))
    assert faded is not None
    assert faded[-1] / faded[-1 - 10 * A_DAY] == pytest.approx(2.0)
    assert weights(rows, "all") is None


def test_weights_need_a_time() -> None:
    content = {"model": "m", "data": {"source": "x", "target": {"column": "y"}}, "training": {"window": "weighted"}}
    with pytest.raises(ValidationError, match="rows without a time have no age"):
        ModelSpec.model_validate(content)
