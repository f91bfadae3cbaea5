"""Predictions of a fitted estimator for rows that are a matrix already, and the shape that they have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from evergreen.arrays import Floats
from evergreen.learning_tasks import TASKS
from evergreen.spec import Task

#: Rows from which a second thread pays.
MANY_ROWS = 2000


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
    method = model.predict_proba if TASKS[task].classes else model.predict
    return shaped(model, task, in_halves(model, method, matrix), n_classes)


def shaped(model: Any, task: Task, values: Floats, n_classes: int = 0) -> Floats:
    """A prediction from what a fitted estimator says: numbers, or probabilities of the classes that it has seen."""
    if not TASKS[task].classes:
        return TASKS[task].of_numbers(values)
    places = np.asarray(model.classes_, dtype=int)
    full = np.zeros((len(values), max(n_classes, int(places.max()) + 1, 2)))
    full[:, places] = values
    return TASKS[task].of_probabilities(full)


def in_halves(model: Any, predict: Callable[[Any], Any], matrix: Any) -> Floats:
    """What a model's method predicts, as its family does it best: a row's bits do not depend on the rows beside it.

    Args:
        model: A fitted estimator.
        predict: Its method; of classes the one that gives probabilities.
        matrix: (n, k).
    """
    from evergreen.training.families.catalogue import family_of  # families predict by this module

    return family_of(model).predict(model, predict, matrix)
