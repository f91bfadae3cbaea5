"""On which rows candidates are compared: one tuning part, or every row of a small table in turn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.handoffs import GROUP, TARGET, TIME
from evergreen.training.candidates import Recipe
from evergreen.training.fit import Finished, Matrices, fit_on
from evergreen.training.problem import Problem
from evergreen.training.targets import encode_target
from evergreen.training.watch import Watch

#: Parts that are predicted in turn, and the rows up to which a single tuning part is too small to choose by.
_FOLDS, _SMALL = 5, 3000
#: What early stopping fixes.
_ROUNDS = ("n_estimators", "epochs")


class Folds:
    """Fits a candidate once on the training part, or fold by fold where there are few rows and no order in time.

    Args:
        train: Rows to fit on, with ``__target``.
        tuning: Rows to compare on.
        problem: What is learned.
    """

    def __init__(self, train: pd.DataFrame, tuning: pd.DataFrame, problem: Problem) -> None:
        both = pd.concat([train, tuning], ignore_index=True)
        target, _ = encode_target(both[TARGET], problem.task, problem.classes)
        codes = _codes(both, target, problem)
        if codes is None:
            self.target = target[len(train) :]
            self._places = [np.arange(len(tuning))]
            self._parts = [Matrices(train, tuning, problem)]
        else:
            self.target = target
            self._places = [np.flatnonzero(codes == fold) for fold in range(_FOLDS)]
            self._parts = [Matrices(both[codes != fold], both[codes == fold], problem) for fold in range(_FOLDS)]

    def fit(self, recipe: Recipe, watch: Watch) -> Finished:
        """Fit a candidate; of several folds the predictions of all, and the mean of their rounds.

        Raises:
            OutOfTime: the time is over.
        """
        if len(self._parts) == 1:
            one = fit_on(recipe, self._parts[0], watch)
            return Finished(one.recipe, one.tuning, one.seconds, one.cut)
        began, fitted = watch.clock(), []
        for at, part in enumerate(self._parts):
            now = watch.clock()
            until = now + (watch.deadline - now) / (len(self._parts) - at) if watch.keep else watch.deadline
            # A fold's value cannot be held against one of all folds: nothing to beat.
            fitted.append(fit_on(recipe, part, replace(watch, deadline=until, to_beat=None)))
        tuning = np.zeros((len(self.target), *fitted[0].tuning.shape[1:]))
        for places, one in zip(self._places, fitted, strict=True):
            tuning[places] = one.tuning
        rounds = {
            name: max(1, round(float(np.mean([one.recipe.settings[name] for one in fitted]))))
            for name in _ROUNDS
            if name in recipe.settings
        }
        return Finished(recipe.with_settings(**rounds), tuning, watch.clock() - began, any(one.cut for one in fitted))


def _codes(rows: pd.DataFrame, target: NDArray[np.float64], problem: Problem) -> NDArray[np.int64] | None:
    """The fold of each row, or None where one tuning part has to do; rows of a group share a fold."""
    if problem.settings.cross_validate == "never" or TIME in rows or len(rows) > _SMALL:
        return None
    if problem.task != "regression" and np.bincount(target.astype(int), minlength=2).min() < 2 * _FOLDS:
        return None
    order = np.random.default_rng(problem.settings.seed).permutation(len(rows))
    if GROUP in rows:
        groups = pd.factorize(rows[GROUP].iloc[order])[0]
        if groups.max() + 1 < 4 * _FOLDS:
            return None
        codes = np.empty(len(rows), dtype=np.int64)
        codes[order] = groups % _FOLDS
        return codes
    # Dealt out along the target, so that each fold has its share of every class, and of every size of a quantity.
    dealt = order[np.argsort(target[order], kind="stable")]
    codes = np.empty(len(rows), dtype=np.int64)
    codes[dealt] = np.arange(len(rows)) % _FOLDS
    return codes
