"""Write the thresholds of ``evergreen.statistics.sequential`` from simulated years in which nothing falls.

Run with ``python -m benchmarks.calibrate_monitor`` (about ten minutes); it overwrites ``sequential.json``. Each year
has a reference of m windows and its live windows. Neighbours correlate as AR(1), alone or under independent noise; how
strongly is drawn anew for each year, and the threshold is the quantile given the correlation that the reference
*seemed* to have. It is the higher of two: what ``NO_CHANGE`` of the years exceed whose champion stays at its reference,
and what ``AT_BOUND`` of those exceed whose champion lives for the whole year at the very bound of the tolerance.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from evergreen.statistics import sequential

Floats = NDArray[np.float64]

REFERENCE = (4, 5, 6, 8, 10, 13, 16, 20, 26, 30, 40, 60, 120)
CORRELATION = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.75)
HORIZON = (12, 52, 365)
RATIO = (0.0, 0.15, 0.3, 0.45, 0.6, 0.9)  # tolerance over the standard deviation of a window's figure
#: Shares of years with a false alarm: without a change, and at the bound. A short reference can neither show nor rule
#: out strong dependence, and is held to less; the shortest ones to less still.
NO_CHANGE, AT_BOUND = 0.03, 0.10
SHORT, NO_CHANGE_SHORT, AT_BOUND_SHORT = 20, 0.02, 0.06
SHORTEST, AT_BOUND_SHORTEST = 10, 0.04
INDEPENDENT, STRONGEST = 0.5, 0.6  # share of years without correlation; the strongest of the others
NEAREST = 5  # a quantile is taken over this fraction of the years: those whose estimated correlation is nearest
BATCH, BURN_IN = 1_500, 30


def draw_years(rng: np.random.Generator, years: int, windows: int) -> Floats:
    """Figures of unit variance, (years, windows)."""
    phi = np.where(rng.random(years) < INDEPENDENT, 0, rng.uniform(0, STRONGEST, years))
    share = np.where(rng.random(years) < 0.5, 1, rng.uniform(0.3, 1, years))  # of the variance that correlates
    shocks = rng.standard_normal((years, windows + BURN_IN))
    series = np.stack([lfilter([np.sqrt(1 - p * p)], [1, -p], row) for p, row in zip(phi, shocks, strict=True)])
    noise = rng.standard_normal((years, windows))
    return np.asarray(np.sqrt(share)[:, None] * series[:, BURN_IN:] + np.sqrt(1 - share)[:, None] * noise)


def extremes(rng: np.random.Generator, years: int, windows: int) -> tuple[Floats, Floats]:
    """Estimated correlation, (years,), and the year's largest statistic, (years, horizons, ratios)."""
    figures = draw_years(rng, years, windows + HORIZON[-1])
    reference, live = figures[:, :windows], figures[:, windows:]
    baseline = sequential.fit_baseline(reference, np.zeros_like(reference))
    largest = np.empty((years, len(HORIZON), len(RATIO)))
    for k, ratio in enumerate(RATIO):
        # As far above the bound as the tolerance is wide: the ratio is one to the spread as it was estimated.
        shifted = live + ratio * np.sqrt(baseline.between)[:, None]
        statistic, _ = sequential.scan(baseline, shifted, np.zeros_like(live), 0.0)
        largest[..., k] = np.stack([statistic[:, :horizon].max(axis=1) for horizon in HORIZON], axis=1)
    return baseline.correlation, largest


def quantiles(windows: int, correlation: Floats, largest: Floats) -> Floats:
    """Thresholds for a reference of so many windows, (correlations, horizons, ratios)."""
    no_change = NO_CHANGE_SHORT if windows <= SHORT else NO_CHANGE
    at_bound = AT_BOUND_SHORTEST if windows <= SHORTEST else AT_BOUND_SHORT if windows <= SHORT else AT_BOUND
    order = np.argsort(correlation, kind="stable")
    ranked, values = correlation[order], largest[order]
    size = max(len(order) // NEAREST, 200)
    rows = []
    for level in CORRELATION:
        low = min(max(int(np.searchsorted(ranked, level)) - size // 2, 0), len(order) - size)
        near = values[low : low + size]
        calm = np.quantile(near, 1 - no_change, axis=0)
        bound = np.quantile(near[..., :1], 1 - at_bound, axis=0)
        rows.append(np.maximum(calm, bound))
    return np.stack(rows)


def calibrate(windows: int, years: int) -> Floats:
    """Thresholds for one length of the reference."""
    rng = np.random.default_rng(windows)
    parts = [extremes(rng, BATCH, windows) for _ in range(max(years // BATCH, 1))]
    return quantiles(windows, np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts]))


def main() -> None:
    """Simulate, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=int, default=12_000, help="simulated years for each length of the reference")
    years = parser.parse_args().years
    table = []
    with multiprocessing.Pool(2) as pool:
        for windows, part in zip(REFERENCE, pool.imap(partial(calibrate, years=years), REFERENCE), strict=True):
            print(windows, "weekly, at the bound:", np.round(part[:, 1, 0], 2).tolist(), flush=True)
            table.append(part)
    axes = dict(zip(sequential.AXES, (REFERENCE, CORRELATION, HORIZON, RATIO), strict=True))
    content = {**axes, "threshold": np.round(np.stack(table), 2).tolist()}
    path = Path(sequential.__file__).with_suffix(".json")
    path.write_text(json.dumps(content, separators=(",", ":")) + "\n")
    print(f"wrote {path.name}")


if __name__ == "__main__":
    main()
