"""Performance estimated without labels, from the predictions alone.

Classification (confidence-based: Guillory et al. 2021; NannyML's CBPE): the reference, predicted out of sample, teaches
what share of the rows with a prediction is of the class. A live row counts as that share of a row of the class, and
the metric is the one of these expected rows. Numbers (direct loss estimation, as NannyML's DLE): the reference teaches
the mean loss by prediction, and small trees what the inputs say beside it (``evergreen.monitoring.losses``); of
quantiles there is no estimate.

**What it assumes**: the target depends on the prediction, and for numbers on the inputs, as it did in the reference.
Where the inputs move and the relation stays, the estimate follows. Where the relation itself moves (concept change) it
goes on saying what it said, and nothing in the rows can tell. Every report of an estimate must say so: ``describe``
does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from evergreen.arrays import Floats, Matrix
from evergreen.handoffs import Interval
from evergreen.learning_tasks import TASKS
from evergreen.metrics import find_metric
from evergreen.monitoring.cells import ColumnProfile
from evergreen.monitoring.curves import chance_curve, mean_curve
from evergreen.monitoring.estimator import Estimator
from evergreen.monitoring.losses import fit_losses, inputs_of
from evergreen.spec import Task
from evergreen.statistics import bounded

#: Said with every estimate.
ASSUMPTION = (
    "estimated without labels: it assumes that the target depends on the prediction as in the reference, "
    "and cannot know whether it still does"
)
#: Fewer reference rows than this teach no curve.
MIN_ROWS = 200
#: Reference rows without windows are dealt into so many parts to see how far an estimate is off.
_PARTS = 20
#: Windows are put aside in so many turns at most, so that many of them cost no more than this many fits.
_FOLDS = 5
#: Fewer parts than this give no interval.
_MIN_PARTS = 4


@dataclass(frozen=True)
class _Rows:
    """Rows without their labels: predictions, and the inputs of the loss's trees where there are any."""

    scores: Floats
    inputs: Matrix | None = None

    def __getitem__(self, chosen: NDArray[Any]) -> _Rows:
        return _Rows(self.scores[chosen], None if self.inputs is None else self.inputs[chosen])


def fit_estimator(
    task: Task,
    metric: str,
    target: ArrayLike,
    predictions: ArrayLike,
    blocks: ArrayLike | None = None,
    looks: tuple[pd.DataFrame, Sequence[ColumnProfile]] | None = None,
) -> Estimator:
    """Learn from labelled reference rows what a metric will be where labels are not known.

    Args:
        task: Which metrics apply.
        metric: A metric's name.
        target: (n,): 0/1, class codes 0..k-1, or numbers. Rows without a label (NaN) are left out.
        predictions: (n,): P(class 1), or numbers; (n, k) for k classes. They must be out of sample (rolling origin or
            holdout): a model is sure of rows that it was fitted on.
        blocks: (n,): the window of each row, of the same length as a live one (shorter ones, such as days, make the
            interval wider than it need be). Without it rows count as independent, and the interval is too short where
            they are not.
        looks: For quantities the inputs of the rows, and the cells in which they are looked at.

    Returns:
        An estimator with a ``reason`` instead of curves where none can be learned.
    """
    truth, scores = np.asarray(target, dtype=np.float64), np.asarray(predictions, dtype=np.float64)
    known = ~np.isnan(truth) & np.isfinite(scores.reshape(len(scores), -1)).all(axis=1)
    truth, scores = truth[known], scores[known]
    reason = _why_not(task, metric, truth)
    if reason:
        return Estimator(task, metric, rows=len(truth), reason=reason)
    codes = _part_codes(None if blocks is None else np.asarray(blocks)[known], len(truth))
    columns: Sequence[ColumnProfile] = looks[1] if looks and not TASKS[task].classes else ()
    rows = _Rows(scores, inputs_of(looks[0][known], columns, scores) if looks and columns else None)
    fitted = _fit(task, metric, truth, rows, columns, codes)
    if not np.isfinite(fitted.offset):
        return replace(fitted, reason=f"{metric} is undefined on the reference")
    by_row, by_window, parts = _spread(fitted, truth, rows, codes)
    return replace(fitted, by_row=by_row, by_window=by_window, parts=parts)


def estimate(estimator: Estimator, predictions: ArrayLike, looks: pd.DataFrame | None = None) -> Interval:
    """The expected value of the metric on rows without labels yet, with a 95 % interval for the realised one.

    It assumes that P(target | prediction and inputs) is unchanged since the reference; under concept change it is
    wrong, its interval with it, and it cannot know: whoever shows it must say so (``describe``).

    Args:
        estimator: From ``fit_estimator``.
        predictions: (n,) or (n, k), as there.
        looks: The inputs of the same rows; without them the predictions alone speak.

    Returns:
        NaN throughout where there is none (``why_unknown`` says why).
    """
    scores = np.asarray(predictions, dtype=np.float64)
    if why_unknown(estimator, scores):
        return Interval(np.nan, np.nan, np.nan)
    trees = estimator.losses
    rows = _Rows(scores, inputs_of(looks, trees.columns, scores) if trees and looks is not None else None)
    value = _raw(estimator, rows) + estimator.offset
    if estimator.parts < _MIN_PARTS or not np.isfinite(value):
        return Interval(np.nan, float(value), np.nan)
    live = estimator.by_row / len(scores) + estimator.by_window
    learned = estimator.by_row / estimator.rows + estimator.by_window / estimator.parts
    reach = float(stats.t.ppf(0.975, estimator.parts - 1) * np.sqrt(live + learned))
    return bounded(estimator.metric, Interval(float(value - reach), float(value), float(value + reach)))


