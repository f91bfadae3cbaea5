"""Metrics of rows whose classes are known only as chances, and of quantities known only as mean losses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evergreen.statistics import DEVIANCES, decide_class

Floats = NDArray[np.float64]


def _only(loss: Callable[[Floats, Floats], Floats], target: Floats, prediction: Floats) -> tuple[Floats, ...]:
    return (loss(target, prediction),)


#: What each metric of a quantity needs the means of, (rows,) each.
QUANTITIES: dict[str, Callable[[Floats, Floats], tuple[Floats, ...]]] = {
    "mae": lambda target, prediction: (np.abs(target - prediction),),
    "rmse": lambda target, prediction: ((target - prediction) ** 2,),
    "r2": lambda target, prediction: ((target - prediction) ** 2, target, target**2),
    "mape": lambda target, prediction: (_ratio(np.abs(target - prediction), np.abs(target)),),
    "pinball": lambda target, prediction: (0.5 * np.abs(target - prediction),),
    **{name: partial(_only, loss) for name, loss in DEVIANCES.items()},
}


def expected_number_metric(metric: str, means: Sequence[float]) -> float:
    """A metric of a quantity from the means of what ``QUANTITIES`` names for it."""
    if metric == "rmse":
        return float(np.sqrt(max(means[0], 0.0)))
    if metric == "r2":
        return float(1 - _ratio(means[0], means[2] - means[1] ** 2))
    return float(means[0])


def expected_class_metric(metric: str, chances: Floats, scores: Floats) -> float:
    """A metric of classes where row i is of class k with ``chances[i, k]``.

    Args:
        metric: One of ``CLASS_METRICS``.
        chances: (n, k), each row of sum 1.
        scores: (n,): P(class 1); (n, k) for k classes.
    """
    return float(CLASS_METRICS[metric](chances, scores))


def _ratio(top: Any, bottom: Any) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.asarray(bottom) != 0, np.asarray(top) / np.asarray(bottom), np.nan)


def _by_class(scores: Floats) -> Floats:
    return np.column_stack([1 - scores, scores]) if scores.ndim == 1 else scores


def _confusion(chances: Floats, scores: Floats) -> Floats:
    """Expected rows of actual class (down) by decided class (across)."""
    decided = decide_class(scores)
    return np.stack([np.bincount(decided, column, minlength=chances.shape[1]) for column in chances.T])


def _averaged(per_class: Callable[[Floats, Floats, Floats], Floats], macro: bool = False) -> Callable[..., float]:
    """The second of two classes' figure, unless ``macro``; else the mean over the classes that occur."""

    def value(chances: Floats, scores: Floats) -> float:
        table = _confusion(chances, scores)
        values = per_class(np.diag(table), table.sum(axis=0), table.sum(axis=1))
        if len(values) == 2 and not macro:
            return float(values[1])
        return float(np.nanmean(values)) if not np.isnan(values).all() else np.nan

    return value


def _precision(hits: Floats, predicted: Floats, actual: Floats) -> Floats:
    values = _ratio(hits, predicted)
    return np.where((predicted == 0) & (actual > 0), 0.0, values) if len(values) > 2 else values


def _mcc(chances: Floats, scores: Floats) -> float:
    table = _confusion(chances, scores)
    rows, predicted, actual = table.sum(), table.sum(axis=0), table.sum(axis=1)
    top = np.trace(table) * rows - predicted @ actual
    return float(_ratio(top, np.sqrt((rows**2 - predicted @ predicted) * max(rows**2 - actual @ actual, 0))))


def _log_loss(chances: Floats, scores: Floats) -> float:
    shares = _by_class(scores)
    shares = np.clip(shares / shares.sum(axis=1, keepdims=True), np.finfo(np.float64).eps, 1)
    return float(-(chances * np.log(shares)).sum(axis=1).mean())


def _brier(chances: Floats, scores: Floats) -> float:
    if scores.ndim == 1:
        return float((chances[:, 1] * (1 - scores) ** 2 + chances[:, 0] * scores**2).mean())
    return float((chances + (scores**2).sum(axis=1, keepdims=True) * chances - 2 * chances * scores).sum(axis=1).mean())


def _ranked(one: Callable[[Floats, Floats], float]) -> Callable[..., float]:
    """A figure of the order of the scores: of class 1, or the mean over several classes."""

    def value(chances: Floats, scores: Floats) -> float:
        if scores.ndim == 1:
            return one(chances[:, 1], scores)
        each = [one(chances[:, k], scores[:, k]) for k in range(scores.shape[1])]
        return float(np.nanmean(each)) if not np.isnan(each).all() else np.nan

    return value


def _steps(chance: Floats, scores: Floats) -> tuple[Floats, Floats]:
    """Expected rows of the class and of the others at each distinct score, from the least."""
    place = np.unique(scores, return_inverse=True)[1].reshape(-1)
    ones, all_rows = np.bincount(place, chance).astype(np.float64), np.bincount(place)
    return ones, np.asarray(all_rows - ones)


def _roc_auc(chance: Floats, scores: Floats) -> float:
    """Won pairs among expected ones; a row does not meet itself."""
    ones, zeros = _steps(chance, scores)
    itself = float((chance * (1 - chance)).sum())
    wins = float((ones * (np.cumsum(zeros) - zeros / 2)).sum()) - itself / 2
    return float(_ratio(wins, ones.sum() * zeros.sum() - itself))


def _pr_auc(chance: Floats, scores: Floats) -> float:
    ones, zeros = (side[::-1] for side in _steps(chance, scores))
    precision = _ratio(np.cumsum(ones), np.cumsum(ones + zeros))
    return float(_ratio((ones * precision).sum(), ones.sum()))


CLASS_METRICS: dict[str, Callable[..., float]] = {
    "roc_auc": _ranked(_roc_auc),
    "pr_auc": _ranked(_pr_auc),
    "log_loss": _log_loss,
    "brier": _brier,
    "accuracy": lambda chances, scores: float(np.trace(_confusion(chances, scores)) / len(chances)),
    "balanced_accuracy": _averaged(lambda hits, _, actual: _ratio(hits, actual), macro=True),
    "precision": _averaged(_precision),
    "recall": _averaged(lambda hits, _, actual: _ratio(hits, actual)),
    "f1": _averaged(lambda hits, predicted, actual: _ratio(2 * hits, predicted + actual)),
    "mcc": _mcc,
}
