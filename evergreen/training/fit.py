"""Fit one candidate, refit a recipe, and predict."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from evergreen.errors import TrainingError
from evergreen.handoffs import TARGET
from evergreen.spec import PRIMARY, Task, Training
from evergreen.training.candidates import Recipe, make_pipeline
from evergreen.training.prediction import predict_matrix
from evergreen.training.targets import encode_target

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]
#: A fresh, unfitted transformer for ``codes`` or ``onehot``.
TransformerFor = Callable[[str], Any]

_PATIENCE = 100
#: Values below which a second thread does not pay.
_SMALL_MATRIX = 200_000
#: Trees grown between two looks at the clock.
_TREES_AT_A_TIME = 20
#: What early stopping watches for a primary metric; for other metrics, the task's own loss.
_WATCHED = {
    "roc_auc": "auc", "average_precision": "average_precision", "log_loss": "binary_logloss",
    "rmse": "rmse", "r2": "rmse", "mae": "l1", "mape": "mape",
}  # fmt: skip
_LOSS = {"binary": "binary_logloss", "multiclass": "multi_logloss", "regression": "rmse"}


@dataclass(frozen=True)
class Problem:
    """What is learned: the spec's training part, the task with its classes, and how rows become a matrix.

    ``classes`` stand in the order of their codes; empty for a quantity. ``transformer_for`` gives a fresh, unfitted
    transformer for ``codes`` or ``onehot``.
    """

    settings: Training
    task: Task
    classes: tuple[str, ...]
    transformer_for: TransformerFor

    @property
    def metric(self) -> str:
        """The primary metric."""
        return self.settings.metric or PRIMARY[self.task]


class OutOfTime(Exception):
    """A candidate was not finished when the budget ran out; it is dropped, never kept half done."""


@dataclass(frozen=True)
class Fitted:
    """A candidate fitted on the training part, with its predictions for the tuning part.

    ``recipe`` holds the number of rounds at which early stopping ended. ``tuning`` is of shape (n,) or (n, k),
    ``seconds`` is wall time.
    """

    recipe: Recipe
    pipeline: Pipeline
    tuning: Floats
    seconds: float


def fit_candidate(
    recipe: Recipe,
    train: pd.DataFrame,
    tuning: pd.DataFrame,
    problem: Problem,
    clock: Callable[[], float] = lambda: 0.0,
    deadline: float = float("inf"),
) -> Fitted:
    """Fit one candidate; boosting stops early by the primary metric (or its loss) on the tuning rows.

    Args:
        recipe: What to fit.
        train: Rows to fit on, with ``__target``.
        tuning: Rows to stop by and to predict, with ``__target``.
        problem: What is learned.
        clock: Seconds.
        deadline: The clock's value at which fitting is given up.

    Raises:
        OutOfTime: the deadline passed; nothing of the candidate may be used.
        TrainingError: labels or weights that cannot be used.
    """
    began = clock()
    pipeline = _new(recipe, problem)
    rows, model = pipeline.named_steps["rows"], pipeline.named_steps["model"]
    y, weight = _labels(train, problem, recipe)
    x = rows.fit_transform(train, y)
    if recipe.family == "lightgbm":
        y_tuning, weight_tuning = _labels(tuning, problem, recipe)
        watch = (rows.transform(tuning), y_tuning, weight_tuning)
        rounds = _boost(model, rows, (x, y, weight), watch, problem, lambda: clock() > deadline)
        recipe = recipe.with_settings(n_estimators=rounds)
    else:
        _fit_model(model, x, y, weight, clock, deadline)
    predictions = predict(pipeline, problem.task, tuning, len(problem.classes))
    return Fitted(recipe, pipeline, predictions, clock() - began)


def refit(
    recipe: Recipe,
    rows: pd.DataFrame,
    problem: Problem,
    scale: float = 1.0,
) -> Pipeline:
    """Fit a recipe, rounds as they are fixed in it, on all ``rows``.

    Args:
        recipe: As ``fit_candidate`` returned it.
        rows: Rows with ``__target``; all of them have a label.
        problem: What is learned.
        scale: Multiplies the rounds of boosting, e.g. by the growth of the number of rows.
    """
    if recipe.family == "lightgbm":
        recipe = recipe.with_settings(n_estimators=max(1, round(recipe.settings["n_estimators"] * scale)))
    pipeline = _new(recipe, problem)
    transformer, model = pipeline.named_steps["rows"], pipeline.named_steps["model"]
    y, weight = _labels(rows, problem, recipe)
    x = transformer.fit_transform(rows, y)
    if recipe.family == "lightgbm":
        _set_threads(model, x)
        model.fit(x, y, sample_weight=weight, categorical_feature=transformer.categorical_indices_)
    else:
        _fit_model(model, x, y, weight, lambda: 0.0, float("inf"))
    return pipeline


def predict(pipeline: Pipeline, task: Task, frame: pd.DataFrame, n_classes: int = 0) -> Floats:
    """Predictions of a fitted Pipeline for rows of any column types.

    Args:
        pipeline: From ``fit_candidate`` or ``refit``.
        task: What is predicted.
        frame: Rows with the model's inputs.
        n_classes: Number of classes, where the model may not have seen them all; those get probability 0.

    Returns:
        Binary: the probability of class 1, of shape (n,). Multiclass: probabilities of shape (n, k). Regression: the
        quantity, of shape (n,).
    """
    if frame.empty:
        return np.empty((0, n_classes)) if task == "multiclass" else np.empty(0)
    matrix = pipeline.named_steps["rows"].transform(frame)
    return predict_matrix(pipeline.named_steps["model"], task, matrix, n_classes)


def _new(recipe: Recipe, problem: Problem) -> Pipeline:
    return make_pipeline(recipe, problem.task, problem.transformer_for(recipe.encode), problem.settings.metric)


def _labels(rows: pd.DataFrame, problem: Problem, recipe: Recipe) -> tuple[Floats, Floats | None]:
    task, classes = problem.task, problem.classes
    y, _ = encode_target(rows[TARGET], task, classes)
    if np.isnan(y).any():
        raise TrainingError("rows without a label cannot be fitted on; select those of the split")
    if task != "regression" and len(np.unique(y)) < 2:
        raise TrainingError(
            f"all {len(y):,} rows of a part belong to the class {classes[int(y[0])]}; "
            "widen training.window, or make holdout and tuning longer"
        )
    weight = _weights(rows, problem.settings.weight)
    if recipe.class_weight == "balanced" and task != "regression":
        count = np.bincount(y.astype(int), minlength=len(classes))
        balance = len(y) / (np.count_nonzero(count) * np.maximum(count, 1))
        weight = balance[y.astype(int)] * (1.0 if weight is None else weight)
    return y, weight


def _weights(rows: pd.DataFrame, column: str | None) -> Floats | None:
    if column is None:
        return None
    if column not in rows:
        raise TrainingError(f"training.weight: {column}: the table has no such column")
    weight = pd.to_numeric(rows[column], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    if not np.isfinite(weight).all() or (weight < 0).any() or not weight.any():
        raise TrainingError(f"training.weight: {column}: weights must be numbers from 0 up, not all 0, without nulls")
    return weight


def _boost(
    model: Any, rows: Any, fit_on: tuple[Any, Floats, Floats | None], watch: tuple[Any, Floats, Floats | None],
    problem: Problem, late: Callable[[], bool],
) -> int:  # fmt: skip
    """Fit LightGBM with early stopping; the number of rounds that were best."""
    import lightgbm

    loss = _LOSS[problem.task]
    metric = loss if problem.task == "multiclass" else _WATCHED.get(problem.metric, loss)
    x, y, weight = fit_on
    _set_threads(model, x)

    def look_at_the_clock(_: Any) -> None:
        if late():
            raise OutOfTime

    model.fit(
        x, y, sample_weight=weight, categorical_feature=rows.categorical_indices_, eval_metric=metric,
        eval_X=watch[0], eval_y=watch[1], eval_sample_weight=None if watch[2] is None else [watch[2]],
        callbacks=[lightgbm.early_stopping(_PATIENCE, first_metric_only=True, verbose=False), look_at_the_clock],
    )  # fmt: skip
    return int(model.best_iteration_ or model.n_estimators)


def _set_threads(model: Any, x: Any) -> None:
    """One thread for a small matrix, where two wait for each other longer than they work; the bits are the same."""
    model.set_params(n_jobs=2 if x.size > _SMALL_MATRIX else 1)


def _fit_model(
    model: Any, x: Any, y: Floats, weight: Floats | None, clock: Callable[[], float], deadline: float
) -> None:
    if clock() > deadline:
        raise OutOfTime
    total = getattr(model, "n_estimators", None)
    if total is None:
        model.fit(x, y, sample_weight=weight)
        return
    # Forests grown in steps are the same, bit for bit, as those grown at once.
    model.set_params(warm_start=True)
    for trees in [*range(_TREES_AT_A_TIME, total, _TREES_AT_A_TIME), total]:
        model.set_params(n_estimators=trees).fit(x, y, sample_weight=weight)
        if clock() > deadline:
            raise OutOfTime
    # Threads add up a forest's votes in any order, which changes the last bit.
    model.set_params(warm_start=False, n_jobs=1)
