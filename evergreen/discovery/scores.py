"""How well a single column predicts the target, out of sample."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.learning_tasks import TASKS
from evergreen.spec import Task

_BINS = 50


class Scorer:
    """How well single columns predict a target, out of sample, in [0, 1].

    Half of the rows give each level (numbers: each of up to 50 bins of equal size) its mean target or its most
    frequent class; the other half is predicted, and the other way round. Binary: ROC AUC. Multiclass: the share of
    errors of the most frequent class that is avoided. Regression: the share of the variance of the target's ranks.

    Args:
        target: Labels without nulls.
        task: What kind of thing the target is.
        seed: Which rows are in which half.
    """

    def __init__(self, target: pd.Series, task: Task, seed: int = 0) -> None:
        # A stream of our own: a made-up table may well have been drawn with the plain seed.
        half = np.random.default_rng([seed, 0x1EAF]).random(len(target)) < 0.5
        self._halves = (half, ~half) if half.any() and not half.all() else ()
        self._wanted, self._task = as_numbers(target, task), task

    def score(self, values: pd.Series) -> float:
        """The score of one column, of the same rows; 0 where there are too few to tell."""
        scores = [_score(_codes(values, fit), self._wanted, fit, self._task) for fit in self._halves]
        return float(np.mean(scores)) if scores else 0.0


def as_numbers(target: pd.Series, task: Task) -> NDArray[np.float64]:
    """A quantity as ranks in (0, 1], a class as its number by first appearance."""
    if not TASKS[task].classes:
        return np.asarray(pd.to_numeric(target, errors="coerce").rank(pct=True), dtype=float)
    codes, _ = pd.factorize(target, sort=False)
    return codes.astype(float)


def _codes(values: pd.Series, fit: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Levels or bins (cut on the rows of ``fit``) as 1 to k, 0 for null."""
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        values = values.astype("int64").where(values.notna())
    if pd.api.types.is_numeric_dtype(values.dtype):
        numbers = values.to_numpy("float64", na_value=np.nan)
        known = numbers[fit & np.isfinite(numbers)]
        if not len(known):
            return np.zeros(len(numbers), dtype=np.int64)
        bins = max(min(_BINS, len(known) // 20), 2)
        edges = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1)[1:-1]))
        levels = np.unique(known)
        if len(levels) <= bins:
            edges = levels[:-1] + np.diff(levels) / 2
        return np.where(np.isnan(numbers), 0, np.searchsorted(edges, numbers, side="left") + 1).astype(np.int64)
    codes, _ = pd.factorize(values)
    return codes.astype(np.int64) + 1


def _score(codes: NDArray[np.int64], wanted: NDArray[np.float64], fit: NDArray[np.bool_], task: Task) -> float:
    size = int(codes.max()) + 1
    if TASKS[task].classes and not TASKS[task].decides:
        classes = int(wanted.max()) + 1
        table = np.zeros((size, classes))
        np.add.at(table, (codes[fit], wanted[fit].astype(int)), 1)
        overall = int(table.sum(axis=0).argmax())
        choice = np.where(table.sum(axis=1) > 0, table.argmax(axis=1), overall)
        missed = np.not_equal(choice[codes[~fit]], wanted[~fit]).mean()
        base = np.not_equal(overall, wanted[~fit]).mean()
        return float(max(0.0, 1 - missed / base)) if base > 0 else 0.0
    sums = np.bincount(codes[fit], weights=wanted[fit], minlength=size)
    counts = np.bincount(codes[fit], minlength=size)
    mean = wanted[fit].mean()
    # A level seen once says little: its mean is drawn towards that of all rows.
    means = (sums + mean) / (counts + 1)
    truth = wanted[~fit]
    if TASKS[task].decides:
        return _auc_of_levels(means, codes[~fit], truth > 0)
    left = ((truth - means[codes[~fit]]) ** 2).sum()
    all_ = ((truth - mean) ** 2).sum()
    return float(max(0.0, 1 - left / all_)) if all_ > 0 else 0.0


def _auc_of_levels(means: NDArray[np.float64], codes: NDArray[np.int64], positive: NDArray[np.bool_]) -> float:
    """ROC AUC of rows whose score is their level's: counts by level say as much as the rows' ranks."""
    scores, places = np.unique(means, return_inverse=True)
    rows = np.bincount(places[codes], minlength=len(scores))
    ones = np.bincount(places[codes[positive]], minlength=len(scores))
    zeros = rows - ones
    if not ones.any() or not zeros.any():
        return 0.5
    below = np.cumsum(zeros) - zeros
    return float((ones * (below + zeros / 2)).sum() / (ones.sum() * float(zeros.sum())))


def roc_auc(score: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """ROC AUC by the ranks of the positives (Mann-Whitney); 0.5 where one class is missing."""
    ones = int(positive.sum())
    zeros = len(positive) - ones
    if not ones or not zeros:
        return 0.5
    ranks = pd.Series(score).rank().to_numpy()
    return float((ranks[positive].sum() - ones * (ones + 1) / 2) / (ones * zeros))
