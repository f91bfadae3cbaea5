from __future__ import annotations

import numpy as np
import pytest

from evergreen.errors import SpecError
from evergreen.evaluation import evaluate, trivial_prediction
from evergreen.learning_tasks import TASKS
from evergreen.metrics import METRICS, Metric


@pytest.mark.parametrize("metric", [metric for metric in METRICS.values() if metric.tasks], ids=str)
def test_every_metric_is_offered_to_its_tasks_and_to_no_other(metric: Metric) -> None:
    for task in TASKS:
        if task in metric.tasks and metric.primary:
            assert TASKS[task].primary(metric.name) is metric
        else:
            with pytest.raises(SpecError, match="does not fit"):
                TASKS[task].primary(metric.name)


def test_a_binary_prediction_has_all_ten_values() -> None:
    result = evaluate("binary", [0, 0, 1, 1], [0.1, 0.6, 0.7, 0.9])
    assert result.undefined == {}
    assert result.values["roc_auc"] == 1
    assert result.values["accuracy"] == 0.75
    assert result.values["precision"] == pytest.approx(2 / 3)
    assert len([name for name in result.values if "/" not in name]) == 10


def test_both_classes_of_a_binary_task_have_values_by_the_models_own_decisions() -> None:
    values = evaluate("binary", [0, 0, 1, 1], [0.1, 0.5, 0.7, 0.9], classes=["no", "yes"]).values
    assert (values["recall/no"], values["recall/yes"]) == (0.5, 1)  # one half stands for yes, as in the whole
    assert values["precision/yes"] == values["precision"]
    assert values["roc_auc/no"] == values["roc_auc/yes"] == 1


def test_one_class_leaves_areas_undefined_and_says_why() -> None:
    result = evaluate("binary", [1, 1, 1], [0.4, 0.6, 0.7])
    assert np.isnan(result.values["roc_auc"])
    assert result.undefined["roc_auc"] == "all 3 rows are of class 1"
    assert result.values["log_loss"] > 0


def test_a_precision_without_positive_decisions_says_why() -> None:
    assert evaluate("binary", [0, 1], [0.1, 0.2]).undefined["precision"] == "no row is predicted as class 1"


def test_percentages_of_zero_are_undefined_and_the_zeros_counted() -> None:
    result = evaluate("regression", [0.0, 0.0, 2.0], [1.0, 1.0, 1.0])
    assert np.isnan(result.values["mape"])
    assert result.undefined == {"mape": "2 targets are zero"}
    assert result.values["mae"] == 1


def test_many_classes_have_a_value_each_and_their_mean() -> None:
    prediction = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.2, 0.7], [0.5, 0.1, 0.4]])
    values = evaluate("multiclass", [0, 1, 2, 2], prediction, classes=["red", "green", "blue"]).values
    each = [values[f"f1/{name}"] for name in ("red", "green", "blue")]
    assert each == pytest.approx([2 / 3, 1, 2 / 3])
    assert values["f1"] == pytest.approx(np.mean(each))


def test_a_class_that_never_occurs_is_undefined_alone() -> None:
    prediction = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.6, 0.3, 0.1]])
    result = evaluate("multiclass", [0, 1, 1], prediction, classes=["a", "b", "c"])
    assert result.undefined["roc_auc/c"] == "no row is of class c"
    assert result.values["roc_auc"] == pytest.approx(1.0)


def test_no_rows_are_undefined_not_an_error() -> None:
    result = evaluate("regression", [], [])
    assert set(result.undefined.values()) == {"there are no rows"}


@pytest.mark.parametrize(
    ("task", "metric", "expected"),
    [("binary", None, [0.25] * 2), ("regression", "rmse", [0.25] * 2), ("regression", "mae", [0.0] * 2)],
)
def test_the_trivial_prediction_is_the_best_constant(task: str, metric: str | None, expected: list[float]) -> None:
    assert trivial_prediction(task, [0, 0, 0, 1], 2, metric=metric).tolist() == expected


def test_the_trivial_prediction_has_a_column_for_a_class_not_seen_in_training() -> None:
    prediction = trivial_prediction("multiclass", [0, 0, 1, 1], 3, classes=["a", "b", "c"])
    assert prediction.tolist() == [[0.5, 0.5, 0.0]] * 3


def test_a_metric_of_another_task_is_refused_with_those_that_fit() -> None:
    with pytest.raises(SpecError, match="rmse does not fit a binary model; choose from accuracy"):
        TASKS["binary"].primary("rmse")


def test_a_misspelt_metric_is_refused_with_the_right_name() -> None:
    with pytest.raises(SpecError, match="did you mean roc_auc"):
        TASKS["binary"].primary("rocauc")
