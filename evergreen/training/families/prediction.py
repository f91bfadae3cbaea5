"""Predictions of a fitted estimator for rows that are a matrix already, and the shape that they have."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evergreen.spec import TASKS, Task
from evergreen.training.families.leaves import leaves_of

Floats = NDArray[np.float64]

#: The least mean that a count or an amount is predicted to have: a loss on the scale of logarithms has no place for 0.
LEAST = 1e-6
#: Rows from which a second thread pays.
_MANY_ROWS = 2000
#: Leaves of the trees that rows pass at a time.
_LEAVES_AT_ONCE = 2048
#: A booster keeps in itself from which round on it predicts: two threads that ask it at once get each other's rounds.
_ONE_AT_A_TIME = Lock()


def blank(rows: int, task: Task, n_columns: int) -> Floats:
    """Predictions that are not made yet: NaN of shape (n,), or (n, k) for k classes or quantiles."""
    return np.full((rows, n_columns) if TASKS[task].columns else (rows,), np.nan)


def predict_matrix(model: Any, task: Task, matrix: Any, n_classes: int = 0) -> Floats:
    """Predictions of the pipeline's step ``model`` for rows as its step ``rows`` gives them.

    Args:
        model: A fitted estimator.
        task: What is predicted.
        matrix: (n, k), with at least one row.
        n_classes: Number of classes, where the model may not have seen them all; those get probability 0.

    Returns:
        Binary: the probability of class 1, of shape (n,). Multiclass: probabilities of shape (n, k). Quantiles: (n, k).
        Else the quantity, of shape (n,); of counts and amounts the mean for an exposure of 1.
    """
    if not TASKS[task].classes:
        values = in_halves(model, model.predict, matrix)
        return np.maximum(values, LEAST) if TASKS[task].rises else values
    probabilities = in_halves(model, model.predict_proba, matrix)
    places = np.asarray(model.classes_, dtype=int)
    full = np.zeros((len(matrix), max(n_classes, int(places.max()) + 1, 2)))
    full[:, places] = probabilities
    return full[:, 1] if task == "binary" else full


def in_halves(model: Any, predict: Callable[[Any], Any], matrix: Any) -> Floats:
    """What a model's method predicts: a row's bits do not depend on the rows beside it. Trees take many on two threads.

    A forest's own threads would add up votes in any order, so that it predicts two halves at once.

    Args:
        model: A fitted estimator.
        predict: Its method; of classes the one that gives probabilities.
        matrix: (n, k).
    """
    if getattr(model, "objective_", None) in _LINKS:
        return _boosted(model, matrix)
    if len(matrix) < _MANY_ROWS or not isinstance(getattr(model, "estimators_", None), list):
        return np.asarray(predict(matrix), dtype=float)
    middle = len(matrix) // 2
    with ThreadPoolExecutor(2) as pool:
        return np.concatenate(list(pool.map(predict, (matrix[:middle], matrix[middle:])))).astype(float, copy=False)


def _boosted(model: Any, matrix: Any) -> Floats:
    """What LightGBM predicts, as many rounds at a time as a core keeps at hand; many rows by ``leaves``.

    Its own way, all trees for one row before the next, fetches every tree from memory again for each row: of 600 trees
    of 31 leaves a row took 28 microseconds, by some rounds at a time 15, and many rows take about 5 each.
    """
    booster = model.booster_
    rounds = booster.best_iteration if booster.best_iteration > 0 else booster.current_iteration()
    outputs = booster.num_model_per_iteration()
    step = max(1, _LEAVES_AT_ONCE // (model.num_leaves * outputs))
    leaves = leaves_of(booster, rounds, step, len(matrix)) if len(matrix) >= _MANY_ROWS else None
    if leaves:
        sums = leaves.sums(matrix)
        return _LINKS[model.objective_](sums if outputs > 1 else sums[:, 0])
    threads = 1 if len(matrix) < _MANY_ROWS else 2
    scores = np.zeros((len(matrix), outputs) if outputs > 1 else len(matrix))
    with _ONE_AT_A_TIME:
        for first in range(0, rounds, step):
            scores += booster.predict(
                matrix, raw_score=True, start_iteration=first, num_iteration=min(step, rounds - first),
                num_threads=threads,
            )  # fmt: skip
    return _LINKS[model.objective_](scores)


def _logistic(scores: Floats) -> Floats:
    ones = 1 / (1 + np.exp(-scores))
    return np.column_stack([1 - ones, ones])


def _softmax(scores: Floats) -> Floats:
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def _itself(scores: Floats) -> Floats:
    return scores


#: What boosting makes of its scores, by what it has learned.
_LINKS: dict[str, Callable[[Floats], Floats]] = {
    "binary": _logistic, "multiclass": _softmax, "poisson": np.exp, "tweedie": np.exp, "gamma": np.exp,
    "regression": _itself, "regression_l1": _itself, "mape": _itself, "quantile": _itself,
}  # fmt: skip
