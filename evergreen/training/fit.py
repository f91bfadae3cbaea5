"""Fit one candidate, refit a recipe, and predict."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from evergreen.arrays import Floats
from evergreen.errors import TrainingError, did_you_mean
from evergreen.handoffs import TARGET
from evergreen.learning_tasks import TASKS
from evergreen.metrics import find_metric
from evergreen.spec import Task
from evergreen.threads import one_thread
from evergreen.training.families.adjusted import adjusted, exposures, pipeline_of
from evergreen.training.families.bagging import bagged
from evergreen.training.families.fold import Fold
from evergreen.training.families.learning import fit_estimator, make_estimator, refit_estimator
from evergreen.training.families.monotone import constrain
from evergreen.training.families.prediction import blank, predict_matrix
from evergreen.training.families.recipe import Recipe
from evergreen.training.problem import Problem
from evergreen.training.rows import recency
from evergreen.training.rows.targets import encode_target
from evergreen.training.watch import Watch

logger = logging.getLogger(__name__)

#: Labels and weights.
Labels = tuple[Floats, Floats | None]


@dataclass(frozen=True)
class Finished:
    """What a search keeps of a candidate: all that is needed to compare it, to mix it and to fit it again.

    ``recipe`` holds the number of rounds at which early stopping ended. ``tuning`` are its predictions for the tuning
    part, of shape (n,) or (n, k); ``seconds`` is wall time. ``cut`` says that time ran out before it was done.
    """

    recipe: Recipe
    tuning: Floats
    seconds: float
    cut: bool = False


@dataclass(frozen=True)
class Fitted(Finished):
    """A candidate with its model, fitted on the training part."""

    pipeline: Pipeline = None


class Matrices:
    """The matrices of one split, made once for all candidates that take the same view of the inputs.

    Args:
        train: Rows to fit on, with ``__target``.
        tuning: Rows to stop by and to predict, with ``__target``.
        problem: What is learned.
    """

    def __init__(self, train: pd.DataFrame, tuning: pd.DataFrame, problem: Problem) -> None:
        self.train, self.tuning, self.problem = train, tuning, problem
        self._made: dict[str, tuple[Any, Any, Any]] = {}
        self._kept: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}

    def of(self, view: str) -> tuple[Any, Any, Any]:
        """The fitted transformer, the training matrix and the tuning matrix for a recipe's view of the inputs."""
        if view not in self._made:
            rows = self.problem.transformer_for(view)
            y, weight = _rates(self.train, self.problem)
            self._made[view] = rows, rows.fit_transform(self.train, y, weight), rows.transform(self.tuning)
        return self._made[view]

    def kept(self, view: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Where families keep what they make of both matrices, for all candidates that take them."""
        return self._kept.setdefault(view, ({}, {}))

    def labels(self, recipe: Recipe) -> tuple[Labels, Labels]:
        """Labels and weights of both parts."""
        y, weight = _labels(self.train, self.problem, recipe)
        return (y, bagged(weight, len(y), recipe)), _labels(self.tuning, self.problem, recipe)


def fit_candidate(
    recipe: Recipe, train: pd.DataFrame, tuning: pd.DataFrame, problem: Problem,
    clock: Callable[[], float] = lambda: 0.0, deadline: float = float("inf"),
) -> Fitted:  # fmt: skip
    """Fit one candidate; boosting and networks stop early by the primary metric (or a loss) on the tuning rows.

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
    return fit_on(recipe, Matrices(train, tuning, problem), Watch(clock, deadline))


def fit_on(recipe: Recipe, matrices: Matrices, watch: Watch) -> Fitted:
    """The same, from matrices that are there already; boosting that cannot win any more ends at its best round."""
    with one_thread("blas"):
        return _fit_on(recipe, matrices, watch)


def _fit_on(recipe: Recipe, matrices: Matrices, watch: Watch) -> Fitted:
    began = watch.clock()
    problem = matrices.problem
    (y, weight), (y_tuning, weight_tuning) = matrices.labels(recipe)
    rows, x, x_tuning = matrices.of(recipe.view)
    watch.check()
    model = make_estimator(recipe, problem.task, problem.metric)
    constrain(model, rows, problem.settings.monotone)
    kept = matrices.kept(recipe.view)
    train = Fold(x, y, weight, kept[0], problem.threads)
    parts = train, Fold(x_tuning, y_tuning, weight_tuning, kept[1], problem.threads)
    learned = fit_estimator(recipe, model, rows, parts, problem, watch)
    pipeline = pipeline_of(rows, learned.model, problem.settings.exposure, recipe.shifts, recipe.calibration)
    predictions = predict_matrix(learned.model, problem.task, x_tuning, len(problem.classes))
    predictions = adjusted(pipeline, predictions, matrices.tuning)
    seconds = watch.clock() - began
    return Fitted(recipe.with_params(**learned.fixed), predictions, seconds, learned.cut, pipeline)


def refit(
    recipe: Recipe,
    rows: pd.DataFrame,
    problem: Problem,
    scale: float = 1.0,
) -> Pipeline:
    """Fit a recipe, rounds as they are fixed in it, on all ``rows``; of an ensemble, every member.

    Args:
        recipe: As ``fit_candidate`` returned it.
        rows: Rows with ``__target``; all of them have a label.
        problem: What is learned.
        scale: Multiplies the rounds of boosting, e.g. by the growth of the number of rows.
    """
    rows = recency.kept(rows, recipe.recency)
    transformer = problem.transformer_for(recipe.view)
    y, weight = _labels(rows, problem, recipe)
    x = transformer.fit_transform(rows, *_rates(rows, problem))
    model = make_estimator(recipe, problem.task, problem.metric)
    constrain(model, transformer, problem.settings.monotone)
    parts = zip(recipe.members or [recipe], model.members if recipe.members else [model], strict=True)
    for part, estimator in parts:
        fold = Fold(x, y, bagged(weight, len(y), part), most_threads=problem.threads)
        refit_estimator(part, estimator, transformer, fold, scale)
    return pipeline_of(transformer, model, problem.settings.exposure, recipe.shifts, recipe.calibration)


def predict(pipeline: Pipeline, task: Task, frame: pd.DataFrame, n_classes: int = 0) -> Floats:
    """Predictions of a fitted Pipeline for rows of any column types.

    Args:
        pipeline: From ``fit_candidate`` or ``refit``.
        task: What is predicted.
        frame: Rows with the model's inputs.
        n_classes: Number of classes, where the model may not have seen them all; those get probability 0.

    Returns:
        Binary: the probability of class 1, of shape (n,). Multiclass: probabilities of shape (n, k). Quantiles: (n, k),
        ascending. Else the quantity, of shape (n,); where there is an exposure, for that of the row.
    """
    if frame.empty:
        return blank(0, task, n_classes)
    matrix = pipeline.named_steps["rows"].transform(frame)
    return adjusted(pipeline, predict_matrix(pipeline.named_steps["model"], task, matrix, n_classes), frame)


def _labels(rows: pd.DataFrame, problem: Problem, recipe: Recipe) -> Labels:
    """Labels and weights; with an exposure those of rates (for counts the same as an offset of its logarithm)."""
    task, classes = problem.task, problem.classes
    has_classes = TASKS[task].classes
    y, exposure = _rates(rows, problem)
    if np.isnan(y).any():
        raise TrainingError("rows without a label cannot be fitted on; select those of the split")
    if has_classes and len(np.unique(y)) < 2:
        raise TrainingError(
            f"all {len(y):,} rows of a part belong to the class {classes[int(y[0])]}; "
            "widen training.window, or make holdout and tuning longer"
        )
    if find_metric(problem.metric).refuses_zeros and not y.all():
        raise TrainingError(f"{int((y == 0).sum()):,} targets are 0, which {problem.metric} has no place for; leave "
                            "training.metric out, and zeros are allowed")  # fmt: skip
    weight = _product(_weights(rows, problem.settings.weight), recency.weights(rows, recipe.recency))
    weight = _product(weight, exposure)
    if has_classes:
        weight = _product(weight, _class_weights(y.astype(int), classes, recipe.class_weight))
    return y, weight


def _rates(rows: pd.DataFrame, problem: Problem) -> Labels:
    """Labels as numbers, with an exposure as rates, and the exposures: what transformer and model learn from alike."""
    y, _ = encode_target(rows[TARGET], problem.task, problem.classes)
    if not problem.settings.exposure:
        return y, None
    exposure = exposures(rows, problem.settings.exposure)
    return y / exposure, exposure


def _class_weights(codes: NDArray[np.int64], classes: Sequence[str], how: str) -> Floats | None:
    """What each row counts for the sake of its class, (n,)."""
    if how == "none":
        return None
    if how == "balanced":
        count = np.bincount(codes, minlength=len(classes))
        balance: Floats = len(codes) / (np.count_nonzero(count) * np.maximum(count, 1))
        return balance[codes]
    given = json.loads(how)
    strange = sorted(set(given) - set(classes))
    if strange:
        raise TrainingError(
            f"training.class_weight.{strange[0]}: no such class{did_you_mean(strange[0], classes)}; there are "
            f"{', '.join(classes)}"
        )
    return np.array([given.get(name, 1.0) for name in classes], dtype=float)[codes]


def _product(weight: Floats | None, other: Floats | None) -> Floats | None:
    return other if weight is None else weight if other is None else weight * other


def _weights(rows: pd.DataFrame, column: str | None) -> Floats | None:
    if column is None:
        return None
    if column not in rows:
        raise TrainingError(f"training.weight: {column}: the table has no such column")
    weight = pd.to_numeric(rows[column], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    if not np.isfinite(weight).all() or (weight < 0).any() or not weight.any():
        raise TrainingError(f"training.weight: {column}: weights must be numbers from 0 up, not all 0, without nulls")
    return weight
