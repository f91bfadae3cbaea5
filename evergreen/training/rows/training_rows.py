"""The rows of one training: what choices may use, and the holdout that neither side has seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.handoffs import DAY, KNOWN_AT, TARGET, TIME, ModelVersion
from evergreen.learning_tasks import TASKS
from evergreen.spec import Task, Training
from evergreen.training.rows.splits import Positions, Split, split
from evergreen.training.rows.targets import encode_target, find_task


@dataclass(frozen=True)
class TrainingRows:
    """The rows that a training uses, as positions in the feature table, and what is predicted.

    ``classes`` name the columns of a prediction: the classes in the order of their codes, or the quantiles; empty for a
    quantity.
    """

    task: Task
    metric: str
    classes: tuple[str, ...]
    split: Split

    @property
    def choosing(self) -> Positions:
        """The rows that choices may use: train and tuning."""
        return np.sort(np.concatenate([self.split.train, self.split.tuning]))


def reserve(rows: pd.DataFrame, training: Training, champion: ModelVersion | None, as_of: datetime) -> TrainingRows:
    """Set apart the holdout that neither side has seen, and the rows that choices may use.

    Args:
        rows: A feature table.
        training: The spec's training part.
        champion: The other side of the contest; None before the first champion.
        as_of: Labels known later do not count.

    Raises:
        TrainingError: a part would be empty, or the target cannot be learned.
    """
    task = training.task or find_task(rows[TARGET])
    _, classes = encode_target(rows.loc[rows[TARGET].notna(), TARGET], task)
    columns = TASKS[task].column_names(classes, training.quantiles)
    fresh = unseen(rows, champion) if champion else np.ones(len(rows), dtype=bool)
    # Before a day has passed that the champion knows nothing of, the few new rows are too few for a verdict, which is
    # for the gate to say: parts are then cut as for a first champion.
    since = champion.fitted_until if champion and _a_new_day(rows, champion, fresh) else None
    if since and rolls(training, champion):
        # A recipe that is refitted as it goes loses nothing by a long holdout, and many days make a sharp verdict.
        training = training.model_copy(update={"holdout": training.holdout_back})
    parts = split(rows, training.model_copy(update={"task": task}), as_of=as_of, unseen_from=since)
    parts = replace(parts, holdout=parts.holdout[fresh[parts.holdout]])
    return TrainingRows(task, training.metric_of(task), columns, parts)


def _a_new_day(rows: pd.DataFrame, champion: ModelVersion, fresh: NDArray[np.bool_]) -> bool:
    """Whether rows that the champion has not seen lie on a day of which it has seen none; without a time, any."""
    if TIME not in rows or champion.fitted_until is None or not fresh.any():
        return bool(fresh.any())
    seen = rows.loc[(rows[TIME] < pd.Timestamp(champion.fitted_until)).to_numpy(), DAY]
    return bool(rows.loc[fresh, DAY].max() > seen.max()) if len(seen) else True


def rolls(training: Training, champion: ModelVersion | None) -> bool:
    """Whether a contest judges the recipe, refitted through the holdout, rather than one challenger blind to it."""
    return champion is not None and champion.fitted_until is not None and training.holdout_refit is not None


def unseen(rows: pd.DataFrame, version: ModelVersion) -> NDArray[np.bool_]:
    """Labelled rows that a version has not seen: later events, whose label was known only after it was fitted.

    Returns:
        Boolean, shape (n,). Without a time every labelled row counts: there the split keeps the holdout unseen.
    """
    labelled = rows[TARGET].notna().to_numpy()
    if TIME not in rows or version.fitted_until is None:
        return np.asarray(labelled)
    later = rows[TIME] >= pd.Timestamp(version.fitted_until)
    fresh = rows[KNOWN_AT] > pd.Timestamp(version.fitted_as_of)
    return np.asarray(later & fresh & labelled)


def known_rows(rows: pd.DataFrame, contest: TrainingRows, as_of: datetime) -> Positions:
    """The rows for the final fit: with a time all whose label was known, the holdout included.

    Without a time the holdout's buckets stay unseen for ever: later contests need them.
    """
    if TIME not in rows:
        return contest.choosing
    return np.flatnonzero(rows[TARGET].notna() & (rows[KNOWN_AT] <= pd.Timestamp(as_of)))
