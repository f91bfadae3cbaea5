"""When a series of window figures has fallen for good, told from chance, from dependence, and from a poor reference.

A scan statistic for a fall in the mean (the generalised likelihood ratio of Siegmund and Venkatraman 1995, with an
estimated reference): the newest ``w`` windows, for several ``w``, are compared with the reference, and the largest
standardised fall counts. What makes it hold outside a textbook:

- the spread between windows, beyond the sampling error of each, is learned from the reference (method of moments);
- so is the correlation of neighbouring windows, corrected for its bias (Kendall 1954) and shrunk, since a few dozen
  windows say little about it;
- the uncertainty of the reference's mean is part of the denominator: it is shared by all live windows and never
  averages out;
- thresholds come from simulated years in which the reference, its spread and its correlation are estimated anew each
  time (``benchmarks/calibrate_monitor.py`` writes them to ``sequential.json``). The correlation is drawn from a prior
  there, and the threshold is the quantile *given the correlation that was estimated*: so its uncertainty is paid for.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from evergreen.arrays import Floats

#: The axes of the table of thresholds.
AXES = ("reference", "correlation", "horizon", "ratio")
#: Fewer reference windows than this say nothing about how windows differ.
MIN_REFERENCE = 4
#: How many of the newest windows are compared with the reference. Not one: a single bad window is an incident.
SPANS = (2, 3, 4, 5, 6, 8, 10, 13, 17, 22, 28)
#: What is believed of the correlation of neighbours before any window is seen, worth so many windows.
_PRIOR_CORRELATION, _PRIOR_WINDOWS = 0.2, 16
_MAX_CORRELATION = 0.9
#: A window counts as no farther out than one in so many windows would be, so that no window decides alone.
_RAREST = 1e-4
#: No windows are more alike than this share of their figure (some have no spread at all: an accuracy of 1).
_FINEST = 1e-6
#: A fall is over when the newest of so many windows are e times likelier at the bound than at its depth.
_RECENT, _RECOVERED = (1, 2, 3, 5, 8), 1.0


@dataclass(frozen=True)
class Baseline:
    """What the reference windows taught; each an array of the shape of the series' leading axes."""

    windows: int
    mean: Floats
    between: Floats  # variance between windows beyond their sampling error
    correlation: Floats
    uncertainty: Floats  # variance of ``mean``


def inflation(windows: int, correlation: Floats) -> Floats:
    """How many times the variance of a mean of ``windows`` neighbours exceeds that of independent ones, AR(1)."""
    lags = np.arange(1, windows)
    weights = 2 * (1 - lags / windows)
    return np.asarray(1 + (weights * correlation[..., None] ** lags).sum(axis=-1))


def fit_baseline(values: Floats, sampling: Floats, fitted: int = 1) -> Baseline:
    """Learn the mean, spread and correlation of the reference windows.

    Args:
        values: (..., m) figures of neighbouring windows, oldest first, m >= ``MIN_REFERENCE``.
        sampling: (..., m) their sampling variances; 0 where unknown.
        fitted: How many means were taken out of the values (1, or more with a weekday pattern).
    """
    m = values.shape[-1]
    residual = values - values.mean(axis=-1, keepdims=True)
    squares = (residual**2).sum(axis=-1)
    lagged = (residual[..., 1:] * residual[..., :-1]).sum(axis=-1)
    raw = np.divide(lagged, squares, out=np.zeros_like(squares), where=squares > 0)
    unbiased = (raw + 1 / m) / (1 - 3 / m)
    shrunk = (m * unbiased + _PRIOR_WINDOWS * _PRIOR_CORRELATION) / (m + _PRIOR_WINDOWS)
    correlation = np.clip(shrunk, 0, _MAX_CORRELATION)
    lost = np.minimum(inflation(m, correlation) + fitted - 1, m / 2)
    finest = (_FINEST * np.abs(values).max(axis=-1)) ** 2 + _FINEST**4
    between = np.maximum(squares / (m - lost) - sampling.mean(axis=-1), finest)
    precision = 1 / (between[..., None] + sampling)
    mean = (values * precision).sum(axis=-1) / precision.sum(axis=-1)
    return Baseline(m, mean, between, correlation, inflation(m, correlation) / precision.sum(axis=-1))


