"""Out-of-sample predictions by a recipe that is refitted as it goes: for references, and for holdouts."""

from __future__ import annotations

import logging
from datetime import timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.errors import TrainingError
from evergreen.handoffs import CUT_OFF, KNOWN_AT, TARGET, TIME
from evergreen.training.families.prediction import blank
from evergreen.training.families.recipe import Recipe
from evergreen.training.fit import predict, refit
from evergreen.training.problem import Problem
from evergreen.training.rows.splits import Positions

logger = logging.getLogger(__name__)

Codes = NDArray[np.int64]

#: How often the recipe is refitted: each origin costs a fit on the rows before it.
ORIGINS = 4


def rolling_predictions(rows: pd.DataFrame, codes: Codes, recipe: Recipe, problem: Problem) -> NDArray[np.float64]:
    """Predict past windows from what was known before them, by rolling origin.

    The oldest third of the windows is only fitted on. The rest is predicted in ``ORIGINS`` steps of consecutive
    windows; for each the recipe is fitted on the rows whose label was known at the step's first cut-off.

    Args:
        rows: A feature table with event times.
        codes: (n,): the number of each row's window, -1 outside all; numbers rise with time.
        recipe: What to fit, rounds as they are fixed in it.
        problem: What is learned.

    Returns:
        Predictions of every row, labelled or not, of the predicted windows: (n,) or (n, k); NaN elsewhere.
    """
    predictions = blank(len(rows), problem.task, len(problem.classes))
    windows = np.unique(codes[codes >= 0])
    for step in np.array_split(windows[-(-len(windows) // 3) :], ORIGINS):
        chosen = np.flatnonzero(np.isin(codes, step))
        if not len(chosen):
            continue
        known = rows[TARGET].notna() & (rows[KNOWN_AT] <= rows[CUT_OFF].iloc[chosen].min())
        if not known.any():
            continue
        try:
            pipeline = refit(recipe, rows[known], problem)
        except (TrainingError, ValueError) as error:  # one class only, or too few rows for the family
            logger.warning("no reference from %d early windows: %s", len(step), error)
            continue
        predictions[chosen] = predict(pipeline, problem.task, rows.iloc[chosen], len(problem.classes))
    return predictions


def holdout_predictions(
    rows: pd.DataFrame, holdout: Positions, recipe: Recipe, problem: Problem, every: timedelta
) -> NDArray[np.float64]:
    """Predict a holdout in steps, each by the recipe fitted on the labels that were known at the step's first cut-off.

    What is judged is the recipe, refitted as it would be: not a model that must do without the newest rows although the
    version that a pass promotes will have them.

    Args:
        rows: A feature table with event times.
        holdout: Positions, ascending.
        recipe: What to fit, rounds as they are fixed in it.
        problem: What is learned.
        every: The length of a step.

    Returns:
        Predictions of the holdout rows in their order: (n,) or (n, k).
    """
    predictions = blank(len(holdout), problem.task, len(problem.classes))
    if not len(holdout):
        return predictions
    times = rows[TIME].iloc[holdout]
    codes = ((times - times.min()) // pd.Timedelta(every)).to_numpy()
    for step in np.unique(codes):
        chosen = holdout[codes == step]
        known = rows[TARGET].notna() & (rows[KNOWN_AT] <= rows[CUT_OFF].iloc[chosen].min())
        pipeline = refit(recipe, rows[known], problem)
        predictions[codes == step] = predict(pipeline, problem.task, rows.iloc[chosen], len(problem.classes))
    return predictions
