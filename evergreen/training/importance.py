"""How much a model leans on each of its inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from evergreen.spec import Task
from evergreen.training.fit import predict

Score = Callable[[NDArray[Any], NDArray[Any]], float]


def permutation_importance(
    pipeline: Pipeline,
    task: Task,
    frame: pd.DataFrame,
    target: NDArray[np.float64],
    score: Score,
    seed: int = 0,
    repeats: int = 3,
    max_rows: int = 5000,
) -> dict[str, float]:
    """The mean loss in the score when one input is shuffled among the rows (Breiman 2001, Random Forests, section 10).

    Inputs are columns of the table, as people know them, not the numbers derived from them.

    Args:
        pipeline: A fitted model.
        task: What it predicts.
        frame: Rows that it was not fitted on, with its inputs.
        target: Their labels, of shape (n,), as ``encode_target`` gives them.
        score: A function of labels and predictions; larger is better.
        seed: Seed of the shuffles.
        repeats: Shuffles an input.
        max_rows: Rows looked at; a random choice of them where there are more.

    Returns:
        The importance by input, in the unit of the score, largest first; near zero or below means of no use.
    """
    rng = np.random.default_rng(seed)
    kept = np.sort(rng.permutation(len(frame))[:max_rows])
    rows, labels = frame.iloc[kept].reset_index(drop=True), target[kept]
    full = score(labels, predict(pipeline, task, rows))
    losses = {}
    for name in pipeline.named_steps["rows"].inputs:
        shuffled = rows.copy(deep=False)
        values = []
        for _ in range(repeats):
            shuffled[name] = rows[name].take(rng.permutation(len(rows))).reset_index(drop=True)
            values.append(full - score(labels, predict(pipeline, task, shuffled)))
        losses[name] = float(np.mean(values))
    return dict(sorted(losses.items(), key=lambda item: (-item[1], item[0])))