def why_unknown(estimator: Estimator, predictions: ArrayLike) -> str:
    """Why there is no estimate for these rows, in words; empty where there is one."""
    scores = np.asarray(predictions, dtype=np.float64)
    if estimator.reason:
        return estimator.reason
    if not len(scores):
        return "there are no rows"
    return "" if np.isfinite(scores).all() else "a prediction is missing"


def describe(estimator: Estimator, predictions: ArrayLike, looks: pd.DataFrame | None = None) -> str:
    """The estimate as one sentence, with what it assumes and cannot know."""
    reason = why_unknown(estimator, predictions)
    if reason:
        return f"{estimator.metric} cannot be estimated without labels: {reason}"
    return f"{estimator.metric} {estimate(estimator, predictions, looks)}, {ASSUMPTION}"


def _why_not(task: Task, metric: str, truth: Floats) -> str:
    reason = TASKS[task].why_not_estimated(metric)
    if reason:
        return reason
    if len(truth) < MIN_ROWS:
        return f"the reference has {len(truth)} labelled rows, under {MIN_ROWS}"
    if TASKS[task].classes and len(np.unique(truth)) < 2:
        return f"all labelled rows of the reference are of class {truth[0]:g}"
    return ""


def _part_codes(blocks: NDArray[Any] | None, rows: int) -> NDArray[np.intp]:
    """The part of each row: its window, or one of equal parts dealt in turn."""
    if blocks is None:
        return np.arange(rows) % _PARTS
    return np.unique(blocks, return_inverse=True)[1].reshape(-1)


def _fit(
    task: Task, metric: str, truth: Floats, rows: _Rows, columns: Sequence[ColumnProfile], parts: NDArray[np.intp]
) -> Estimator:
    """Curves, trees and offset, without the spread."""
    scores, losses = rows.scores, None
    if not TASKS[task].classes:
        quantities = find_metric(metric).quantities(truth, scores)
        curves = tuple(mean_curve(scores, quantity) for quantity in quantities)
        if rows.inputs is not None:
            rests = [quantity - curve(scores) for quantity, curve in zip(quantities, curves, strict=True)]
            losses = fit_losses(rows.inputs, rests, columns, parts)
    elif scores.ndim == 1:
        curves = (chance_curve(scores, truth),)
    else:
        curves = tuple(chance_curve(scores[:, k], truth == k) for k in range(scores.shape[1]))
    fitted = Estimator(task, metric, curves, rows=len(truth), losses=losses)
    return replace(fitted, offset=float(find_metric(metric).value(truth, scores) - _raw(fitted, rows)))


def _raw(estimator: Estimator, rows: _Rows) -> float:
    """The metric of the expected rows, before the offset."""
    scores, metric = rows.scores, find_metric(estimator.metric)
    if not TASKS[estimator.task].classes:
        means = [float(curve(scores).mean()) for curve in estimator.curves]
        if estimator.losses and rows.inputs is not None:
            more = estimator.losses.corrections(rows.inputs)
            means = [mean + float(one.mean()) for mean, one in zip(means, more, strict=True)]
        return metric.from_means(tuple(means))
    if scores.ndim == 1:
        chance = estimator.curves[0](scores)
        return metric.from_chances(np.column_stack([1 - chance, chance]), scores)
    chances = np.column_stack([curve(scores[:, k]) for k, curve in enumerate(estimator.curves)])
    total = chances.sum(axis=1, keepdims=True)
    even = np.full_like(chances, 1 / chances.shape[1])
    return metric.from_chances(np.divide(chances, total, out=even, where=total > 0), scores)


def _spread(fitted: Estimator, truth: Floats, rows: _Rows, codes: NDArray[np.intp]) -> tuple[float, float, int]:
    """How far off estimates are: variance by row and between windows, and the number of windows.

    A window's error has the variance by_row / rows + by_window. by_row is learned from parts dealt at random, which
    share all windows; each window is then estimated from others.
    """
    columns = fitted.losses.columns if fitted.losses else ()
    dealt = _errors([fitted], truth, rows, [np.random.default_rng(0).permutation(len(truth)) % _PARTS])
    turns = [(codes % _FOLDS) == fold for fold in range(min(_FOLDS, codes.max() + 1))]
    turns = [aside for aside in turns if (~aside).sum() >= MIN_ROWS]
    others = [_fit(fitted.task, fitted.metric, truth[~aside], rows[~aside], columns, codes[~aside]) for aside in turns]
    errors = _errors(others, truth, rows, [np.where(aside, codes, -1) for aside in turns])
    if len(errors) < _MIN_PARTS or not len(dealt):
        return np.nan, np.nan, len(errors)
    by_row = float(np.mean(dealt[:, 0] ** 2 * dealt[:, 1]))
    return by_row, max(float(np.mean(errors[:, 0] ** 2 - by_row / errors[:, 1])), 0.0), len(errors)


def _errors(estimators: Sequence[Estimator], truth: Floats, rows: _Rows, parts: Sequence[NDArray[np.intp]]) -> Floats:
    """Realised less estimated of each part, and its rows: (n, 2); parts without a value are left out.

    ``parts`` has for each estimator the part of each row, -1 for rows that it is not asked about.
    """
    pairs = []
    for estimator, codes in zip(estimators, parts, strict=True):
        for part in np.unique(codes[codes >= 0]):
            inside = codes == part
            realised = find_metric(estimator.metric).value(truth[inside], rows.scores[inside])
            pairs.append((realised - _raw(estimator, rows[inside]) - estimator.offset, inside.sum()))
    errors = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return np.asarray(errors[np.isfinite(errors[:, 0])])
