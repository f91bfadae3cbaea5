"""Has the champion's performance fallen? One sequential rule, made to be quiet while nothing has happened.

The null hypothesis is that the champion's expected figure is no worse than its reference less the tolerance. What the
rule knows of chance, it learned from the reference windows: see ``evergreen.statistics.sequential``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from evergreen.arrays import Floats
from evergreen.handoffs import WindowValue
from evergreen.metrics import find_metric
from evergreen.statistics.sequential import (
    MIN_REFERENCE,
    SPANS,
    Baseline,
    fit_baseline,
    scan,
    scan_threshold,
)

#: Windows whose lengths differ by more than this share are not of the same length (a day may have 23 or 25 hours, a
#: month 28 or 31 days).
_SAME_LENGTH = 0.15
#: A pattern of the week is learned from at least so many weeks (of the day: days).
_CYCLES = 3
_DAY, _WEEK = timedelta(days=1), timedelta(days=7)


@dataclass(frozen=True)
class PerformanceSignal:
    """Whether performance has fallen, as of the newest window.

    ``statistic`` and ``threshold`` are NaN where the rule cannot judge. ``current`` is the mean figure of the newest
    windows that speak loudest for a fall, or the newest figure where none do. ``since`` is the start of the first
    window of the current excursion, None unless fired. ``reason`` says it all in a sentence.
    """

    fired: bool
    statistic: float
    threshold: float
    reference: float
    current: float
    since: datetime | None
    reason: str


@dataclass(frozen=True)
class PerformanceTrace:
    """The rule's state after each live window, (n,) each, from what was known by then."""

    baseline: Baseline
    statistic: Floats
    span: NDArray[np.intp]  # newest windows that gave the statistic; 0 for none
    threshold: float

    @property
    def fired(self) -> NDArray[np.bool_]:
        """Whether the rule fires after each window."""
        return self.statistic > self.threshold


def default_tolerance(metric: str, reference: float) -> float:
    """How much worse than its reference a champion may be before it counts as fallen, in units of the metric.

    Gains (ROC AUC, accuracy, F1, R2, ...) share a scale that ends at 1, on which 0.01 is about the least that changes
    what a model is worth. Losses (RMSE, log loss, ...) have no common scale: only a share of the reference means the
    same for each of them, and 2 % of a loss is of the order that a retraining wins or loses.

    Raises:
        SpecError: there is no such metric.
    """
    return 0.01 if find_metric(metric).greater_is_better else 0.02 * abs(reference)


def judge_performance(
    reference: Sequence[WindowValue],
    live: Sequence[WindowValue],
    *,
    greater_is_better: bool,
    tolerance: float,
    metric: str = "",
) -> PerformanceSignal:
    """Say whether the champion's expected figure is now below its reference by more than the tolerance.

    Args:
        reference: Figures of windows of the same length from the training period, oldest first; from 4, better 26.
        live: Figures of the current champion, oldest first. Row counts may differ from the reference's.
        greater_is_better: Whether a higher figure is better.
        tolerance: A difference that is no fall, in units of the metric.
        metric: Its name, for the reason.

    Returns:
        The state after the last live window. Windows without a figure (NaN) are passed over.
    """
    known, seen = _with_value(reference), _with_value(live)
    name = metric or "the metric"
    mean = float(np.mean([w.value for w in known])) if known else np.nan
    doubt = _doubt(known, seen)
    if doubt:
        current = seen[-1].value if seen else np.nan
        return PerformanceSignal(False, np.nan, np.nan, mean, current, None, f"{name} cannot be judged: {doubt}")
    trace = trace_performance(known, seen, greater_is_better=greater_is_better, tolerance=tolerance)
    return _signal(trace, seen, name, tolerance, 1 if greater_is_better else -1)


def trace_performance(
    reference: Sequence[WindowValue], live: Sequence[WindowValue], *, greater_is_better: bool, tolerance: float
) -> PerformanceTrace:
    """The rule's state after each live window; figures must be known, and the reference long enough.

    Args:
        reference: At least ``MIN_REFERENCE`` windows, oldest first, no value NaN.
        live: Oldest first, no value NaN.
        greater_is_better: Whether a higher figure is better.
        tolerance: A difference that is no fall, in units of the metric.
    """
    sign = 1.0 if greater_is_better else -1.0
    past, now = (np.array([sign * w.value for w in windows]) for windows in (reference, live))
    length = _length(reference)
    slots, cycle = _slots(reference, live, length)
    effects, fitted = _cycle_effects(past, slots[: len(past)], cycle)
    past, now = past - effects[slots[: len(past)]], now - effects[slots[len(past) :]]
    row_variance = _row_variance(reference)
    rows, live_rows = (np.array([max(w.rows, 1) for w in windows], np.float64) for windows in (reference, live))
    past_sampling = np.nan_to_num(row_variance[-1]) / rows
    baseline = fit_baseline(past, past_sampling, fitted)
    if np.isnan(row_variance[-1]):  # a smaller window is noisier, by how much of the spread is not known: by all of it
        sampling = baseline.between * np.maximum(np.median(rows) / live_rows - 1, 0)
    else:
        sampling = np.fmax(row_variance[-1], _row_variance(live)) / live_rows
    statistic, span = scan(baseline, now, sampling, tolerance)
    spread = np.sqrt(baseline.between + max(float(np.mean(each)) for each in (past_sampling, sampling)))
    year = timedelta(days=365.25) / length
    threshold = scan_threshold(len(past), float(baseline.correlation), year, tolerance / float(spread))
    return PerformanceTrace(baseline, statistic, span, threshold)


