"""On which rows candidates are compared: one tuning part, or part by part where there are few rows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.handoffs import CUT_OFF, DAY, GROUP, KNOWN_AT, TARGET, TIME
from evergreen.learning_tasks import TASKS
from evergreen.training.families.catalogue import family
from evergreen.training.families.family import Shape
from evergreen.training.families.fold import SMALL_MATRIX
from evergreen.training.families.recipe import Recipe
from evergreen.training.fit import Finished, Matrices, fit_on
from evergreen.training.problem import Problem
from evergreen.training.rows.targets import encode_target
from evergreen.training.search.portfolio import SECONDS_A_VALUE
from evergreen.training.watch import OutOfTime, Watch

#: Positions to fit on, and those to predict by that.
Cut = tuple[NDArray[np.int64], NDArray[np.int64]]

#: Parts that are predicted in turn, and the rows up to which a single tuning part is too small to choose by. Those are
#: fewer with a time: what was chosen on steps gained 0.013 in AUC on 1,200 rows, 0.003 on 3,000, and nothing on 7,000.
_FOLDS, _SMALL, _SMALL_TIMED = 5, 10_000, 5_000
#: The share of rows with a time, the newest, that is predicted step by step.
_ROLLED = 0.6
#: What must be known before a step: rows, and their share of all.
_FEWEST_PAST, _LEAST_PAST = 50, 0.25
#: Rows up to which it is far too small, whatever folds take.
_FEW = 1000
#: Candidates that folds must leave time for, by the spec's budget: a clock would let the load decide what is found; and
#: what a fit takes however small the table is.
_CANDIDATES, _SECONDS_A_FIT = 25, 0.4
#: How much longer than its part of the time a fold may take.
_ROOM = 1.3
#: Threads that is assumed where the spec's budget alone decides: a machine must not decide what is found.
_ASSUMED_THREADS = 2


class Folds:
    """Fits a candidate once on the training part, or part by part where there are few rows.

    Args:
        train: Rows to fit on, with ``__target``.
        tuning: Rows to compare on.
        problem: What is learned.
        in_turn: Whether every row, of rows with a time the newest, is predicted in turn; None: where ``is_small`` says
            so.
        turn: Which of many divisions into folds; each fit of a bag has its own.
    """

    def __init__(
        self, train: pd.DataFrame, tuning: pd.DataFrame, problem: Problem, in_turn: bool | None = None, turn: int = 0
    ) -> None:
        self.problem, self.timed = problem, TIME in tuning
        self._rows, self._turns = (train, tuning), dict[int, Folds]()
        small = is_small(len(train) + len(tuning), self.timed, problem) if in_turn is None else in_turn
        cuts = list[Cut]()
        if small:
            both = pd.concat([train, tuning], ignore_index=True)
            both = both.sort_values(TIME, kind="stable", ignore_index=True) if self.timed else both
            cuts = _steps(both, problem) if self.timed else _folds(both, problem, turn)
        if cuts:
            judged = np.sort(np.concatenate([judging for _, judging in cuts]))
            self._places = [np.searchsorted(judged, judging) for _, judging in cuts]
            self._parts = [Matrices(both.iloc[past], both.iloc[judging], problem) for past, judging in cuts]
            tuning = both.iloc[judged]
        else:
            self._places = [np.arange(len(tuning))]
            self._parts = [Matrices(train, tuning, problem)]
        self.target, _ = encode_target(tuning[TARGET], problem.task, problem.classes)
        self.blocks = tuning[DAY].to_numpy() if DAY in tuning else np.arange(len(self.target))

    @property
    def shape(self) -> Shape:
        """What a fit of one fold is made on."""
        classes = len(self.problem.classes) if TASKS[self.problem.task].classes else 0
        return Shape(len(self._parts[0].train), len(self.problem.transformer_for("").inputs), classes)

    @property
    def count(self) -> int:
        """How often a candidate is fitted."""
        return len(self._parts)

    @property
    def parts(self) -> list[tuple[NDArray[np.int64], Matrices]]:
        """The matrices of each fold, with the places of its tuning rows in ``target``."""
        return list(zip(self._places, self._parts, strict=True))

    def fit(self, recipe: Recipe, watch: Watch) -> Finished:
        """Fit a candidate; of several folds the predictions of all, and the mean of their rounds.

        Of a bag each fit divides the rows into folds anew: cross-validation, repeated.

        Raises:
            OutOfTime: the time is over.
        """
        if recipe.members:
            return self._fit_bag(recipe, watch)
        if len(self._parts) == 1:
            single = fit_on(recipe, self._parts[0], watch)
            return Finished(single.recipe, single.tuning, single.seconds, single.cut)
        began = watch.clock()
        # A fold's value cannot be held against one of all folds: nothing to beat.
        fitted = self._fitted(recipe, replace(watch, to_beat=None))
        tuning = np.zeros((len(self.target), *fitted[0].tuning.shape[1:]))
        for places, one in zip(self._places, fitted, strict=True):
            tuning[places] = one.tuning
        rounds = {
            name: np.rint(np.mean([one.recipe.params[name] for one in fitted], axis=0)).clip(1).astype(int).tolist()
            for name in family(recipe.family).stopped_by
            if name in fitted[0].recipe.params
        }
        return Finished(recipe.with_params(**rounds), tuning, watch.clock() - began, any(one.cut for one in fitted))

    def _fit_bag(self, recipe: Recipe, watch: Watch) -> Finished:
        """The mean of a bag's predictions of each row, by fits that did not see it."""
        began, members = watch.clock(), recipe.members
        fitted = []
        for at, member in enumerate(members):
            if member.bag not in self._turns:
                self._turns[member.bag] = Folds(*self._rows, self.problem, in_turn=True, turn=member.bag)
            now = watch.clock()
            until = now + (watch.deadline - now) / (len(members) - at)
            fitted.append(self._turns[member.bag].fit(member, replace(watch, deadline=until, to_beat=None, way=0.0)))
        mean = sum(share * one.tuning for share, one in zip(recipe.shares, fitted, strict=True))
        made = Recipe.mixing([one.recipe for one in fitted], recipe.shares)
        return Finished(replace(made, name=recipe.name), np.asarray(mean), watch.clock() - began)

    def _fitted(self, recipe: Recipe, watch: Watch) -> list[Finished]:
        """One fit a fold; given up where the first says that the others take too long."""
        from threadpoolctl import threadpool_limits

        count = len(self._parts)
        at_once = _at_once(self._parts[0].of(recipe.view)[1].size, self.problem.threads, count)

        def fitted(at: int) -> Finished:
            now = watch.clock()
            # Each fold has its part of the time, with some room: one that takes longer says that all take too long.
            room = 1.0 if watch.keep else _ROOM
            until = min(watch.deadline, now + room * (watch.deadline - now) / -((at - count) // at_once))
            return fit_on(recipe, self._parts[at], replace(watch, deadline=until))

        if at_once == 1:
            return [fitted(at) for at in range(count)]
        with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(at_once) as pool:
            jobs = [pool.submit(fitted, at) for at in range(count)]
            try:
                return [job.result() for job in jobs]
            except OutOfTime:
                pool.shutdown(cancel_futures=True)
                raise


def _at_once(values: int, threads: int, folds: int = _FOLDS) -> int:
    """Folds of small matrices that are fitted at once, each on one thread."""
    return min(threads, folds) if values < SMALL_MATRIX else 1


def times_longer(n_rows: int, problem: Problem) -> float:
    """How much longer than on one part of the rows a candidate takes that predicts each of ``n_rows`` in turn."""
    at_once = _at_once(n_rows * len(problem.transformer_for("").inputs), problem.threads)
    return _FOLDS / at_once * _ROOM


def may_take_turns(n_rows: int, timed: bool, problem: Problem) -> bool:
    """Whether each row, or step by step each of the newest, may be predicted in turn, where there is time for it."""
    return problem.settings.cross_validate == "auto" and n_rows <= (_SMALL_TIMED if timed else _SMALL)


def is_small(n_rows: int, timed: bool, problem: Problem) -> bool:
    """Whether there are so few rows, without an order in time, that each may be predicted in turn within the budget."""
    if timed or not may_take_turns(n_rows, timed, problem):
        return False
    outputs = len(problem.classes) if len(problem.classes) > 2 else 1
    values = n_rows * len(problem.transformer_for("").inputs) * outputs
    seconds = _FOLDS / _ASSUMED_THREADS * (_SECONDS_A_FIT + SECONDS_A_VALUE * values)
    return n_rows <= _FEW or seconds * _CANDIDATES <= problem.settings.budget.total_seconds()


def _steps(rows: pd.DataFrame, problem: Problem) -> list[Cut]:
    """Steps of whole days through the newest part, each predicted from rows whose label was known before it.

    A rolling origin (Tashman 2000, Out-of-sample tests of forecasting accuracy). A step before which few rows are
    known, or few of a class, is left out: what is fitted on these is another model. One step alone is none.

    Args:
        rows: In order of time.
        problem: What is learned.
    """
    target, _ = encode_target(rows[TARGET], problem.task, problem.classes)
    n_classes = len(problem.classes) if TASKS[problem.task].classes else 0
    first = np.rint(len(rows) * (1 - _ROLLED * np.arange(_FOLDS, 0, -1) / _FOLDS)).astype(int)
    moments = rows[DAY if DAY in rows else TIME].astype("int64").to_numpy()
    first = np.unique(np.searchsorted(moments, moments[first], side="left"))
    cuts = []
    for begin, end in pairwise([*first.tolist(), len(rows)]):
        judging = np.arange(begin, end)
        past = np.arange(begin)
        if KNOWN_AT in rows:
            past = past[(rows[KNOWN_AT].iloc[past] <= rows[CUT_OFF].iloc[judging].min()).to_numpy()]
        rarest = np.bincount(target[past].astype(int), minlength=n_classes).min() if n_classes else 2 * _FOLDS
        if len(past) >= max(_FEWEST_PAST, _LEAST_PAST * len(rows)) and rarest >= 2 * _FOLDS:
            cuts.append((past, judging))
    return cuts if len(cuts) > 1 else []


def _folds(rows: pd.DataFrame, problem: Problem, turn: int) -> list[Cut]:
    """Folds of which each is predicted from the others; none where some would lack a class or a group."""
    target, _ = encode_target(rows[TARGET], problem.task, problem.classes)
    codes = _codes(rows, target, problem, turn)
    if codes is None:
        return []
    return [(np.flatnonzero(codes != fold), np.flatnonzero(codes == fold)) for fold in range(_FOLDS)]


def _codes(
    rows: pd.DataFrame, target: NDArray[np.float64], problem: Problem, turn: int = 0
) -> NDArray[np.int64] | None:
    """The fold of each row, or None where one tuning part has to do; rows of a group share a fold."""
    if TASKS[problem.task].classes and np.bincount(target.astype(int), minlength=2).min() < 2 * _FOLDS:
        return None
    rng = np.random.default_rng([problem.settings.seed, turn] if turn else problem.settings.seed)
    order = rng.permutation(len(rows))
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
    hands = np.tile(np.arange(_FOLDS), (len(rows) // _FOLDS + 1, 1))
    # Along a quantity there is one way to deal: in later turns each hand is shuffled.
    codes[dealt] = (rng.permuted(hands, axis=1) if turn else hands).ravel()[: len(rows)]
    return codes
