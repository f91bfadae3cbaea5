"""Let an estimator learn: with rows to stop by, within a time, or for the rounds that a recipe has fixed."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evergreen.statistics import greater_is_better, metric_value
from evergreen.training.candidates import Recipe
from evergreen.training.prediction import predict_matrix
from evergreen.training.problem import Problem
from evergreen.training.standardised import Standardised
from evergreen.training.watch import Watch

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]

_PATIENCE = 100
#: Epochs without a better one after which a network stops.
_PATIENT_EPOCHS = 12
#: Rounds at which boosting is first asked whether it can still win; then at twice as many, and so on.
_FIRST_LOOK = 100
#: Values below which a second thread does not pay.
_SMALL_MATRIX = 200_000
#: Trees grown between two looks at the clock.
_TREES_AT_A_TIME = 20
#: Rows from which a fit that nothing can interrupt is tried out on a tenth of them first.
_PROBED_ROWS = 20_000
#: What early stopping watches for a primary metric; for other metrics, the task's own loss.
_WATCHED = {
    "roc_auc": "auc", "average_precision": "average_precision", "log_loss": "binary_logloss",
    "rmse": "rmse", "r2": "rmse", "mae": "l1", "mape": "mape",
}  # fmt: skip
_LOSS = {"binary": "binary_logloss", "multiclass": "multi_logloss", "regression": "rmse"}
_GREATER = ("auc", "average_precision")


@dataclass(frozen=True)
class Fold:
    """A matrix (n, k), its labels and weights (n,)."""

    x: Any
    y: Floats
    weight: Floats | None


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
    if isinstance(model, Standardised):
        model.layout = rows.layout()
    if recipe.family == "lightgbm":
        return _boost(model, rows, parts, problem, watch)
    if recipe.family == "mlp":
        return {"epochs": _fit_network(model, train, recipe.settings["epochs"], problem, tuning, watch)}, False
    if hasattr(model, "n_estimators"):
        _grow(model, train, watch)
    else:
        _try_out(model, train, watch)
        _plain(model, train)
    return {}, False


def refit_estimator(recipe: Recipe, model: Any, rows: Any, train: Fold, scale: float = 1.0) -> None:
    """Fit a single model on all rows for the rounds that its recipe has fixed; ``scale`` multiplies boosting's."""
    if isinstance(model, Standardised):
        model.layout = rows.layout()
    if recipe.family == "lightgbm":
        model.set_params(n_estimators=max(1, round(recipe.settings["n_estimators"] * scale)))
        _set_threads(model, train.x)
        model.fit(train.x, train.y, sample_weight=train.weight, categorical_feature=rows.categorical_indices_)
    elif recipe.family == "mlp":
        _fit_network(model, train, recipe.settings["epochs"])
    elif hasattr(model, "n_estimators"):
        _grow(model, train, Watch())
    else:
        _plain(model, train)


def _boost(
    model: Any, rows: Any, parts: tuple[Fold, Fold], problem: Problem, watch: Watch
) -> tuple[dict[str, Any], bool]:
    """Fit LightGBM with early stopping; the number of rounds that were best, and whether time cut it short."""
    import lightgbm

    train, tuning = parts
    loss = _LOSS[problem.task]
    metric = loss if problem.task == "multiclass" else _WATCHED.get(problem.metric, loss)
    _set_threads(model, train.x)
    curve: list[float] = []
    cut = False

    def look(env: Any) -> None:
        nonlocal cut
        watch.check()
        curve.append(env.evaluation_result_list[0][2])
        cut = watch.late
        if cut or (_comparable(problem) and _lost(curve, metric in _GREATER, watch.to_beat)):
            best = int(np.argmax(curve) if metric in _GREATER else np.argmin(curve))
            raise lightgbm.callback.EarlyStopException(best, env.evaluation_result_list)

    model.fit(
        train.x, train.y, sample_weight=train.weight, categorical_feature=rows.categorical_indices_,
        eval_metric=metric, eval_X=tuning.x, eval_y=tuning.y,
        eval_sample_weight=None if tuning.weight is None else [tuning.weight],
        callbacks=[lightgbm.early_stopping(_PATIENCE, first_metric_only=True, verbose=False), look],
    )  # fmt: skip
    return {"n_estimators": int(model.best_iteration_ or model.n_estimators)}, cut


def _comparable(problem: Problem) -> bool:
    """Whether what boosting watches is the primary metric itself, so that it can be held against another's value."""
    if problem.settings.weight or problem.settings.class_weight != "none":
        return False
    return problem.metric == "log_loss" or (
        problem.task != "multiclass" and problem.metric in ("roc_auc", "rmse", "mae")
    )


def _lost(curve: list[float], greater: bool, to_beat: float | None) -> bool:
    """Whether boosting cannot win any more: it would have to gain twice what its last doubling of rounds gained.

    Each doubling of rounds gains less than the one before, so that even all that is to come is about as much again.
    """
    rounds = len(curve)
    if to_beat is None or rounds < 2 * _FIRST_LOOK or rounds % _FIRST_LOOK or (rounds // _FIRST_LOOK).bit_count() > 1:
        return False
    sign = 1 if greater else -1
    now, before = sign * max(curve, key=lambda v: sign * v), sign * max(curve[: rounds // 2], key=lambda v: sign * v)
    return now + 2 * (now - before) < sign * to_beat


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
        if epoch == 1:  # the fewest epochs there can be must fit in
            watch.check_room((watch.clock() - began) * _PATIENT_EPOCHS)
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
    model.set_params(n_jobs=1 if x.size < _SMALL_MATRIX else 2)


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
