"""Boosting that stops early, on matrices that are binned once for all candidates of a split."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from evergreen.arrays import Floats
from evergreen.learning_tasks import TASKS
from evergreen.metrics import Watched
from evergreen.threads import usable_threads
from evergreen.training.families.fold import Fold
from evergreen.training.families.leaves import leaves_of
from evergreen.training.families.prediction import MANY_ROWS
from evergreen.training.problem import Problem
from evergreen.training.watch import Watch

#: Rounds without a better one after which boosting stops, fewest and most: so many steps of a learning rate as make
#: up four.
_PATIENCE, _STEPS = (25, 100), 4.0
#: Rounds at which boosting is first asked whether it can still win; then at twice as many, and so on.
_FIRST_LOOK = 100
#: Rounds whose time says how long all of them are going to take.
_PROBE = 10
#: Of the estimator, not of the booster.
_OWN = ("n_estimators", "class_weight", "importance_type", "objective", "n_jobs")
#: Leaves of the trees that rows pass at a time.
_LEAVES_AT_ONCE = 2048
#: A booster keeps in itself from which round on it predicts: two threads that ask it at once get each other's rounds.
_ONE_AT_A_TIME = Lock()


class Boosted(BaseEstimator):  # type: ignore[misc]
    """A booster as an estimator: LightGBM's own would bin the rows anew for every candidate.

    Args:
        booster: LightGBM's; it predicts by its best rounds.
        objective: What it has learned.
        num_leaves: Leaves of a tree at most.
        n_classes: How many classes there are; 0 for a quantity.
    """

    def __init__(self, booster: Any = None, objective: str = "", num_leaves: int = 31, n_classes: int = 0) -> None:
        self.booster = booster
        self.objective = objective
        self.num_leaves = num_leaves
        self.n_classes = n_classes

    def __sklearn_is_fitted__(self) -> bool:
        return self.booster is not None

    @property
    def booster_(self) -> Any:
        """LightGBM's booster."""
        return self.booster

    @property
    def classes_(self) -> NDArray[np.int64]:
        """The codes of the classes; a quantity has none.

        Raises:
            AttributeError: it learned a quantity.
        """
        if not self.n_classes:
            raise AttributeError("classes_")
        return np.arange(self.n_classes)

    @property
    def objective_(self) -> str:
        """What it has learned."""
        return self.objective

    def fit(self, X: Any, y: Floats) -> Self:
        """It is fitted already; a Pipeline predicts only with estimators that can be fitted."""
        return self

    def predict(self, X: Any, pred_contrib: bool = False) -> Any:
        """The quantity or the likeliest class (n,); with ``pred_contrib`` TreeSHAP values and the expected score."""
        if pred_contrib:
            return self.booster.predict(X, pred_contrib=True)
        if self.n_classes:
            return self.classes_[self.predict_proba(X).argmax(axis=1)]
        return predicted(self, X)

    def predict_proba(self, X: Any) -> Floats:
        """Probabilities of ``classes_``: (n, k)."""
        return predicted(self, X)


def binned(fold: Fold, categorical: Sequence[int], like: Fold | None = None) -> Any:
    """The rows as LightGBM bins them, made once: in bins of their own, or in those that boosting is fitted on."""
    import lightgbm

    if "rows" not in fold.kept:
        # Unfiltered, so that candidates with leaves of any size can share the bins.
        how = {"feature_pre_filter": False, "verbosity": -1, "num_threads": fold.threads}
        fold.kept["rows"] = lightgbm.Dataset(
            fold.x, fold.y, reference=binned(like, categorical) if like else None,
            categorical_feature=list(categorical), params=how, free_raw_data=False,
        ).construct()  # fmt: skip
    rows = fold.kept["rows"]
    rows.set_label(fold.y)
    rows.set_weight(fold.weight)
    return rows


