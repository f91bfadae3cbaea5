"""Out-of-sample predictions of the past, by a recipe that is refitted as it goes: what a reference is made of."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.errors import TrainingError
from evergreen.handoffs import CUT_OFF, KNOWN_AT, TARGET
from evergreen.training.candidates import Recipe
from evergreen.training.fit import Problem, predict, refit

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
    shape = (len(rows), len(problem.classes)) if problem.task == "multiclass" else (len(rows),)
    predictions = np.full(shape, np.nan)
    windows = np.unique(codes[codes >= 0])
    for step in np.array_split(windows[-(-len(windows) // 3) :], ORIGINS):
        chosen = np.flatnonzero(np.isin(codes, step))
        if not len(chosen):
            continue
        known = rows[TARGET].notna() & (rows[KNOWN_AT] <= rows[CUT_OFF].iloc[chosen].min())
        try:
            pipeline = refit(recipe, rows[known], problem)
        except (TrainingError, ValueError) as error:
            logger.info("no reference from %d early windows: %s", len(step), error)
            continue
        predictions[chosen] = predict(pipeline, problem.task, rows.iloc[chosen], len(problem.classes))
    return predictions
