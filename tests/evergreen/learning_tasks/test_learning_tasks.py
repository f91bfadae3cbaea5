"""What every kind of task promises, whichever it is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evergreen import scoring
from evergreen.arrays import Floats
from evergreen.errors import SpecError, TrainingError
from evergreen.learning_tasks import DECISION, EVEN, PREDICTION, TASKS, LearningTask
from evergreen.metrics import METRICS, find_metric
from evergreen.spec import Training
from evergreen.training import encode_known, encode_target, find_task

QUANTILES = (0.1, 0.5, 0.9)
each_task = pytest.mark.parametrize("task", TASKS.values(), ids=str)


def labels_of(task: LearningTask, rows: int = 300) -> pd.Series:
    """Labels as they may stand in a table, a few of them null."""
    rng = np.random.default_rng(0)
    if task.classes:
        names = ["no", "yes"] if task.decides else ["blue", "green", "red"]
        return pd.Series(rng.choice(names, rows)).mask(pd.Series(rng.random(rows) < 0.05))
    return pd.Series(rng.poisson(3, rows).astype(float)).mask(pd.Series(rng.random(rows) < 0.05))


def rows_of(task: LearningTask) -> tuple[Floats, Floats, tuple[str, ...]]:
    """Encoded targets, predictions that know something of them, and the names of these predictions' columns."""
    rng = np.random.default_rng(1)
    labels = labels_of(task).dropna()
    target, classes = task.encode(labels)
    names = task.column_names(classes, QUANTILES)
    if task.classes:
        probabilities = (
            rng.dirichlet(np.ones(len(classes)), len(target)) + 0.5 * np.eye(len(classes))[target.astype(int)]
        )
        return target, task.of_probabilities(probabilities / probabilities.sum(axis=1, keepdims=True)), names
    numbers = 0.5 * target + rng.gamma(1, 2, len(target))
    if task.columns:
        numbers = np.sort(numbers[:, None] + rng.normal(size=(len(target), len(names))), axis=1)
    return target, task.of_numbers(numbers), names


@each_task
def test_its_default_metric_and_all_that_it_takes_can_judge_its_predictions(task: LearningTask) -> None:
    target, prediction, _ = rows_of(task)
    primary = task.primary(task.metric_name(None, QUANTILES))
    assert primary.base == task.metric
    assert primary.base in {metric.base for metric in task.metrics()}
    assert np.isfinite(primary.value(target, prediction))
    with pytest.raises(SpecError, match="is no metric"):
        task.primary("nothing_known")
    wrong = next(metric for metric in METRICS.values() if metric not in task.metrics())
    with pytest.raises(SpecError, match=f"does not fit a {task.name} model"):
        task.primary(wrong.name)


@each_task
def test_labels_become_numbers_and_those_the_labels_again(task: LearningTask) -> None:
    labels = labels_of(task)
    target, classes = task.encode(labels)
    assert (np.isnan(target) == labels.isna()).all()
    known = labels.notna().to_numpy()
    if task.classes:
        assert [classes[int(code)] for code in target[known]] == labels[known].tolist()
    else:
        assert target[known].tolist() == labels[known].tolist()
    again, same = task.encode(labels, classes)
    assert same == classes
    assert np.array_equal(again, target, equal_nan=True)
    assert np.array_equal(encode_known(labels, task.name, classes), target, equal_nan=True)
    with pytest.raises(TrainingError, match="have the same target"):
        encode_target(pd.Series([1.0, 1.0]), task.name)


@each_task
def test_a_prediction_has_the_shape_that_the_task_says(task: LearningTask) -> None:
    target, prediction, names = rows_of(task)
    assert prediction.shape == ((len(target), len(names)) if task.columns else (len(target),))
    assert bool(names) == (task.classes or task.columns)


@each_task
def test_every_metric_that_fits_has_a_value_and_where_none_a_reason(task: LearningTask) -> None:
    target, prediction, names = rows_of(task)
    found = task.values(target, prediction, names or None)
    assert {metric.base for metric in task.metrics()} <= set(found.values)
    assert {name for name, value in found.values.items() if np.isnan(value)} == set(found.undefined)
    nothing = task.values(target[:0], prediction[:0], names or None)
    known = {name: why for name, why in nothing.undefined.items() if name in METRICS}
    assert set(known.values()) == {"there are no rows"}


