from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest

from evergreen import features, training
from evergreen.metrics import find_metric
from evergreen.spec import ModelSpec, Task

SPEC = ModelSpec.model_validate({"model": "m", "data": {"source": "s", "key": "k", "target": {"column": "y"}}})


def table(n: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    x = rng.normal(size=n)
    return pd.DataFrame(
        {"x": x, "__key": [f"k{i}" for i in range(n)], "__target": (x + rng.normal(size=n) > 0).astype(float)}
    )


def keys(rows: pd.DataFrame, positions: np.ndarray) -> pd.Series:
    return rows["__key"].iloc[positions]


def test_the_first_verdict_uses_the_whole_holdout() -> None:
    judges = training.choose_judges(table(), np.arange(80), [], 0.95, 50)
    assert (len(judges.rows), judges.confidence, judges.chosen) == (80, 0.95, "")


def test_rows_that_came_since_judge_alone_where_there_are_enough() -> None:
    rows = table()
    judges = training.choose_judges(rows, np.arange(150), [keys(rows, np.arange(80))], 0.95, 50)
    assert judges.rows.tolist() == list(range(80, 150))
    assert judges.confidence == 0.95
    assert "since the last verdict" in judges.chosen


@pytest.mark.parametrize(("verdicts", "level"), [(1, 0.0125), (2, 0.00625)])
def test_rows_that_judge_again_need_stronger_evidence_each_time(verdicts: int, level: float) -> None:
    rows = table()
    past = [keys(rows, np.arange(80))] * verdicts
    judges = training.choose_judges(rows, np.arange(90), past, 0.95, 50)
    assert len(judges.rows) == 90
    assert 1 - judges.confidence == pytest.approx(level)


def test_predictions_of_rows_left_out_in_turn_are_no_better_than_the_truth_allows() -> None:
    rows = table(400)
    recipe = next(r for r in training.candidates("binary", ("linear",), 400, 1, seed=0))
    problem = training.Problem(SPEC.training, "binary", ("0", "1"), partial(features.row_features, SPEC, ["x"]))
    contest = training.reserve(rows, SPEC.training, None, pd.Timestamp("2026-01-01", tz="UTC").to_pydatetime())
    found, predictions = training.out_of_sample(rows, contest, recipe, problem)
    assert len(found) == len(rows)
    assert 0.7 < find_metric("roc_auc").value(rows["__target"].to_numpy()[found], predictions) < 0.9
    shuffled = rows.assign(__target=rows["__target"].sample(frac=1, random_state=0).to_numpy())
    found, predictions = training.out_of_sample(shuffled, contest, recipe, problem)
    assert find_metric("roc_auc").value(shuffled["__target"].to_numpy()[found], predictions) < 0.62


def test_rows_of_a_group_are_left_out_together() -> None:
    rng = np.random.default_rng(2)
    group = np.repeat(np.arange(100), 4)
    x, y = rng.normal(size=100)[group], rng.integers(0, 2, 100)[group].astype(float)
    rows = pd.DataFrame({"x": x, "__key": [f"k{at}" for at in range(400)], "__group": group, "__target": y})
    recipe = next(r for r in training.candidates("binary", ("extra_trees",), 400, 1, seed=0))
    problem = training.Problem(SPEC.training, "binary", ("0", "1"), partial(features.row_features, SPEC, ["x"]))
    contest = training.reserve(rows, SPEC.training, None, pd.Timestamp("2026-01-01", tz="UTC").to_pydatetime())
    found, predictions = training.out_of_sample(rows, contest, recipe, problem)
    assert find_metric("roc_auc").value(y[found], predictions) < 0.65


@pytest.mark.parametrize(
    ("ones", "task", "rows", "thin"),
    [
        (3, "binary", 5000, True),
        (20, "binary", 5000, False),
        (3, "multiclass", 5000, False),
        (3, "binary", 200_000, False),
    ],
)
def test_a_holdout_with_hardly_a_row_of_one_class_is_thin(ones: int, task: Task, rows: int, thin: bool) -> None:
    assert training.is_thin(np.array([1.0] * ones + [0.0] * 1000), task, rows) is thin
