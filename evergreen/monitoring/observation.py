"""One live window beside its reference: what it realised, what could be estimated, what has drifted, and why."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.arrays import Floats
from evergreen.handoffs import DAY, ColumnDrift, Health, Interval, ModelVersion, WindowSlice, WindowValue
from evergreen.metrics import find_metric
from evergreen.monitoring.drift import find_drift
from evergreen.monitoring.estimate import describe, estimate
from evergreen.monitoring.profile import count
from evergreen.monitoring.reference import Reference, window_value
from evergreen.monitoring.windows import Bounds
from evergreen.spec import Monitoring
from evergreen.statistics import metric_interval

#: Levels of a slice's column that are looked at.
_LARGEST = 10


@dataclass(frozen=True)
class ObservedWindow:
    """What is known of one window: rows that were scored in time, their inputs, and the labels so far.

    ``rows`` hold ``__day`` and the slices' columns; ``features`` the model's inputs of the same rows; ``target`` is
    encoded, NaN without a label; ``ripe`` says whether there are enough labels, ``words`` why or why not. ``newest``
    is the event time of the newest row.
    """

    bounds: Bounds
    as_of: datetime
    rows: pd.DataFrame
    features: pd.DataFrame
    target: Floats
    predictions: Floats
    late: int
    ripe: bool
    words: str
    newest: datetime | None = None
    seconds: float = 0.0
    peak_mb: float = 0.0


def observe(
    seen: ObservedWindow, version: ModelVersion, reference: Reference, rules: Monitoring, slices: Sequence[str]
) -> Health:
    """Judge one window on its own; what several windows say together is the retraining rules' business.

    Args:
        seen: The window.
        version: The champion that scored it.
        reference: The champion's reference.
        rules: The spec's monitoring part.
        slices: Columns whose largest levels are looked at on their own.
    """
    realised, parts = _realised(seen, reference, slices)
    estimated = None
    if reference.estimator and len(seen.rows):
        estimated = estimate(reference.estimator, seen.predictions, seen.features)
    low = estimated is not None and _below(estimated, reference)
    drift = find_drift(
        reference.profile, count(seen.features, reference.profile, seen.predictions), effect=rules.drift_effect
    )
    moved = [column.name for column in drift if column.drifted]
    drifted = bool(drift) and len(moved) >= rules.drift_share * len(drift)
    labelled, reasons = int(np.isfinite(seen.target).sum()), (
        _say_realised(realised, reference, seen.words),
        _say_estimated(estimated, seen, reference, low),
        _say_drift(moved, drift, drifted),
        _say_volume(seen, reference),
        _say_freshness(seen, rules),
    )  # fmt: skip
    return Health(
        version.model, version.version, *seen.bounds, seen.as_of, len(seen.rows), seen.late, labelled,
        reference.metric, realised, estimated, parts, drift, drifted, low, seen.seconds, seen.peak_mb, reasons,
    )  # fmt: skip


def _realised(
    seen: ObservedWindow, reference: Reference, slices: Sequence[str]
) -> tuple[WindowValue | None, tuple[WindowSlice, ...]]:
    """The figure of the labelled rows and of the slices' levels; None while there are not enough labels."""
    if not seen.ripe:
        return None, ()
    metric, labelled = reference.metric, np.isfinite(seen.target)
    days = seen.rows[DAY].to_numpy()[labelled]
    value = window_value(metric, seen.target[labelled], seen.predictions[labelled], days, seen.bounds)
    return value, tuple(_slices(metric, seen, labelled, slices))


def _slices(metric: str, seen: ObservedWindow, labelled: NDArray[np.bool_], slices: Sequence[str]) -> list[WindowSlice]:
    found = []
    for column in slices:
        levels = seen.rows[column].astype(str).to_numpy()
        names, counts = np.unique(levels[labelled], return_counts=True)
        for name in names[np.argsort(-counts, kind="stable")[:_LARGEST]]:
            chosen = labelled & (levels == name)
            days = seen.rows[DAY].to_numpy()[chosen]
            value = metric_interval(metric, seen.target[chosen], seen.predictions[chosen], days)
            found.append(WindowSlice(f"{column}={name}", int(chosen.sum()), value))
    return found


def _below(estimated: Interval, reference: Reference) -> bool:
    """Whether even the better end of the estimate lies below the reference by more than the tolerance."""
    if find_metric(reference.metric).greater_is_better:
        return math.isfinite(estimated.high) and estimated.high < reference.level - reference.tolerance
    return math.isfinite(estimated.low) and estimated.low > reference.level + reference.tolerance


def _say_realised(realised: WindowValue | None, reference: Reference, words: str) -> str:
    if realised is None:
        return f"{reference.metric}: {words}"
    if not math.isfinite(realised.value):
        return f"{reference.metric} is not defined on the {realised.rows:,} labelled rows"
    error = f" ± {1.96 * realised.error:.3f}" if math.isfinite(realised.error) else ""
    past = (
        f"reference {reference.level:.3f} over {len(reference.values)} windows" if reference.values else "no reference"
    )
    return f"{reference.metric} {realised.value:.3f}{error} on {realised.rows:,} labelled rows; {past}"


def _say_estimated(estimated: Interval | None, seen: ObservedWindow, reference: Reference, low: bool) -> str:
    if reference.estimator is None:
        return f"{reference.metric} cannot be estimated without labels: the reference has no predictions to learn from"
    if estimated is None:
        return f"{reference.metric} cannot be estimated: no row was scored in time"
    end = "below the reference" if low else "not shown to be below the reference"
    return f"{describe(reference.estimator, seen.predictions, seen.features)}: {end}"


def _say_drift(moved: Sequence[str], drift: Sequence[ColumnDrift], drifted: bool) -> str:
    names = ", ".join(moved[:5]) + (f" and {len(moved) - 5} more" if len(moved) > 5 else "")
    end = "" if drifted or not moved else ": too few to count as drift"
    return f"{len(moved)} of {len(drift)} columns have drifted{f' ({names})' if moved else ''}{end}"


def _say_volume(seen: ObservedWindow, reference: Reference) -> str:
    past = [rows for _, _, rows in reference.profile.windows if rows]
    usual = f"; reference windows hold {min(past):,} to {max(past):,}" if past else ""
    late = f", {seen.late:,} more came too late" if seen.late else ""
    return f"{len(seen.rows):,} rows were scored in time{late}{usual}"


def _say_freshness(seen: ObservedWindow, rules: Monitoring) -> str:
    if seen.newest is None:
        return "no row tells how fresh the data are"
    age = seen.bounds[1] - seen.newest
    stale = age > (rules.freshness or rules.window)
    return f"the newest row lies {age.total_seconds() / 3600:.1f} h before the window's end{': stale' if stale else ''}"
