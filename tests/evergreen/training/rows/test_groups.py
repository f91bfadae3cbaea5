from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evergreen import features, training
from evergreen.data import assemble, inputs
from evergreen.errors import DataError, TrainingError
from evergreen.evaluation import paired_rows
from evergreen.handoffs import GROUP, KEY, TIME
from evergreen.spec import ModelSpec
from evergreen.training import split
from evergreen.training.search.folds import Folds

NOW = datetime(2024, 6, 1, tzinfo=UTC)


def spec(**data: Any) -> ModelSpec:
    given = {"source": "t.csv", "key": "id", "target": {"column": "y"}, "group": "customer", **data}
    return ModelSpec.model_validate({"model": "m", "data": given})


def visits(customers: int = 200, each: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    n = customers * each
    return pd.DataFrame(
        {
            "id": [f"v{number}" for number in range(n)],
            "customer": np.repeat(np.arange(customers), each),
            "x": rng.random(n),
            "at": pd.date_range("2024-01-01", periods=n, freq="2h", tz="UTC"),
            "y": rng.integers(0, 2, n),
        }
    )


def parts(rows: pd.DataFrame, of: ModelSpec) -> list[set[str]]:
    table = assemble(rows, [], of.data, NOW)
    found = split(table, of.training, as_of=NOW)
    return [set(table[GROUP].iloc[part]) for part in (found.train, found.tuning, found.holdout)]


def test_a_group_lies_on_one_side_of_each_split() -> None:
    train, tuning, holdout = parts(visits(), spec())
    assert len(train) + len(tuning) + len(holdout) == len(train | tuning | holdout) == 200
    assert 20 <= len(holdout) <= 60


def test_without_groups_a_customer_would_stand_on_both_sides() -> None:
    rows, alone = visits(), spec(group=None)
    found = split(assemble(rows, [], alone.data, NOW), alone.training, as_of=NOW)
    assert set(rows["customer"].iloc[found.train]) & set(rows["customer"].iloc[found.holdout])


def test_a_group_never_changes_sides_when_the_table_grows_or_gets_nulls() -> None:
    small, large = parts(visits(), spec()), parts(visits(300), spec())
    for before, after in zip(small, large, strict=True):
        assert before <= after
    rows = visits()
    rows["customer"] = rows["customer"].astype("float64").where(rows.index > 0)
    with_null = parts(rows, spec())
    for before, after in zip(small, with_null, strict=True):
        assert {name for name in after if not name.startswith("\0")} == before


def test_rows_of_no_group_stand_for_themselves() -> None:
    rows = visits()
    rows["customer"] = rows["customer"].astype("float64").where(rows["customer"] > 100)
    named = assemble(rows, [], spec().data, NOW).set_index(KEY)[GROUP]
    assert named.loc["v0"] == "\0v0"
    assert named.nunique() == 101 * 5 + 99


def test_the_blocks_of_the_contest_are_the_groups() -> None:
    rows = assemble(visits(), [], spec().data, NOW)
    target = rows["y"].to_numpy(dtype=float)
    rng = np.random.default_rng(1)
    ours = np.clip(target * 0.3 + rng.random(len(rows)) * 0.7, 0, 1)
    found = paired_rows(rows, "binary", "roc_auc", (target, ours, rng.random(len(rows))), "trivial")
    assert (found.blocks, found.block_name) == (200, "groups")
    alone = paired_rows(rows.drop(columns=GROUP), "binary", "roc_auc", (target, ours, rng.random(len(rows))), "trivial")
    assert (alone.blocks, alone.block_name) == (1000, "rows")


def test_groups_that_behave_alike_make_the_interval_wider() -> None:
    rows = assemble(visits(), [], spec().data, NOW)
    group = rows["customer"].to_numpy()
    target = (np.random.default_rng(2).random(200) < 0.5).astype(float)[group]
    ours = np.clip(target * 0.2 + np.random.default_rng(3).random(200)[group] * 0.8, 0, 1)
    told = (target, ours, np.full(len(rows), 0.5))
    together = paired_rows(rows, "binary", "roc_auc", told, "trivial").ours
    alone = paired_rows(rows.drop(columns=GROUP), "binary", "roc_auc", told, "trivial").ours
    assert together.high - together.low > 1.5 * (alone.high - alone.low)


def test_with_a_time_rows_are_split_by_time_and_days_are_the_blocks() -> None:
    timed = spec(time="at")
    rows = assemble(visits(), [], timed.data, NOW)
    found = split(rows, timed.training, as_of=NOW)
    assert rows[TIME].iloc[found.train].max() < rows[TIME].iloc[found.holdout].min()
    target = rows["y"].to_numpy(dtype=float)
    told = (target, np.linspace(0, 1, len(rows)), np.full(len(rows), 0.5))
    assert paired_rows(rows, "binary", "roc_auc", told, "trivial").block_name == "days"


def test_the_group_is_an_input_only_where_time_parts_the_rows() -> None:
    rows = visits()
    assert "customer" not in inputs(assemble(rows, [], spec().data, NOW), spec())
    timed = spec(time="at")
    assert "customer" in inputs(assemble(rows, [], timed.data, NOW), timed)
    assert GROUP not in inputs(assemble(rows, [], timed.data, NOW), timed)


def test_a_group_column_that_is_not_there_and_too_few_groups_are_told() -> None:
    with pytest.raises(DataError, match=r"t\.csv: no column custommer; did you mean customer\?"):
        assemble(visits(), [], spec(group="custommer").data, NOW)
    with pytest.raises(TrainingError, match="only 10 rows have a label, in 2 groups"):
        parts(visits(2), spec())


def test_each_fold_has_its_share_of_a_rare_class() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=900), "__target": (np.arange(900) < 15).astype(int)})
    spec = ModelSpec.model_validate({"model": "m", "data": {"source": "s", "target": {"column": "y"}}})
    asked = training.Problem(spec.training, "binary", ("0", "1"), partial(features.row_features, spec, ["x"]))
    folds = Folds(frame[:600], frame[600:], asked, in_turn=True)
    assert [int(folds.target[places].sum()) for places, _ in folds.parts] == [3] * 5
