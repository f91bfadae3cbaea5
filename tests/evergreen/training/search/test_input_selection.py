from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evergreen import features, training
from evergreen.handoffs import InputSelection
from evergreen.spec import ModelSpec
from evergreen.training.search.input_selection import select_inputs

RNG = np.random.default_rng(0)
N = 1200
NOISE = 40


def problem(task: Any = "binary", time: bool = True, **asked: object) -> training.Problem:
    data = {"source": "s", "target": {"column": "y"}, **({"time": "at"} if time else {})}
    how = {"budget": "5s", "families": ["lightgbm"], "search": "portfolio", "max_candidates": 1, "ensemble": "never"}
    spec = ModelSpec.model_validate({"model": "m", "data": data, "features": asked, "training": how})
    inputs = [name for name in rows() if not name.startswith("__")]
    return training.Problem(
        spec.training, task, ("0", "1") if task == "binary" else (), partial(features.row_features, spec, inputs)
    )


def rows(changed: bool = False) -> pd.DataFrame:
    """Forty months of days; with ``changed`` the first input means the opposite from the second year on."""
    rng = np.random.default_rng(1)
    time = pd.Series(pd.Timestamp("2020-01-01", tz="UTC") + pd.to_timedelta(np.arange(N), unit="D")).dt.as_unit("us")
    noise = {f"noise{at}": rng.normal(size=N) for at in range(NOISE)}
    frame = pd.DataFrame({"x": rng.normal(size=N), "z": rng.normal(size=N), **noise, "__time": time})
    sign = np.where((np.arange(N) >= 365) & changed, -1, 1)
    return frame.assign(
        __day=np.arange(N, dtype=np.int32),
        __target=(sign * frame["x"] + frame["z"] / 2 + rng.normal(size=N) / 2 > 0).astype(float),
    )


def test_the_age_of_a_row_is_an_input_where_the_newest_rows_show_that_it_helps() -> None:
    table = rows(changed=True)
    found = select_inputs(table.head(800), table.tail(400), problem(select="never"))
    assert found.view == InputSelection(trend=True)
    assert "the age of a row is an input" in found.reasons[0]
    same = rows()
    found = select_inputs(same.head(800), same.tail(400), problem(select="never"))
    assert found.view == InputSelection()
    assert "the gain may be chance" in found.reasons[0]


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_inputs_of_no_use_are_left_out_and_those_of_use_are_not(task: Any) -> None:
    table = rows().drop(columns=["__time", "__day"])
    if task == "regression":
        table = table.assign(__target=table["x"] * 3 + table["z"])
    found = select_inputs(table.head(800), table.tail(400), problem(task, time=False, select="always"))
    assert set(found.view.without) <= {f"noise{at}" for at in range(NOISE)}
    assert len(found.view.without) >= 3
    assert max(found.importance, key=lambda name: found.importance[name]) == "x"


def test_a_small_budget_looks_at_fewer_rows_and_a_smaller_one_at_none() -> None:
    table = pd.concat([rows().drop(columns=["__time", "__day"])] * 2, ignore_index=True)
    small = problem(time=False, select="always")
    hurried = replace(small, settings=small.settings.model_copy(update={"budget": timedelta(seconds=4.5)}))
    assert select_inputs(table.head(1600), table.tail(800), hurried).importance
    hurried = replace(small, settings=small.settings.model_copy(update={"budget": timedelta(seconds=1)}))
    assert select_inputs(table.head(1600), table.tail(800), hurried).view == InputSelection()


def test_nothing_is_asked_where_the_spec_forbids_it_or_rows_are_few() -> None:
    table = rows(changed=True)
    assert (
        select_inputs(table.head(800), table.tail(400), problem(select="never", trend="never")).view == InputSelection()
    )
    assert select_inputs(table.head(100), table.iloc[100:150], problem()).view == InputSelection()


def test_a_recipe_carries_what_it_looks_at_to_every_later_fit() -> None:
    table = rows(changed=True)
    ticks = count()
    asked = problem(select="always")
    found = training.find_recipe(table.head(800), table.tail(400), asked, lambda: next(ticks) * 1e-6)
    assert InputSelection.from_json(found.recipe.view).trend
    again = training.Recipe.from_json(found.recipe.to_json())
    assert again == found.recipe
    fitted = training.refit(again, table, asked).named_steps["rows"]
    assert "trend" in fitted.sources_
    left_out = set(InputSelection.from_json(again.view).without)
    assert left_out
    assert not left_out & set(fitted.sources_)
    assert left_out <= set(fitted.dropped_)
