"""Labels as target means take them, and the folds in which a row's own label is left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.handoffs import GROUP
from evergreen.learning_tasks import TASKS
from evergreen.spec import Task

#: Parts in which means are learned on the others.
_FOLDS = 5
#: Whole numbers with at most so many values count as classes where nobody says what is predicted.
_MOST_NUMBERED_CLASSES = 10


@dataclass(frozen=True)
class Labels:
    """Numbers of shape (n,): codes of so many classes, or quantities where there are none.

    ``blocks`` are the rows' groups, or their stretches of time, (n,); None where any two rows are independent.
    ``weights`` are what each quantity is a rate of, its exposure, (n,); None where all count alike.
    """

    values: NDArray[np.float64]
    classes: int
    blocks: NDArray[np.int64] | None
    weights: NDArray[np.float64] | None = None

    def folds(self, seed: int) -> Any:
        """How rows are dealt out: blocks stay together."""
        from sklearn.model_selection import KFold, PredefinedSplit

        n = len(self.values)
        if self.blocks is not None and len(np.unique(self.blocks)) >= _FOLDS:
            return PredefinedSplit(np.asarray(self.blocks) % _FOLDS)
        return KFold(min(_FOLDS, n), shuffle=True, random_state=seed)


def labels_of(
    rows: pd.DataFrame, y: Any, task: Task | None, times: pd.Series | None, weights: Any = None
) -> Labels | None:
    """Labels of the rows, or None where nobody gave any.

    Args:
        rows: With ``__group`` where rows depend on each other.
        y: Numbers, (n,).
        task: What is predicted.
        times: Event times.
        weights: What each label is a rate of, (n,); None where all count alike.
    """
    if y is None:
        return None
    values = np.asarray(y, dtype=float)
    distinct = np.unique(values)
    if task is None:
        several = len(distinct) <= _MOST_NUMBERED_CLASSES and bool((distinct == np.floor(distinct)).all())
    else:
        several = TASKS[task].classes
    blocks = None
    if times is not None:
        ranks = times.rank(method="first").to_numpy()
        blocks = np.minimum((ranks - 1) * _FOLDS // max(len(values), 1), _FOLDS - 1).astype(np.int64)
    elif GROUP in rows:
        blocks = pd.factorize(rows[GROUP])[0].astype(np.int64)
    weights = None if weights is None else np.asarray(weights, dtype=float)
    return Labels(values, len(distinct) if several else 0, blocks, weights)
