"""What a table looks like: counts, distributions, outliers, association with the target, change over time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.discovery.columns import Column, describe, twins
from evergreen.discovery.scores import Scorer
from evergreen.spec import Task

BINS, PERIODS, TOP = 30, 12, 12
#: Rows on which the association with the target is measured.
_SAMPLE = 20_000


@dataclass(frozen=True)
class Look:
    """One column in figures.

    Attributes:
        column: What it holds.
        mean: Of numbers, else None; so are ``sd`` and ``quantiles`` (5, 25, 50, 75, 95 %).
        counts: Rows a bin (numbers, times: 30 of equal width between the 0.5 and 99.5 % quantiles, the outer ones
            open) or a level (the 12 most frequent).
        labels: The bins' lower limits or the levels.
        outliers: Numbers beyond three interquartile ranges from the quartiles (Tukey's far out).
        association: How well the column alone predicts the target, out of sample, 0 to 1; None without a target.
        drift: The largest Jensen-Shannon distance (base 2, 0 to 1) between a period's distribution and the whole's.
        over_time: The mean (numbers) or the share of the most frequent level, by period; null where there is no row.
    """

    column: Column
    mean: float | None
    sd: float | None
    quantiles: tuple[float, ...]
    counts: tuple[int, ...]
    labels: tuple[str, ...]
    outliers: int
    association: float | None
    drift: float | None
    over_time: tuple[float, ...]


@dataclass(frozen=True)
class Profile:
    """A table in figures.

    Attributes:
        rows: How many rows.
        looks: One entry a column.
        duplicates: Rows that repeat an earlier one in every column.
        twins: Columns that repeat another one.
        time: The event time that drift is measured along, or None.
        periods: The first day of each period.
    """

    rows: int
    looks: tuple[Look, ...]
    duplicates: int
    twins: dict[str, str]
    time: str | None
    periods: tuple[str, ...]


def profile(frame: pd.DataFrame, target: str | None, task: Task | None, time: str | None) -> Profile:
    """Count every column in one pass; the association with the target is measured on 20,000 rows.

    Args:
        frame: Rows whose values have been read.
        target: The label's column, if there is one.
        task: What kind of thing it is.
        time: The column of times along which drift is measured.
    """
    period, starts = _periods(frame, time)
    sample = frame
    if target is not None:
        sample = frame[frame[target].notna()]
        sample = sample.sample(_SAMPLE, random_state=0).sort_index() if len(sample) > _SAMPLE else sample
    scorer = Scorer(sample[target], task) if target is not None and task is not None and len(sample) >= 50 else None
    looks = []
    for column in describe(frame):
        score = scorer.score(sample[column.name]) if scorer and column.name != target else None
        looks.append(_look(column, frame[column.name], period, score))
    hashes = pd.util.hash_pandas_object(frame, index=False).to_numpy()
    duplicates = len(hashes) - len(np.unique(hashes))
    return Profile(len(frame), tuple(looks), duplicates, twins(frame), time, starts)


def _periods(frame: pd.DataFrame, time: str | None) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    """Which of twelve periods of equal length each row lies in; -1 without a time."""
    if time is None or frame[time].notna().sum() < 2 or frame[time].nunique() < 2:
        return None, ()
    moments = frame[time]
    low, high = moments.min(), moments.max()
    share = ((moments - low) / (high - low)).to_numpy(dtype=float)
    period = np.where(np.isnan(share), -1, np.minimum(share * PERIODS, PERIODS - 1)).astype(np.int64)
    return period, tuple(f"{low + (high - low) * at / PERIODS:%Y-%m-%d}" for at in range(PERIODS))


def _look(column: Column, values: pd.Series, period: NDArray[np.int64] | None, score: float | None) -> Look:
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        seconds = values.dt.as_unit("s").astype("int64").astype("float64").where(values.notna())
        return _numbers(column, seconds.to_numpy(), period, score, as_time=True)
    if pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype):
        return _numbers(column, values.to_numpy("float64", na_value=np.nan), period, score)
    codes, levels = pd.factorize(values)
    totals = np.bincount(codes[codes >= 0], minlength=len(levels))
    order = np.argsort(-totals, kind="stable")[:TOP]
    ranks = np.full(len(levels) + 1, len(order))
    ranks[order] = np.arange(len(order))
    bins = np.where(codes < 0, len(order) + 1, ranks[codes])
    drift, table = _drift(bins, len(order) + 2, period)
    with np.errstate(invalid="ignore"):
        shares = table[:, 0] / table.sum(axis=1) if len(order) else table.sum(axis=1)
    labels = tuple(str(levels[at]) for at in order)
    return Look(
        column, None, None, (), tuple(map(int, totals[order])), labels, 0, score, drift, _floats(shares, period)
    )


def _numbers(
    column: Column,
    numbers: NDArray[np.float64],
    period: NDArray[np.int64] | None,
    score: float | None,
    as_time: bool = False,
) -> Look:
    finite = np.isfinite(numbers)
    ordered = np.sort(numbers[finite])
    if not len(ordered):
        return Look(column, None, None, (), (), (), 0, score, None, ())
    quantiles = _of_sorted(ordered, [0.005, 0.05, 0.25, 0.5, 0.75, 0.95, 0.995])
    low, high = (quantiles[0], quantiles[-1]) if quantiles[-1] > quantiles[0] else (ordered[0], ordered[-1])
    edges = np.linspace(low, high, BINS + 1)[1:-1] if high > low else np.array([])
    counts = np.diff(np.concatenate([[0], np.searchsorted(ordered, edges, side="left"), [len(ordered)]]))
    lower = np.concatenate([[ordered[0]], edges])
    drift, means = _over_time(numbers, finite, edges, period)
    return Look(
        column,
        None if as_time else float(ordered.mean()),
        None if as_time else float(ordered.std()),
        () if as_time else tuple(float(value) for value in quantiles[1:-1]),
        tuple(map(int, counts)),
        tuple(f"{pd.Timestamp(edge, unit='s'):%Y-%m-%d}" if as_time else f"{edge:.4g}" for edge in lower),
        0 if as_time else _far_out(ordered, quantiles[2], quantiles[4]),
        score,
        drift,
        _floats(means, period),
    )


def _far_out(ordered: NDArray[np.float64], first: float, third: float) -> int:
    """How many of sorted values lie beyond three interquartile ranges from the quartiles."""
    reach = 3 * (third - first)
    if reach <= 0:
        return 0
    below = int(np.searchsorted(ordered, first - reach, side="left"))
    return below + len(ordered) - int(np.searchsorted(ordered, third + reach, side="right"))


def _over_time(
    numbers: NDArray[np.float64],
    finite: NDArray[np.bool_],
    edges: NDArray[np.float64],
    period: NDArray[np.int64] | None,
) -> tuple[float | None, NDArray[np.float64]]:
    """The drift of the distribution, and the mean by period."""
    if period is None:
        return None, np.array([])
    bins = np.where(finite, np.searchsorted(edges, np.where(finite, numbers, 0.0), side="right"), BINS)
    drift, _ = _drift(bins, BINS + 1, period)
    inside = finite & (period >= 0)
    sums = np.bincount(period[inside], weights=numbers[inside], minlength=PERIODS)
    with np.errstate(invalid="ignore", divide="ignore"):
        return drift, sums / np.bincount(period[inside], minlength=PERIODS)


def _of_sorted(ordered: NDArray[np.float64], shares: list[float]) -> NDArray[np.float64]:
    """Quantiles by linear interpolation (Hyndman and Fan 1996, type 7) of values that are sorted already."""
    at = np.asarray(shares) * (len(ordered) - 1)
    below = np.floor(at).astype(int)
    above = np.minimum(below + 1, len(ordered) - 1)
    found: NDArray[np.float64] = ordered[below] + (at - below) * (ordered[above] - ordered[below])
    return found


def _drift(
    bins: NDArray[np.int64], size: int, period: NDArray[np.int64] | None
) -> tuple[float | None, NDArray[np.float64]]:
    """The largest distance of a period from the whole, and the rows by period and bin."""
    if period is None:
        return None, np.zeros((1, size))
    inside = period >= 0
    flat = np.bincount(period[inside] * size + bins[inside], minlength=PERIODS * size)
    table = flat.reshape(PERIODS, size).astype(float)
    whole = table.sum(axis=0) / table.sum()
    far = [_distance(row / row.sum(), whole) for row in table if row.sum() >= 50]
    return (float(max(far)) if len(far) > 1 else None), table


def _distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Jensen-Shannon distance with logarithms of base 2 (Endres and Schindelin 2003)."""
    middle = (one + other) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.where(p > 0, p * np.log2(p / middle), 0.0).sum() for p in (one, other)]
    return float(np.sqrt(max(sum(parts) / 2, 0.0)))


def _floats(values: NDArray[np.float64], period: NDArray[np.int64] | None) -> tuple[float, ...]:
    return () if period is None else tuple(float(value) for value in values)
