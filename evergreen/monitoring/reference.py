"""What a champion's live windows are compared with: past figures, past rows, and an estimator without labels."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.arrays import Floats
from evergreen.handoffs import DAY, WindowValue
from evergreen.monitoring.estimate import fit_estimator
from evergreen.monitoring.estimator import Estimator, estimator_from_json, estimator_to_json
from evergreen.monitoring.performance import default_tolerance
from evergreen.monitoring.profile import Profile, build_profile, from_json, to_json
from evergreen.monitoring.windows import Bounds
from evergreen.spec import Task
from evergreen.statistics import metric_error


@dataclass(frozen=True)
class Reference:
    """What a version's windows are compared with: per-window figures out of sample, a profile, an estimator.

    ``level`` is the mean figure over the reference windows, ``tolerance`` a fall that is none.
    """

    metric: str
    level: float
    tolerance: float
    values: tuple[WindowValue, ...]
    profile: Profile
    estimator: Estimator | None


@dataclass(frozen=True)
class ReferenceRows:
    """Rows of the training period with their out-of-sample predictions.

    ``target`` is encoded, NaN without a label; ``predictions`` are NaN where none could be made; ``codes`` number each
    row's window, an index into ``bounds``, -1 outside all.
    """

    rows: pd.DataFrame
    target: Floats
    predictions: Floats
    codes: NDArray[np.int64]
    bounds: Sequence[Bounds]

    @property
    def predicted(self) -> NDArray[np.bool_]:
        """Rows of the windows that have predictions."""
        flat = self.predictions if self.predictions.ndim == 1 else self.predictions[:, 0]
        return np.asarray(np.isfinite(flat) & (self.codes >= 0))


def build_reference(
    past: ReferenceRows,
    inputs: Sequence[str],
    categorical: Sequence[str],
    task: Task,
    metric: str,
    tolerance: float | None = None,
    min_rows: int = 1,
) -> Reference:
    """Make the reference of a version from rows of its training period.

    Args:
        past: The rows, and predictions by models that had not seen them.
        inputs: The columns that the model looks at.
        categorical: Those of them that are categories though they hold numbers.
        task: What is predicted.
        metric: The primary metric.
        tolerance: The spec's; by default the metric's own.
        min_rows: Labelled rows that a window needs to have a figure.
    """
    judged = past.predicted & np.isfinite(past.target)
    values = [
        window_value(metric, past.target[rows], past.predictions[rows], _days(past.rows[rows]), past.bounds[code])
        for code in np.unique(past.codes[judged])
        if (rows := judged & (past.codes == code)).sum() >= min_rows
    ]
    values = [value for value in values if math.isfinite(value.value)]
    level = float(np.mean([value.value for value in values])) if values else math.nan
    estimator, profile = None, _profile(past, inputs, categorical)
    if judged.any():
        # A window is estimated, so that windows are what the estimate's spread is learned from.
        windows, looks = past.codes[judged], (past.rows[judged], profile.columns)
        estimator = fit_estimator(task, metric, past.target[judged], past.predictions[judged], windows, looks)
    return Reference(
        metric,
        level,
        default_tolerance(metric, level) if tolerance is None else tolerance,
        tuple(values),
        profile,
        estimator,
    )


def window_value(
    metric: str, target: Floats, predictions: Floats, days: NDArray[Any] | None, bounds: Bounds
) -> WindowValue:
    """The primary metric on the labelled rows of one window, with its standard error.

    Args:
        metric: The metric.
        target: (n,): encoded, without NaN.
        predictions: (n,) or (n, k).
        days: (n,): the block of each row.
        bounds: The window.
    """
    value, error = metric_error(metric, target, predictions, days) if len(target) else (math.nan, math.nan)
    return WindowValue(bounds[0], bounds[1], len(target), value, error)


def reference_to_json(reference: Reference) -> str:
    """The reference as JSON, to be stored with the model."""
    values = [
        asdict(value) | {"start": value.start.isoformat(), "end": value.end.isoformat()} for value in reference.values
    ]
    content = {
        "metric": reference.metric,
        "level": reference.level,
        "tolerance": reference.tolerance,
        "values": values,
        "profile": json.loads(to_json(reference.profile)),
        "estimator": json.loads(estimator_to_json(reference.estimator)) if reference.estimator else None,
    }
    return json.dumps(content)


def reference_from_json(text: str) -> Reference:
    """The reference that ``reference_to_json`` wrote."""
    content = json.loads(text)
    times = ("start", "end")
    values = [
        WindowValue(**{**value, **{name: datetime.fromisoformat(value[name]) for name in times}})
        for value in content["values"]
    ]
    estimator = content["estimator"]
    return Reference(
        content["metric"],
        content["level"],
        content["tolerance"],
        tuple(values),
        from_json(json.dumps(content["profile"])),
        estimator_from_json(json.dumps(estimator)) if estimator else None,
    )


def _profile(past: ReferenceRows, inputs: Sequence[str], categorical: Sequence[str]) -> Profile:
    """The columns over all windows; the predictions over those that have some."""
    profile = build_profile(past.rows, inputs, categorical, past.codes, past.bounds)
    chosen = past.predicted
    if not chosen.any():
        return profile
    numbers, codes = np.unique(past.codes[chosen], return_inverse=True)
    bounds = [past.bounds[number] for number in numbers]
    own = build_profile(past.rows[chosen], (), (), codes.astype(np.int64), bounds, past.predictions[chosen])
    return replace(profile, prediction=own.prediction)


def _days(rows: pd.DataFrame) -> NDArray[Any] | None:
    return rows[DAY].to_numpy() if DAY in rows else None