def boost(
    model: Any, categorical: Sequence[int], parts: tuple[Fold, Fold], problem: Problem, watch: Watch
) -> tuple[Boosted, int, bool]:
    """Fit LightGBM on the first part, stopping by the second.

    Args:
        model: The unfitted estimator, whose parameters count.
        categorical: Columns of the matrix that hold codes of levels.
        parts: To fit on, and to stop by.
        problem: What is learned.
        watch: The time there is, and what is to beat.

    Returns:
        What predicts by the best rounds, how many these are, and whether time cut it short.

    Raises:
        OutOfTime: the time is over, and nothing unfinished is kept.
    """
    import lightgbm

    train, tuning = parts
    watched = TASKS[problem.task].watches(problem.metric)
    greater = watched.greater_is_better
    curve: list[float] = []
    cut, began = False, watch.clock()

    def look(env: Any) -> None:
        nonlocal cut
        watch.check()
        if env.iteration + 1 == _PROBE:
            expected = min(watch.way / model.learning_rate, model.n_estimators)
            watch.check_room((watch.clock() - began) * (expected / _PROBE - 1))
        curve.append(env.evaluation_result_list[0][2])
        cut = watch.late
        if cut or (_comparable(watched, problem) and _lost(curve, greater, watch.to_beat)):
            best = int(np.argmax(curve) if greater else np.argmin(curve))
            raise lightgbm.callback.EarlyStopException(best, env.evaluation_result_list)

    how = {name: value for name, value in model.get_params().items() if name not in _OWN and value is not None}
    how |= _objective(model, problem) | {"metric": watched.name, "num_threads": train.threads}
    booster = lightgbm.train(
        how, binned(train, categorical), model.n_estimators, valid_sets=[binned(tuning, categorical, train)],
        callbacks=[lightgbm.early_stopping(patience(model.learning_rate), verbose=False), look],
    )  # fmt: skip
    best = int(booster.best_iteration) if booster.best_iteration > 0 else int(model.n_estimators)
    booster.best_iteration = best
    n_classes = max(len(problem.classes), 2) if hasattr(model, "predict_proba") else 0
    return Boosted(booster, str(how["objective"]), model.num_leaves, n_classes), best, cut


def patience(learning_rate: float) -> int:
    """Rounds without a better one after which boosting stops."""
    low, high = _PATIENCE
    return min(high, max(low, round(_STEPS / learning_rate)))


def _objective(model: Any, problem: Problem) -> dict[str, Any]:
    task = TASKS[problem.task]
    if not task.classes:
        return {"objective": model.objective}
    return {"objective": task.objective} | ({"num_class": len(problem.classes)} if task.columns else {})


def _comparable(watched: Watched, problem: Problem) -> bool:
    """Whether what boosting watches is the primary metric itself, so that it can be held against another's value."""
    settings = problem.settings
    if settings.weight or settings.exposure or settings.class_weight != "none":
        return False
    return watched.metric == problem.metric


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


def predicted(model: Any, matrix: Any) -> Floats:
    """What LightGBM predicts, as many rounds at a time as a core keeps at hand; many rows by ``leaves``.

    Its own way, all trees for one row before the next, fetches every tree from memory again for each row: of 600 trees
    of 31 leaves a row took 28 microseconds, by some rounds at a time 15, and many rows take about 5 each.
    """
    booster, parts = model.booster_, steps_of(model)
    outputs = booster.num_model_per_iteration()
    rounds, step = sum(count for _, count in parts), parts[0][1] if parts else 1
    leaves = leaves_of(booster, rounds, step, len(matrix)) if len(matrix) >= MANY_ROWS else None
    if leaves:
        sums = leaves.sums(matrix)
        return LINKS[model.objective_](sums if outputs > 1 else sums[:, 0])
    threads = 1 if len(matrix) < MANY_ROWS else usable_threads()
    scores = np.zeros((len(matrix), outputs) if outputs > 1 else len(matrix))
    with _ONE_AT_A_TIME:
        for first, count in parts:
            scores += booster.predict(
                matrix, raw_score=True, start_iteration=first, num_iteration=count, num_threads=threads
            )
    return LINKS[model.objective_](scores)


def steps_of(model: Any) -> list[tuple[int, int]]:
    """The ranges of rounds whose sums are added up one after the other: the first round and the number of each."""
    booster = model.booster_
    rounds = booster.best_iteration if booster.best_iteration > 0 else booster.current_iteration()
    step = max(1, _LEAVES_AT_ONCE // (model.num_leaves * booster.num_model_per_iteration()))
    return [(first, min(step, rounds - first)) for first in range(0, rounds, step)]


def _logistic(scores: Floats) -> Floats:
    ones = 1 / (1 + np.exp(-scores))
    return np.column_stack([1 - ones, ones])


def _softmax(scores: Floats) -> Floats:
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def _itself(scores: Floats) -> Floats:
    return scores


#: What boosting makes of its scores, by what it has learned.
LINKS: dict[str, Callable[[Floats], Floats]] = {
    "binary": _logistic, "multiclass": _softmax, "poisson": np.exp, "tweedie": np.exp, "gamma": np.exp,
    "regression": _itself, "regression_l1": _itself, "mape": _itself, "quantile": _itself,
}  # fmt: skip
