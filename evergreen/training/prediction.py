"""Predictions of a fitted estimator for rows that are a matrix already."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evergreen.spec import Task

Floats = NDArray[np.float64]


def predict_matrix(model: Any, task: Task, matrix: Any, n_classes: int = 0) -> Floats:
    """Predictions of the pipeline's step ``model`` for rows as its step ``rows`` gives them.

    Args:
        model: A fitted estimator.
        task: What is predicted.
        matrix: (n, k), with at least one row.
        n_classes: Number of classes, where the model may not have seen them all; those get probability 0.

    Returns:
        Binary: the probability of class 1, of shape (n,). Multiclass: probabilities of shape (n, k). Regression: the
        quantity, of shape (n,).
    """
    if task == "regression":
        return np.asarray(model.predict(matrix), dtype=float)
    probabilities = np.asarray(model.predict_proba(matrix), dtype=float)
    places = np.asarray(model.classes_, dtype=int)
    full = np.zeros((len(matrix), max(n_classes, int(places.max()) + 1, 2)))
    full[:, places] = probabilities
    return full[:, 1] if task == "binary" else full
