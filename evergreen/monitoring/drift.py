"""Data drift and prediction drift against the reference profile: a size that matters, and evidence beside the windows.

Size. The Jensen-Shannon distance of the live window to the pooled reference, in bits: the root of the divergence, 0 for
equal shares of the cells, 1 for no cell in common (Lin 1991; Endres and Schindelin 2003). It is bounded, a metric, and
finite where a cell is empty on either side, as an unseen level's is; Kullback-Leibler's and the PSI are none of these.
For a sense of scale, 0.1 is a normal column shifted by a quarter of its standard deviation, or 2 % of the rows in a
cell that the reference leaves empty. What chance alone adds among so many rows is taken off first.

Evidence. Rows of one day resemble each other, so tests that take rows for independent fire in every large window. The
null here is how much reference windows differ among themselves: each is held against the others pooled, and its
divergence brought to what it would be with the live window's rows. The live divergence over their mean is judged by
Fisher's F with v and (k - 1) v degrees of freedom, for k windows. v is what the spread of the windows' divergences says
(a sum of squares in v dimensions has a squared coefficient of variation of 2 / v), at the lower end of its 99 %
interval, and at least 1. At v = 1 this is Student's t on the root, which bounds every sum of squares of normal
deviations (Szekely and Bakirov 2003): few windows prove little, and cannot be made to prove more. No window counts as
nearer to the others than independent rows would be. Each column is looked at twice, in all its cells and in three
(known values, those outside the reference's, missing ones), and its better p-value doubled. Over the columns Benjamini
and Hochberg (1995) keep the false discovery rate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.stats import false_discovery_control

from evergreen.arrays import Floats
from evergreen.handoffs import ColumnDrift
from evergreen.monitoring.cells import ColumnProfile
from evergreen.monitoring.profile import Counts, Profile

#: Fewer reference windows than this say nothing about how windows differ.
MIN_WINDOWS = 4
#: The expected divergence, in bits, of one free cell among n rows from the truth: 1 / (8 n ln 2).
_CHANCE = 1 / (8 * np.log(2))
#: How far down its distribution v is taken. In simulations of 30 columns with day effects and 4 reference windows, 0.05
#: lets 16 % of windows through with a drifted column, 0.005 under 3 %; from 6 windows on it keeps to the 1 % asked for.
_DOUBT = 0.005


@dataclass(frozen=True)
class _Evidence:
    effect: float
    p_value: float
    windows: int


def find_drift(
    profile: Profile,
    counts: Counts,
    *,
    effect: float = 0.1,
    false_discoveries: float = 0.01,
    min_rows: int = 200,
) -> tuple[ColumnDrift, ...]:
    """Which columns of a live window have drifted; the predictions are one more, named ``prediction``.

    A column has drifted where its distance to the reference is at least ``effect`` and is larger than reference windows
    are from each other, with the false discovery rate over all columns kept.

    Args:
        profile: The reference.
        counts: The live window in the profile's cells, of the same length as the reference windows.
        effect: The least Jensen-Shannon distance that matters, 0 to 1.
        false_discoveries: The share of false ones among the columns found that is allowed.
        min_rows: A window of fewer rows is not judged.
    """
    columns = [column for column in profile.every if column.name in counts.cells]
    evidence = [_judge(column, counts.cells[column.name], counts.rows >= min_rows) for column in columns]
    adjusted = adjust(np.array([found.p_value for found in evidence]))
    return tuple(
        _describe(column, counts, found, bool(found.effect >= effect and q <= false_discoveries), min_rows)
        for column, found, q in zip(columns, evidence, adjusted, strict=True)
    )


def adjust(p_values: Floats) -> Floats:
    """Adjusted p-values: those at most q are found at a false discovery rate of q (Benjamini and Hochberg 1995).

    Args:
        p_values: (m,); NaN is no test and stays NaN.
    """
    adjusted, tested = np.full(len(p_values), np.nan), ~np.isnan(p_values)
    adjusted[tested] = false_discovery_control(p_values[tested])
    return adjusted


def _judge(column: ColumnProfile, live: tuple[int, ...], enough: bool) -> _Evidence:
    """Effect and p-value of one column's live cells."""
    windows = np.array([window for window in column.counts if sum(window)], dtype=np.float64).reshape(-1, column.cells)
    now = np.array(live, dtype=np.float64)
    if not now.sum() or not len(windows):
        return _Evidence(np.nan, np.nan, len(windows))
    pooled = windows.sum(axis=0)
    effect = float(np.sqrt(max(_divergence(now, pooled)[0] - _chance(now, pooled)[0], 0.0)))
    if len(windows) < MIN_WINDOWS or not enough:
        return _Evidence(effect, np.nan, len(windows))
    looks = [_p_value(now, windows), _p_value(_coarse(now, column), _coarse(windows, column))]
    return _Evidence(effect, min(len(looks) * min(looks), 1.0), len(windows))