@each_task
def test_the_baseline_has_the_shape_of_a_prediction_and_is_the_best_constant(task: LearningTask) -> None:
    target, prediction, names = rows_of(task)
    constant = task.baseline(target, len(target), names or None)
    assert constant.shape == prediction.shape
    assert (constant == constant[0]).all()
    proper = {"roc_auc": "log_loss"}.get(task.metric, task.metric_name(None, QUANTILES))  # an area knows no constant
    metric = find_metric(proper)
    # Nearer to the last class, or larger.
    nearby = 0.9 * constant + 0.1 * np.eye(len(names))[-1] if task.classes and task.columns else 1.1 * constant
    assert metric.value(target, constant) < metric.value(target, nearby)


@each_task
def test_the_ledger_gives_predictions_back_and_a_decision_to_each(task: LearningTask) -> None:
    _, prediction, names = rows_of(task)
    version: Any = SimpleNamespace(task=task.name, classes=names)
    kept = task.ledger(prediction, names, EVEN)
    assert [PREDICTION, *task.ledger_columns(names), DECISION] == list(kept)
    table = pd.DataFrame(kept)
    assert (scoring.values(table, version) == prediction).all()
    assert table[DECISION].notna().all()
    if task.classes:
        assert set(table[DECISION]) <= set(names)
    empty = pd.DataFrame(task.ledger(prediction[:0], names, EVEN))
    assert list(empty) == list(table)
    assert empty.dtypes.equals(table.dtypes)


@each_task
def test_a_file_of_predictions_says_what_the_ledger_says(task: LearningTask) -> None:
    _, prediction, names = rows_of(task)
    said, kept = (pd.DataFrame(how(prediction, names, EVEN)) for how in (task.table, task.ledger))
    assert next(iter(said)) == PREDICTION
    assert (said[PREDICTION] == (kept[DECISION] if task.classes else kept[PREDICTION])).all()
    if task.classes:
        each = said[[f"p_{name}" for name in names]].to_numpy()
        assert each.sum(axis=1) == pytest.approx(1)


@each_task
def test_its_figures_are_drawn(task: LearningTask) -> None:
    target, prediction, names = rows_of(task)
    drawn = task.figures(target, prediction, names or None)
    assert drawn
    assert all(figure.axes for figure in drawn.values())


@each_task
def test_what_is_moved_is_decided_from_one_half_as_it_was_from_the_threshold(task: LearningTask) -> None:
    _, prediction, _ = rows_of(task)
    moved = task.moved(prediction, 0.2)
    if task.decides:
        assert ((moved >= EVEN) == (prediction >= 0.2)).all()
        assert (np.argsort(moved, kind="stable") == np.argsort(prediction, kind="stable")).all()
    else:
        assert moved is prediction


@each_task
def test_what_boosting_watches_says_which_way_is_better(task: LearningTask) -> None:
    for metric in task.metrics():
        watched = task.watches(metric.name)
        if watched.metric:
            assert find_metric(watched.metric).greater_is_better == watched.greater_is_better


@each_task
def test_an_estimate_is_refused_with_a_reason_or_possible(task: LearningTask) -> None:
    for metric in task.metrics():
        possible = bool(task.estimated_from) and metric.estimated_from == task.estimated_from
        assert bool(task.why_not_estimated(metric.name)) != possible


@each_task
def test_a_spec_may_name_it(task: LearningTask) -> None:
    assert Training.model_validate({"task": task.name}).metric_of(task.name).startswith(task.metric)


def test_a_target_is_taken_for_the_first_task_that_it_suits() -> None:
    for values, name in ((["a", "b"], "binary"), ([0, 1, 2], "multiclass"), (range(40), "regression")):
        assert find_task(pd.Series(values)) == name


def test_classes_that_are_equal_as_floats_have_the_same_order_in_every_process() -> None:
    numbers = [2**60 + step for step in range(20)]
    _, classes = TASKS["multiclass"].encode(pd.Series(numbers[::-1]))
    assert classes == tuple(str(number) for number in numbers)
