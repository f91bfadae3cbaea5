"""Every metric that scikit-learn has, held against it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from sklearn import metrics as sk

from evergreen.metrics import METRICS, find_metric

RNG = np.random.default_rng


def _decided(score: Callable) -> Callable:
    """A score of decisions, as one of probabilities of class 1."""
    return lambda y, p, **how: score(y, p >= 0.5, **how)


BINARY: dict[str, Callable] = {
    "roc_auc": sk.roc_auc_score,
    "pr_auc": sk.average_precision_score,
    "log_loss": sk.log_loss,
    "brier": sk.brier_score_loss,
    "accuracy": _decided(sk.accuracy_score),
    "balanced_accuracy": _decided(sk.balanced_accuracy_score),
    "precision": _decided(sk.precision_score),
    "recall": _decided(sk.recall_score),
    "f1": _decided(sk.f1_score),
    "mcc": _decided(sk.matthews_corrcoef),
    "mae": sk.mean_absolute_error,
    "rmse": sk.root_mean_squared_error,
    "r2": sk.r2_score,
    "pinball": sk.mean_pinball_loss,
    "mape": sk.mean_absolute_percentage_error,
    "poisson_deviance": sk.mean_poisson_deviance,
    "tweedie_deviance": partial(sk.mean_tweedie_deviance, power=1.5),
    "gamma_deviance": sk.mean_gamma_deviance,
    "bias": lambda y, p: p.sum() / y.sum(),
}
#: Where a target of 0 has no place.
POSITIVE = ("mape", "gamma_deviance")
#: scikit-learn wants to be told the classes where one is missing.
NO_LABELS = ("log_loss", "brier")


# Coverage and width are of intervals: see test_other_tasks.py; a cost is the mean of what rows cost.
@pytest.mark.parametrize("metric", [name for name in METRICS if name not in ("coverage", "width", "cost")])
def test_a_value_and_its_deletions_equal_those_of_scikit_learn_on_the_rows_that_are_left(metric: str) -> None:
    rng = RNG(1)
    target = rng.integers(0, 2, 300) + (1.0 if metric in POSITIVE else 0.0)
    prediction = np.round(np.clip(0.2 * target + 0.8 * rng.random(300), 0, 1), 2)  # rounded: ties
    prediction += 0.01 if metric.endswith("deviance") else 0.0
    block = rng.integers(0, 9, 300)
    value, without = find_metric(metric).deletions(target, prediction, block, 9)
    assert value == pytest.approx(BINARY[metric](target, prediction))
    expected = [BINARY[metric](target[block != left], prediction[block != left]) for left in range(9)]
    assert without == pytest.approx(expected)


@pytest.mark.parametrize(
    ("metric", "peer"),
    [
        ("log_loss", lambda y, p: sk.log_loss(y, p)),
        ("brier", lambda y, p: sk.brier_score_loss(y, p, labels=[0, 1, 2, 3])),
        ("roc_auc", lambda y, p: sk.roc_auc_score(y, p, multi_class="ovr")),
        ("f1", lambda y, p: sk.f1_score(y, p.argmax(1), average="macro")),
        ("precision", lambda y, p: sk.precision_score(y, p.argmax(1), average="macro")),
        ("mcc", lambda y, p: sk.matthews_corrcoef(y, p.argmax(1))),
    ],
)
def test_values_of_many_classes_equal_those_of_scikit_learn(metric: str, peer: Callable) -> None:
    prediction = RNG(2).dirichlet(np.ones(4), 400)
    target = np.array([RNG(i).choice(4, p=row) for i, row in enumerate(prediction)])
    assert find_metric(metric).value(target, prediction) == pytest.approx(peer(target, prediction))


@pytest.mark.parametrize("metric", sorted(BINARY))
def test_a_row_that_stands_there_twice_counts_as_scikit_learn_weighs_it(metric: str) -> None:
    rng = RNG(6)
    target = rng.integers(0, 2, 200) + (1.0 if metric in POSITIVE else 0.0)
    prediction = np.round(0.01 + np.clip(0.2 * target + 0.7 * rng.random(200), 0, 0.98), 2)
    weight = rng.integers(0, 4, 200)
    twice = np.repeat(np.arange(200), weight)
    value = find_metric(metric).value(target[twice], prediction[twice])
    if metric == "bias":  # scikit-learn has none
        assert value == pytest.approx((weight @ prediction) / (weight @ target))
        return
    assert value == pytest.approx(BINARY[metric](target, prediction, sample_weight=weight))


@pytest.mark.parametrize("metric", sorted(BINARY))
def test_where_scikit_learn_has_no_value_there_is_none_and_the_reason_is_said(metric: str) -> None:
    """Of one class, of a target that does not vary and of zeros: either both have a value, or neither."""
    known = find_metric(metric)
    for target, prediction in (
        (np.ones(6), np.linspace(0.1, 0.9, 6)), (np.zeros(6), np.linspace(0.1, 0.4, 6)),
        (np.array([0.0, 1.0]), np.full(2, 0.2)),
    ):  # fmt: skip
        value = known.value(target, prediction)
        if np.isnan(value):
            assert known.why_undefined(target, prediction)
        elif metric not in NO_LABELS:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                assert value == pytest.approx(BINARY[metric](target, prediction))


def test_the_first_order_deletions_of_average_precision_agree_with_exact_ones() -> None:
    rng = RNG(4)
    target = rng.integers(0, 2, 4000).astype(float)
    prediction, block = np.round(0.3 * target + rng.random(4000), 2), rng.integers(0, 101, 4000)
    value, near = find_metric("pr_auc").deletions(target, prediction, block, 101)
    exact = [sk.average_precision_score(target[block != left], prediction[block != left]) for left in range(101)]
    assert np.std(near - value) == pytest.approx(np.std(exact), rel=0.02)