def _coarse(counts: Floats, column: ColumnProfile) -> Floats:
    """Known values, those outside the reference's range or its frequent levels, and missing ones: (..., 3)."""
    outside = counts[..., -2]
    if column.kind == "number" and column.edges:
        outside = outside + counts[..., 0]
    return np.stack([counts[..., :-1].sum(axis=-1) - outside, outside, counts[..., -1]], axis=-1)


def _p_value(live: Floats, windows: Floats) -> float:
    """How often a window like those of the reference, (k, cells), would be as far from them as the live one."""
    pooled, k = windows.sum(axis=0), len(windows)
    divergence, chance = _divergence(live, pooled)[0], _chance(live, pooled)[0]
    others = pooled - windows
    apart, by_chance = _divergence(windows, others), _chance(windows, others)
    between = max(float((apart - by_chance).mean()), 0.0) * (k - 1) / k  # a window's own, freed of the others' spread
    expected = by_chance + between * k / (k - 1)
    relative = apart / expected
    centre = max(float(relative.mean()), 1.0)
    now = divergence / (chance + between * (k + 1) / k) / centre
    spread = float(relative.var(ddof=1)) / max(float(relative.mean()), 1e-12) ** 2
    free = max(2 / spread * special.chdtri(k - 1, 1 - _DOUBT) / (k - 1), 1.0) if spread > 1e-12 else 1.0
    return float(special.fdtrc(free, (k - 1) * free, now))


def _divergence(ours: Floats, theirs: Floats) -> Floats:
    """Jensen-Shannon divergence in bits of counts (..., cells), (...)."""
    p, q = np.atleast_2d(_shares(ours)), np.atleast_2d(_shares(theirs))
    middle = (p + q) / 2
    return np.asarray((_information(p, middle) + _information(q, middle)) / 2)


def _information(shares: Floats, of: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(shares > 0, shares * np.log2(shares / of), 0.0)
    return np.asarray(terms.sum(axis=-1))


def _chance(ours: Floats, theirs: Floats) -> Floats:
    """The divergence to expect in bits between independent rows of one distribution, (...).

    A cell that is expected to hold less than a row adds no more than its own share. One row more is allowed for in a
    cell that is empty so far, so that chance is never nothing.
    """
    ours, theirs = np.atleast_2d(ours), np.atleast_2d(theirs)
    n, m = ours.sum(axis=-1, keepdims=True), theirs.sum(axis=-1, keepdims=True)
    share = np.concatenate([ours + theirs, np.ones_like(n)], axis=-1) / (n + m)
    return np.asarray(np.minimum((1 - share) * _CHANCE * (1 / n + 1 / m), share).sum(axis=-1))


def _shares(counts: Floats) -> NDArray[np.float64]:
    return np.asarray(counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1))


def _describe(column: ColumnProfile, counts: Counts, found: _Evidence, drifted: bool, min_rows: int) -> ColumnDrift:
    name, rows = column.name, counts.rows
    missing = counts.missing[name] / rows if rows else np.nan
    unseen = counts.unseen[name] / rows if rows and counts.unseen[name] >= 0 else np.nan
    reason = _reason(column, counts, found, drifted, min_rows)
    return ColumnDrift(name, found.effect, found.p_value, drifted, rows, missing, unseen, reason)


def _reason(column: ColumnProfile, counts: Counts, found: _Evidence, drifted: bool, min_rows: int) -> str:
    """One sentence: the verdict, its figures, and what is missing or unseen."""
    if counts.rows < min_rows:
        return f"{column.name}: {counts.rows:,} rows, under {min_rows:,}: not judged"
    size = f"distance {found.effect:.3f}"
    if np.isnan(found.p_value):
        return f"{column.name}: {size}; {found.windows} reference windows, under {MIN_WINDOWS}: not judged"
    verdict = "drifted" if drifted else "no drift shown"
    notes = [f"{size}, p {found.p_value:.2g} beside {found.windows} reference windows", *_notes(column, counts)]
    return f"{column.name}: {verdict}; " + "; ".join(notes)


def _notes(column: ColumnProfile, counts: Counts) -> list[str]:
    """What changed among missing and unseen values, in words."""
    rows, name = counts.rows, column.name
    if name in counts.absent:
        return ["the column is not there"]
    notes = []
    before = sum(window[-1] for window in column.counts) / max(sum(map(sum, column.counts)), 1)
    missing = counts.missing[name] / rows
    if abs(missing - before) >= 0.01:
        notes.append(f"missing {missing:.1%} (reference {before:.1%})")
    if counts.unseen[name] > 0:
        levels = ", ".join(counts.unseen_levels[name])
        what = f"unseen levels ({levels})" if column.kind == "category" else "outside the reference's range"
        notes.append(f"{counts.unseen[name] / rows:.1%} {what}")
    return notes
