"""Simulated years of a champion's windows: what is true, what is measured, and how sure each measurement is.

The figure is a ROC AUC of 0.75 where three rows in ten are positive. A window's truth may wander (dependence, season,
weekdays, days of their own kind) and fall; its measured figure adds the sampling error of its rows (Hanley and McNeil
1982), whose size a weekly window only knows from its seven days, and a daily window does not know.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

Floats = NDArray[np.float64]

AUC, POSITIVE, TOLERANCE, FALL = 0.75, 0.3, 0.01, 0.05
WINDOWS = {7: 52, 1: 365}  # length in days: live windows a year
#: Standard deviations of what windows have of their own, in ROC AUC.
NEIGHBOURS_SD, WEEKDAY_SD, DAY_SD, SEASON_HEIGHT = 0.01, 0.015, 0.02, 0.015
NOISE = ("independent", "AR(1) 0.1", "AR(1) 0.3", "AR(1) 0.6", "weekdays", "day effects", "season")
CHANGES = ("none", "at the bound", "abrupt", "slow", "recurring")


@dataclass(frozen=True)
class Stream:
    """One kind of year: how windows differ, what happens to the champion, and how much is known."""

    noise: str
    change: str
    days: int  # length of a window
    rows: int  # rows of a window, about
    reference: int  # windows

    @property
    def windows(self) -> int:
        """Live windows in a year."""
        return WINDOWS[self.days]

    @property
    def onset(self) -> int:
        """The live window in which a change begins."""
        return self.windows // 4


@dataclass(frozen=True)
class Years:
    """Simulated years of one stream; arrays are (years, reference + live windows)."""

    stream: Stream
    expected: Floats  # of the champion: what a firing is judged by
    actual: Floats  # the AUC from which the window's rows are drawn: expected, and what the window has of its own
    rows: NDArray[np.int64]
    value: Floats
    sampling: Floats  # standard error by rows
    error: Floats  # as the rule is told: estimated, or NaN

    @property
    def fallen(self) -> NDArray[np.bool_]:
        """(years, live) whether the champion's expected figure is out of tolerance of the reference period's."""
        m = self.stream.reference
        bound = self.expected[:, :m].mean(axis=1, keepdims=True) - TOLERANCE
        return np.asarray(self.expected[:, m:] < bound - 1e-9)


def sampling_error(auc: Floats, rows: NDArray[np.int64]) -> Floats:
    """Standard error of a ROC AUC of independent rows."""
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    ones, zeros = POSITIVE * rows, (1 - POSITIVE) * rows
    variance = auc * (1 - auc) + (ones - 1) * (q1 - auc**2) + (zeros - 1) * (q2 - auc**2)
    return np.sqrt(variance / (ones * zeros))


def draw_years(stream: Stream, years: int, seed: int) -> Years:
    """Draw them; the same arguments give the same years."""
    rng = np.random.default_rng([seed, *map(ord, stream.noise + stream.change), stream.days, stream.rows])
    shape = (years, stream.reference + stream.windows)
    expected = AUC + _season(rng, stream, shape) + _weekdays(rng, stream, shape) - _fall(stream)
    actual = np.clip(expected + _own(rng, stream, shape), 0.5, 0.99)
    rows = np.rint(stream.rows * np.exp(0.15 * rng.standard_normal(shape))).astype(np.int64)
    sampling = sampling_error(actual, rows)
    value = actual + sampling * rng.standard_normal(shape)
    error = np.full(shape, np.nan)
    if stream.days == 7:
        daily = DAY_SD**2 / 7 if stream.noise == "day effects" else 0
        error = np.sqrt((sampling**2 + daily) * rng.chisquare(6, shape) / 6)
    return Years(stream, _without_weekdays(stream, expected), actual, rows, value, sampling, error)


def _fall(stream: Stream) -> Floats:
    """How far the champion has fallen in each window, (reference + live,)."""
    window = np.arange(-stream.reference, stream.windows)
    since = window - stream.onset
    half_year = 182 // stream.days
    months = (since // (28 // stream.days)) % 3 == 0  # four weeks bad, eight weeks good
    return np.asarray(
        {
            "none": np.zeros(len(window)),
            "at the bound": TOLERANCE * (window >= 0),
            "abrupt": FALL * (since >= 0),
            "slow": FALL * np.clip(since / half_year, 0, 1),
            "recurring": FALL * ((since >= 0) & months),
        }[stream.change]
    )


def _season(rng: np.random.Generator, stream: Stream, shape: tuple[int, int]) -> Floats:
    if stream.noise != "season":
        return np.zeros(shape)
    phase = rng.uniform(0, 2 * np.pi, (shape[0], 1))
    return np.asarray(SEASON_HEIGHT * np.sin(2 * np.pi * np.arange(shape[1]) / stream.windows + phase))


def _weekdays(rng: np.random.Generator, stream: Stream, shape: tuple[int, int]) -> Floats:
    if stream.noise != "weekdays" or stream.days != 1:
        return np.zeros(shape)
    pattern = WEEKDAY_SD * rng.standard_normal((shape[0], 7))
    pattern -= pattern.mean(axis=1, keepdims=True)
    return np.asarray(pattern[:, np.arange(shape[1]) % 7])


def _without_weekdays(stream: Stream, expected: Floats) -> Floats:
    """A bad Sunday is no fall: the champion's expected figure is that of a whole week."""
    if stream.noise != "weekdays":
        return expected
    return np.broadcast_to(AUC - _fall(stream), expected.shape)


def _own(rng: np.random.Generator, stream: Stream, shape: tuple[int, int]) -> Floats:
    """What each window has of its own."""
    if stream.noise == "day effects":
        return np.asarray(DAY_SD / np.sqrt(stream.days) * rng.standard_normal(shape))
    if not stream.noise.startswith("AR"):
        return np.zeros(shape)
    phi, burn_in = float(stream.noise.split()[1]), 30
    shocks = rng.standard_normal((shape[0], shape[1] + burn_in))
    return np.asarray(NEIGHBOURS_SD * lfilter([np.sqrt(1 - phi**2)], [1, -phi], shocks)[:, burn_in:])
