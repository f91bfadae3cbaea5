"""Boosting that stops early, on matrices that are binned once for all candidates of a split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evergreen.training.problem import Problem
from evergreen.training.watch import Watch

Floats = NDArray[np.float64]

#: Rounds without a better one after which boosting stops, fewest and most: so many steps of a learning rate as make
#: up four.
_PATIENCE, _STEPS = (25, 100), 4.0
#: Rounds at which boosting is first asked whether it can still win; then at twice as many, and so on.
_FIRST_LOOK = 100
#: Rounds whose time says how long all of them are going to take.
_PROBE = 10
#: Values below which a second thread does not pay.
_SMALL_MATRIX = 200_000
#: Of the estimator, not of the booster.
_OWN = ("n_estimators", "class_weight", "importance_type", "objective", "n_jobs")
#: What early stopping watches for a primary metric; for other metrics, the task's own loss.
_WATCHED = {
    "roc_auc": "auc", "average_precision": "average_precision", "log_loss": "binary_logloss",
    "rmse": "rmse", "r2": "rmse", "mae": "l1", "mape": "mape", "gamma_deviance": "gamma",
}  # fmt: skip
_LOSS = {
    "binary": "binary_logloss", "multiclass": "multi_logloss", "regression": "rmse", "quantile": "quantile",
    "count": "poisson", "amount": "tweedie",
}  # fmt: skip
_GREATER = ("auc", "average_precision")


@dataclass(frozen=True)
class Fold:
    """A matrix (n, k), its labels and weights (n,), and the bins that all candidates share which take this matrix."""

    x: Any
    y: Floats
    weight: Floats | None
    bins: dict[str, Any] = field(default_factory=dict)

    def binned(self, categorical: Sequence[int], like: Fold | None = None) -> Any:
        """The rows as LightGBM bins them, made once: in bins of their own, or in those that boosting is fitted on."""
        import lightgbm

        if "rows" not in self.bins:
            # Unfiltered, so that candidates with leaves of any size can share the bins.
            how = {"feature_pre_filter": False, "verbosity": -1, "num_threads": threads(self.x)}
            self.bins["rows"] = lightgbm.Dataset(
                self.x, self.y, reference=like.binned(categorical) if like else None,
                categorical_feature=list(categorical), params=how, free_raw_data=False,
            ).construct()  # fmt: skip
        rows = self.bins["rows"]
        rows.set_label(self.y)
        rows.set_weight(self.weight)
        return rows


def threads(x: Any) -> int:
    """One thread for a small matrix, where two wait for each other longer than they work; the bits are the same."""
    return 1 if x.size < _SMALL_MATRIX else 2


def boost(
    model: Any, categorical: Sequence[int], parts: tuple[Fold, Fold], problem: Problem, watch: Watch
) -> tuple[int, bool]:
    """Fit LightGBM on the first part, stopping by the second; the rounds that were best, and whether time cut it short.

    Args:
        model: The unfitted estimator; it predicts by the best rounds afterwards.
        categorical: Columns of the matrix that hold codes of levels.
        parts: To fit on, and to stop by.
        problem: What is learned.
        watch: The time there is, and what is to beat.

    Raises:
        OutOfTime: the time is over, and nothing unfinished is kept.
    """
    import lightgbm

    train, tuning = parts
    metric = _metric(model, problem)
    greater = metric in _GREATER
    curve: list[float] = []
    cut, began = False, watch.clock()

    def look(env: Any) -> None:
        nonlocal cut
        watch.check()
        if env.iteration + 1 == _PROBE:
            watch.check_room((watch.clock() - began) * (watch.way / model.learning_rate / _PROBE - 1))
        curve.append(env.evaluation_result_list[0][2])
        cut = watch.late
        if cut or (_comparable(problem) and _lost(curve, greater, watch.to_beat)):
            best = int(np.argmax(curve) if greater else np.argmin(curve))
            raise lightgbm.callback.EarlyStopException(best, env.evaluation_result_list)

    how = {name: value for name, value in model.get_params().items() if name not in _OWN and value is not None}
    how |= _objective(model, problem) | {"metric": metric, "num_threads": threads(train.x)}
    booster = lightgbm.train(
        how, train.binned(categorical), model.n_estimators, valid_sets=[tuning.binned(categorical, train)],
        callbacks=[lightgbm.early_stopping(_patience(model.learning_rate), verbose=False), look],
    )  # fmt: skip
    best = int(booster.best_iteration) if booster.best_iteration > 0 else int(model.n_estimators)
    _wear(model, booster, best, train, len(problem.classes))
    return best, cut


def _wear(model: Any, booster: Any, rounds: int, train: Fold, n_classes: int) -> None:
    """Make an estimator predict by a booster: its own ``fit`` would bin the rows anew for every candidate."""
    objective = booster.params["objective"]
    model._Booster, model._best_iteration, model.fitted_ = booster, rounds, True
    model._n_features = model._n_features_in = train.x.shape[1]
    model._objective = objective
    model.set_params(n_jobs=threads(train.x))
    if hasattr(model, "predict_proba"):
        model._classes, model._n_classes = np.arange(max(n_classes, 2)), max(n_classes, 2)


def _patience(learning_rate: float) -> int:
    low, high = _PATIENCE
    return min(high, max(low, round(_STEPS / learning_rate)))


def _objective(model: Any, problem: Problem) -> dict[str, Any]:
    if problem.task == "binary":
        return {"objective": "binary"}
    if problem.task == "multiclass":
        return {"objective": "multiclass", "num_class": len(problem.classes)}
    return {"objective": model.objective}


def _metric(model: Any, problem: Problem) -> str:
    if problem.task not in _LOSS:
        return str(model.objective)  # of quantiles, counts and amounts the loss itself
    return _LOSS[problem.task] if problem.task == "multiclass" else _WATCHED.get(problem.metric, _LOSS[problem.task])


def _comparable(problem: Problem) -> bool:
    """Whether what boosting watches is the primary metric itself, so that it can be held against another's value."""
    settings = problem.settings
    if settings.weight or settings.exposure or settings.class_weight != "none" or problem.task not in _LOSS:
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
