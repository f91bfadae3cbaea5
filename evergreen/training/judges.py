"""Which rows judge where there is no order in time, and what stands in for a holdout that is too small."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.handoffs import DAY, GROUP, KEY, TIME
from evergreen.learning_tasks import TASKS
from evergreen.spec import Task
from evergreen.training.families.prediction import blank
from evergreen.training.families.recipe import Recipe
from evergreen.training.fit import predict, refit
from evergreen.training.problem import Problem
from evergreen.training.rolling import rolling_predictions
from evergreen.training.rows.splits import Positions, hash_shares
from evergreen.training.rows.training_rows import TrainingRows

#: Parts of the table that are left out in turn.
_FOLDS = 5
#: Rows of a class under which a holdout is thin, and those of a table from which it has to do.
_THIN, _MANY = 20, 100_000


@dataclass(frozen=True)
class Judges:
    """Rows of a holdout, at which confidence they judge, and what is said about them."""

    rows: Positions
    confidence: float
    chosen: str


def choose_judges(
    rows: pd.DataFrame, holdout: Positions, judged: list[pd.Series], confidence: float, min_rows: int
) -> Judges:
    """The holdout rows of a table without a time that may judge now.

    Rows that came since the last verdict judge at full confidence where there are enough of them. Else all rows judge
    once more, the k-th time at level alpha / 2^k, so that asking again and again does not find a gain by chance.

    Args:
        rows: The feature table.
        holdout: Positions of the holdout.
        judged: The keys that judged in each earlier verdict.
        confidence: Of a first judgement.
        min_rows: Rows that a verdict needs.
    """
    if not judged:
        return Judges(holdout, confidence, "")
    keys = rows[KEY].iloc[holdout].astype("str")
    known = pd.concat([one.astype("str") for one in judged])
    fresh = holdout[~keys.isin(known).to_numpy()]
    if len(fresh) >= min_rows:
        return Judges(fresh, confidence, "those first seen since the last verdict")
    times = len(judged) + 1
    again = 1 - (1 - confidence) / 2**times
    return Judges(holdout, again, f"too few are new, all of them judge for the {_ordinal(times)} time")


def is_thin(target: NDArray[np.float64], task: Task, n_rows: int) -> bool:
    """Whether a holdout holds so few rows of one of two classes that all rows, each left out in turn, judge better.

    Args:
        target: The holdout's labels: places of classes.
        task: What is predicted; of several classes a rare one decides little.
        n_rows: Labelled rows in all; where they are many the fits would take too long.
    """
    return TASKS[task].decides and n_rows <= _MANY and int(np.bincount(target.astype(int), minlength=2).min()) < _THIN


def out_of_sample(
    rows: pd.DataFrame, contest: TrainingRows, recipe: Recipe, problem: Problem
) -> tuple[Positions, NDArray[np.float64]]:
    """Predict labelled rows by fits that have not seen them: for tables too small to hold enough of them out.

    With a time the recipe rolls through it; without one each fifth of the keys, or of the groups, is
    predicted by a fit on the others.

    Returns:
        Positions of the predicted rows, and their predictions.
    """
    labelled = np.sort(np.concatenate([contest.choosing, contest.split.holdout]))
    table = rows.iloc[labelled].reset_index(drop=True)
    if TIME in rows:
        days = table[DAY].to_numpy()
        codes = np.searchsorted(np.quantile(days, np.linspace(0, 1, 13)[1:-1]), days, side="right").astype(np.int64)
        predictions = rolling_predictions(table, codes, recipe, problem)
    else:
        predictions = _crossed(table, recipe, problem)
    found = np.isfinite(predictions if predictions.ndim == 1 else predictions[:, 0])
    return labelled[found], predictions[found]


def _crossed(table: pd.DataFrame, recipe: Recipe, problem: Problem) -> NDArray[np.float64]:
    # Another digit of the same hash than the split's, so that folds cut through its parts.
    folds = (hash_shares(table[GROUP if GROUP in table else KEY]) * 1000 * _FOLDS).astype(int) % _FOLDS
    predictions = blank(len(table), problem.task, len(problem.classes))
    for fold in range(_FOLDS):
        out = folds == fold
        if out.any() and not out.all():
            pipeline = refit(recipe, table[~out], problem)
            predictions[out] = predict(pipeline, problem.task, table[out], len(problem.classes))
    return predictions


def _ordinal(number: int) -> str:
    return f"{number}{'th' if number > 3 else {1: 'st', 2: 'nd', 3: 'rd'}[number]}"