def _signal(
    trace: PerformanceTrace, live: Sequence[WindowValue], name: str, tolerance: float, sign: int
) -> PerformanceSignal:
    reference, statistic, span = sign * float(trace.baseline.mean), float(trace.statistic[-1]), int(trace.span[-1])
    newest = live[-max(span, 1) :]
    current = float(np.average([w.value for w in newest], weights=[max(w.rows, 1) for w in newest]))
    fired = bool(trace.fired[-1])
    since = None
    if fired:
        first = len(live) - int(np.argmin(trace.fired[::-1])) if not trace.fired.all() else 0
        since = live[max(first - int(trace.span[first]) + 1, 0)].start
    figures = (
        f"{current:.4g} over {'the newest window' if len(newest) == 1 else f'the newest {len(newest)} windows'}, "
        f"reference {reference:.4g} from {trace.baseline.windows} windows, tolerance {tolerance:.2g}"
    )
    if fired:
        verdict = f"{name} has fallen since {since:%Y-%m-%d %H:%M}"
    elif len(live) < SPANS[0]:
        verdict = f"{name} is not shown to have fallen (one window alone never shows it)"
    else:
        verdict = f"{name} is not shown to have fallen"
    evidence = f"statistic {statistic:.2f}, fires above {trace.threshold:.2f}"
    return PerformanceSignal(
        fired, statistic, trace.threshold, reference, current, since, f"{verdict}: {figures} ({evidence})"
    )


def _with_value(windows: Sequence[WindowValue]) -> list[WindowValue]:
    return [window for window in windows if np.isfinite(window.value)]


def _length(windows: Sequence[WindowValue]) -> timedelta:
    return sorted(window.end - window.start for window in windows)[len(windows) // 2]


def _doubt(reference: Sequence[WindowValue], live: Sequence[WindowValue]) -> str:
    """Why nothing can be said; empty if something can."""
    if len(reference) < MIN_REFERENCE:
        return f"{len(reference)} reference windows with a figure; needed are {MIN_REFERENCE}, better 26"
    if not live:
        return "no live window has a figure yet"
    past, now = _length(reference), _length(live)
    if abs(now / past - 1) > _SAME_LENGTH:
        return f"live windows last {now} and reference windows {past}; only windows of one length compare"
    return ""


def _row_variance(windows: Sequence[WindowValue]) -> Floats:
    """Variance of a figure times its rows, the mean up to and including each window; NaN where no error is known."""
    each = np.array([window.rows * window.error**2 for window in windows])
    known = np.isfinite(each)
    count = np.cumsum(known)
    mean: Floats = np.where(count > 0, np.cumsum(np.where(known, each, 0)) / np.maximum(count, 1), np.nan)
    return mean


def _slots(
    reference: Sequence[WindowValue], live: Sequence[WindowValue], length: timedelta
) -> tuple[NDArray[np.intp], int]:
    """Each window's place in its week (days) or day (shorter windows), and the number of places; one if there are none.

    Counted from the first window's middle, in whole windows, so that a clock change moves none.
    """
    period = _WEEK if abs(length / _DAY - 1) < _SAME_LENGTH else _DAY
    cycle = round(period / length)
    windows = [*reference, *live]
    if cycle < 2 or abs(cycle * length / period - 1) > 0.01 or len(reference) < _CYCLES * cycle:
        return np.zeros(len(windows), np.intp), 1
    middles = [window.start + (window.end - window.start) / 2 for window in windows]
    return np.array([round((middle - middles[0]) / length) % cycle for middle in middles], np.intp), cycle


def _cycle_effects(values: Floats, slots: NDArray[np.intp], cycle: int) -> tuple[Floats, int]:
    """How much each place of the cycle differs from the mean, (cycle,), shrunk to what exceeds chance (James-Stein).

    Also how many means the data paid for.
    """
    counts = np.bincount(slots, minlength=cycle)
    if cycle == 1 or counts.min() == 0:
        return np.zeros(cycle), 1
    means = np.bincount(slots, values, minlength=cycle) / counts
    inside = ((values - means[slots]) ** 2).sum() / (len(values) - cycle)
    between = (counts * (means - values.mean()) ** 2).sum() / (cycle - 1)
    kept = max(0.0, 1 - inside / between) if between > 0 else 0.0
    return kept * (means - np.average(means, weights=counts)), 1 + round(kept * (cycle - 1))
