"""Let an estimator learn: with rows to stop by, within a time, or for the rounds that a recipe has fixed."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evergreen.statistics import greater_is_better, metric_value
from evergreen.training.families.boosting import Fold, boost, threads
from evergreen.training.families.candidates import Recipe
from evergreen.training.families.prediction import predict_matrix
from evergreen.training.families.quantiles import Quantiles
from evergreen.training.families.standardised import Standardised
from evergreen.training.problem import Problem
from evergreen.training.watch import Watch

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]

#: Epochs without a better one after which a network stops, and those that it takes at least, as a rule.
_PATIENT_EPOCHS, _LIKELY_EPOCHS = 12, 30
#: Trees grown between two looks at the clock.
_TREES_AT_A_TIME = 20
#: Rows from which a fit that nothing can interrupt is tried out on a tenth of them first.
_PROBED_ROWS = 20_000
#: Threads of boosting that scores.
SCORING_THREADS = 2


def fit_estimator(
    recipe: Recipe, model: Any, rows: Any, parts: tuple[Fold, Fold], problem: Problem, watch: Watch
) -> tuple[dict[str, Any], bool]:
    """Fit a single model on the first part, stopping by the second.

    Args:
        recipe: What the model was made from.
        model: The unfitted estimator.
        rows: The fitted transformer that made the matrices.
        parts: To fit on, and to stop by.
        problem: What is learned.
        watch: The time there is, and what is to beat.

    Returns:
        The settings that stopping has fixed, and whether time cut it short.

    Raises:
        OutOfTime: the time is over.
    """
    train, tuning = parts
    if isinstance(model, Quantiles):
        fitted = [fit_estimator(recipe, one, rows, parts, problem, watch) for one in model.members]
        each = [one.get("n_estimators", 0) for one, _ in fitted]
        fixed = {"n_estimators": round(float(np.mean(each))), "rounds": each} if recipe.family == "lightgbm" else {}
        return fixed, any(cut for _, cut in fitted)
    if isinstance(model, Standardised):
        model.layout = rows.layout()
    if recipe.family == "lightgbm":
        rounds, cut = boost(model, rows.categorical_indices_, parts, problem, watch)
        return {"n_estimators": rounds}, cut
    if recipe.family == "mlp":
        return {"epochs": _fit_network(model, train, recipe.params["epochs"], problem, tuning, watch)}, False
    if hasattr(model, "n_estimators"):
        _grow(model, train, watch)
    else:
        _try_out(model, train, watch)
        _plain(model, train)
    return {}, False


def refit_estimator(recipe: Recipe, model: Any, rows: Any, train: Fold, scale: float = 1.0) -> None:
    """Fit a single model on all rows for the rounds that its recipe has fixed; ``scale`` multiplies boosting's."""
    if isinstance(model, Quantiles):
        # Tails are learned in fewer rounds than the middle: each quantile has its own.
        each = recipe.params.get("rounds") or [recipe.params.get("n_estimators")] * len(model.members)
        for one, rounds in zip(model.members, each, strict=True):
            refit_estimator(recipe.with_params(n_estimators=rounds), one, rows, train, scale)
        return
    if isinstance(model, Standardised):
        model.layout = rows.layout()
    if recipe.family == "lightgbm":
        model.set_params(n_estimators=max(1, round(recipe.params["n_estimators"] * scale)))
        _set_threads(model, train.x)
        model.fit(train.x, train.y, sample_weight=train.weight, categorical_feature=rows.categorical_indices_)
        model.set_params(n_jobs=SCORING_THREADS)  # many rows may be scored by what few rows have fitted
    elif recipe.family == "mlp":
        _fit_network(model, train, recipe.params["epochs"])
    elif hasattr(model, "n_estimators"):
        _grow(model, train, Watch())
    else:
        _plain(model, train)


def _fit_network(
    model: Standardised, train: Fold, epochs: int, problem: Problem | None = None, tuning: Fold | None = None,
    watch: Watch | None = None,
) -> int:  # fmt: skip
    """Fit a network epoch by epoch; with tuning rows it ends at its best one, whose number is returned."""
    from threadpoolctl import threadpool_limits

    network = model.estimator
    x = model.learn(train.x, train.y)
    y, weights = model.scaled(train.y), {} if train.weight is None else {"sample_weight": train.weight}
    classes = {"classes": model.classes_} if hasattr(model, "classes_") else {}
    kept: tuple[list[Any], list[Any]] = [], []
    best, value, began = 0, -np.inf, watch.clock() if watch else 0.0
    for epoch in range(1, epochs + 1):
        with threadpool_limits(1):  # a batch is too small for threads, which would wait for each other
            network.partial_fit(x, y, **(classes if epoch == 1 else {}), **weights)
        if problem is None or tuning is None or watch is None:
            continue
        watch.check()
        if epoch == 1:
            watch.check_room((watch.clock() - began) * _LIKELY_EPOCHS)
        predicted = predict_matrix(model, problem.task, tuning.x, len(problem.classes))
        sign = 1 if greater_is_better(problem.metric) else -1
        now = sign * metric_value(problem.metric, tuning.y, predicted)
        if now > value:
            best, value = epoch, now
            kept = [part.copy() for part in network.coefs_], [part.copy() for part in network.intercepts_]
        elif epoch - best >= _PATIENT_EPOCHS:
            break
    if best:
        network.coefs_, network.intercepts_ = kept
    return best or epochs


def _set_threads(model: Any, x: Any) -> None:
    """One thread for a small matrix, where two wait for each other longer than they work; the bits are the same."""
    model.set_params(n_jobs=threads(x))


def _grow(model: Any, train: Fold, watch: Watch) -> None:
    """Grow a forest in steps, which is the same, bit for bit, as growing it at once."""
    total, began = model.n_estimators, watch.clock()
    watch.check()
    model.set_params(warm_start=True)
    _set_threads(model, train.x)
    for trees in sorted({min(2, total), *range(_TREES_AT_A_TIME, total, _TREES_AT_A_TIME), total}):
        model.set_params(n_estimators=trees).fit(train.x, train.y, sample_weight=train.weight)
        watch.check_room((watch.clock() - began) * (total - trees) / trees)
    # Threads add up a forest's votes in any order, which changes the last bit.
    model.set_params(warm_start=False, n_jobs=1)


def _try_out(model: Any, train: Fold, watch: Watch) -> None:
    """Give up before a fit that nothing can interrupt, where a tenth of the rows says that it takes too long."""
    watch.check()
    if len(train.y) < _PROBED_ROWS or np.isinf(watch.deadline):
        return
    from sklearn.base import clone

    began, some = watch.clock(), slice(None, None, 10)
    try:
        _plain(clone(model), Fold(train.x[some], train.y[some], None if train.weight is None else train.weight[some]))
    except ValueError:  # a class that the tenth lacks: the time says nothing
        return
    watch.check_room((watch.clock() - began) * 10)


def _plain(model: Any, train: Fold) -> None:
    weights = {} if train.weight is None else {"sample_weight": train.weight}
    model.fit(train.x, train.y, **weights)