def scan(baseline: Baseline, values: Floats, sampling: Floats, tolerance: float) -> tuple[Floats, NDArray[np.intp]]:
    """How far the newest windows have fallen below the reference less the tolerance, after each live window.

    Args:
        baseline: What the reference taught; greater values are better.
        values: (..., n) live figures, oldest first.
        sampling: (..., n) their sampling variances.
        tolerance: A fall that is no fall, in units of the values.

    Returns:
        (..., n) the largest standardised fall over ``SPANS``, 0 where the newest window itself is not below the
        bound; and (..., n) the span that gave it, 0 for none.
    """
    variance = baseline.between[..., None] + sampling
    spread, farthest = np.sqrt(variance), stats.t.isf(_RAREST, baseline.windows - 1)
    fall = spread * np.minimum((baseline.mean[..., None] - tolerance - values) / spread, farthest)
    sums = _Sums(_cumulated(fall / variance), _cumulated(1 / variance))
    best, depth, span = np.zeros(values.shape), np.zeros(values.shape), np.zeros(values.shape, np.intp)
    for width in (w for w in SPANS if w <= values.shape[-1]):
        mean, precision = sums.newest(width)
        noise = inflation(width, baseline.correlation)[..., None] / precision + baseline.uncertainty[..., None]
        standardised = mean / np.sqrt(noise)
        seen = (..., slice(width - 1, None))
        better = standardised > best[seen]
        for kept, new in ((best, standardised), (depth, mean), (span, width)):
            np.copyto(kept[seen], new, where=better)
    over = (fall <= 0) | _recovered(sums, depth, span)
    return np.where(over, 0, best), np.where(over, 0, span)


@dataclass(frozen=True)
class _Sums:
    """Sums of falls over their variances, and of precisions, from the first window on, (..., n + 1) each."""

    falls: Floats
    precisions: Floats

    def newest(self, width: int) -> tuple[Floats, Floats]:
        """The mean of the newest ``width`` falls after each window from the ``width``-th on, and its precision."""
        precision = self.precisions[..., width:] - self.precisions[..., :-width]
        return (self.falls[..., width:] - self.falls[..., :-width]) / precision, precision


def _cumulated(terms: Floats) -> Floats:
    return np.concatenate([np.zeros((*terms.shape[:-1], 1)), np.cumsum(terms, axis=-1)], axis=-1)


def _recovered(sums: _Sums, depth: Floats, span: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Whether the last few windows speak for the bound rather than for ``depth``, the mean fall of the whole span.

    By the log likelihood ratio of two normal means. Without it, a past excursion would speak for weeks after its end.
    """
    recovered = np.zeros(span.shape, np.bool_)
    for width in (w for w in _RECENT if w <= span.shape[-1]):
        mean, precision = sums.newest(width)
        seen = (..., slice(width - 1, None))
        ratio = precision * depth[seen] * (depth[seen] / 2 - mean)
        recovered[seen] |= (width < span[seen]) & (ratio > _RECOVERED)
    return recovered


@cache
def _table() -> tuple[tuple[Floats, ...], Floats]:
    """The axes of the grid of thresholds, in the order of ``AXES``, and the thresholds."""
    document = json.loads(Path(__file__).with_suffix(".json").read_text())
    return tuple(np.asarray(document[axis], np.float64) for axis in AXES), np.asarray(document["threshold"], np.float64)


def scan_threshold(windows: int, correlation: float, horizon: float, ratio: float) -> float:
    """The value of ``scan`` that a year without a fall exceeds rarely.

    Args:
        windows: Of the reference; beyond the table's last, that one's.
        correlation: Of neighbouring windows, as ``fit_baseline`` estimated it.
        horizon: Live windows a year; extremes grow with its logarithm, also beyond the table.
        ratio: The tolerance over the standard deviation of a window's figure.
    """
    (references, correlations, horizons, ratios), table = _table()
    table = _between(-1 / references, -1 / windows, table)
    table = _between(correlations, correlation, table)
    table = _between(np.log(horizons), np.log(max(horizon, 2.0)), table, beyond=True)
    return float(_between(ratios, ratio, table))


def _between(axis: Floats, at: float, table: Floats, beyond: bool = False) -> Floats:
    """The table's first axis, interpolated linearly; held at its ends, or also carried on past them."""
    k = int(np.clip(np.searchsorted(axis, at) - 1, 0, len(axis) - 2))
    share = (at - axis[k]) / (axis[k + 1] - axis[k])
    share = share if beyond else float(np.clip(share, 0, 1))
    return np.asarray((1 - share) * table[k] + share * table[k + 1])
