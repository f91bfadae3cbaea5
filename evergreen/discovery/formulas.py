"""Inputs of which a formula gives the target: sums, products, ratios, sums of such, and means of the target itself."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from itertools import combinations, permutations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_Floats = NDArray[np.float64]
_ROWS, _LEAST_ROWS = 5_000, 100
#: The share of the target's variance that an exact formula leaves, where the target is rounded, and between logarithms.
_EXACT, _ROUNDED, _IN_LOGS = 1e-6, 1e-3, 1e-2
#: Columns of which all products and ratios are looked at, and terms of a mixed formula.
_PAIRED, _TERMS = 14, 6
#: Decimals from which on a rounded mean is not met by chance.
_DECIMALS = 2


def find_formula(inputs: pd.DataFrame, target: pd.Series) -> tuple[tuple[str, ...], str]:
    """The columns of which a formula gives the target exactly, and the formula; nothing where there is none.

    The formula is found on every second row and has to hold on the others.

    Args:
        inputs: Columns of any type; numbers are looked at.
        target: Numbers.
    """
    numbers = {
        str(name): values.to_numpy("float64", na_value=np.nan)
        for name, values in inputs.items()
        if pd.api.types.is_numeric_dtype(values.dtype)
        and not pd.api.types.is_bool_dtype(values.dtype)
        and values.isna().mean() < 0.2
    }
    table = np.column_stack([*numbers.values(), target.to_numpy("float64", na_value=np.nan)])
    table = table[np.isfinite(table).all(axis=1)]
    table = table[:: max(len(table) // _ROWS, 1)]
    varies = table.std(axis=0) > 0 if len(table) else np.zeros(0, dtype=bool)
    if len(table) < max(_LEAST_ROWS, 5 * len(numbers)) or len(numbers) < 2 or not varies[-1]:
        return (), ""
    names = [name for name, moves in zip(numbers, varies, strict=False) if moves]
    columns, wanted = table[:, :-1][:, varies[:-1]], table[:, -1]
    for find in (_sum, _product, _mixture):
        parts, formula = find(names, columns, wanted)
        if parts:
            return parts, f"{target.name} = {formula}"
    return (), ""


def _sum(names: Sequence[str], columns: _Floats, wanted: _Floats) -> tuple[tuple[str, ...], str]:
    """Parts that add up, as two kinds of customers give the number of all."""
    weights, constant = _fitted(columns, wanted, _left_by_rounding(wanted))
    if weights is None:
        return (), ""
    scaled = np.abs(weights) * columns.std(axis=0) / wanted.std()
    chosen = np.flatnonzero(scaled > 1e-3)
    if len(chosen) < 2:
        return (), ""
    weights, constant = _fitted(columns[:, chosen], wanted, _left_by_rounding(wanted))
    if weights is None:
        return (), ""
    parts = tuple(names[int(place)] for place in chosen)
    return parts, _written(parts, weights, constant, float(wanted.std()))


def _product(names: Sequence[str], columns: _Floats, wanted: _Floats) -> tuple[tuple[str, ...], str]:
    """Factors and divisors, by the sum of their logarithms."""
    if (wanted > 0).mean() < 0.9:
        return (), ""
    positive = (columns > 0).mean(axis=0) > 0.9
    names = [name for name, fits in zip(names, positive, strict=True) if fits]
    rows = (columns[:, positive] > 0).all(axis=1) & (wanted > 0)
    if len(names) < 2 or rows.sum() < _LEAST_ROWS:
        return (), ""
    logs, log_wanted = np.log(columns[rows][:, positive]), np.log(wanted[rows])
    weights, _ = _fitted(logs, log_wanted, _IN_LOGS)
    if weights is None:
        return (), ""
    powers = np.round(weights)
    chosen = np.flatnonzero(powers)
    if len(chosen) < 2 or np.abs(powers).max() > 2:
        return (), ""
    rest = log_wanted - logs @ powers
    made = np.exp(logs @ powers + np.median(rest))
    if (wanted[rows] - made).var() > _left_by_rounding(wanted) * wanted[rows].var():
        return (), ""
    parts = tuple(names[int(place)] for place in chosen)
    above = [_power(names[place], powers[place]) for place in chosen if powers[place] > 0]
    below = [_power(names[place], -powers[place]) for place in chosen if powers[place] < 0]
    factor = float(np.exp(np.median(rest)))
    shown = [] if abs(factor - 1) < 0.005 else [f"{factor:.4g}"]
    return parts, " / ".join([" * ".join([*shown, *above]) or "1", *below])


def _mixture(names: Sequence[str], columns: _Floats, wanted: _Floats) -> tuple[tuple[str, ...], str]:
    """Some columns, products of two and ratios of two, added up: an amount with its tax and a fee."""
    from sklearn.linear_model import orthogonal_mp

    nearest = np.argsort([-abs(np.corrcoef(column, wanted)[0, 1]) for column in columns.T], kind="stable")
    kept = sorted(int(place) for place in nearest[:_PAIRED])
    terms: list[tuple[tuple[str, ...], str, _Floats]] = [((names[one],), names[one], columns[:, one]) for one in kept]
    for one, other in combinations(kept, 2):
        terms.append(
            ((names[one], names[other]), f"{names[one]} * {names[other]}", columns[:, one] * columns[:, other])
        )
    for one, other in permutations(kept, 2):
        if (columns[:, other] != 0).all():
            terms.append(
                ((names[one], names[other]), f"{names[one]} / {names[other]}", columns[:, one] / columns[:, other])
            )
    table = np.column_stack([values for _, _, values in terms])
    spread = table.std(axis=0)
    scaled = (table - table.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # columns that depend on each other end the pursuit early
        found = orthogonal_mp(scaled[::2], (wanted - wanted.mean())[::2], n_nonzero_coefs=min(_TERMS, len(terms)))
    chosen = np.flatnonzero(found)
    weights, constant = _fitted(table[:, chosen], wanted, _left_by_rounding(wanted)) if len(chosen) else (None, 0.0)
    if weights is None:
        return (), ""
    held = np.abs(weights) * spread[chosen] / wanted.std() > 1e-3
    chosen = chosen[held]
    parts = tuple(dict.fromkeys(part for place in chosen for part in terms[place][0]))
    if len(parts) < 2:
        return (), ""
    return parts, _written([terms[place][1] for place in chosen], weights[held], constant, float(wanted.std()))


def _fitted(columns: _Floats, wanted: _Floats, exact: float) -> tuple[_Floats | None, float]:
    """Weights and constant of the sum that gives the target on every second row; none where it fails on the others."""
    middle, spread = columns.mean(axis=0), columns.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    table, centre = (columns - middle) / spread, float(wanted.mean())
    scaled, *_ = np.linalg.lstsq(table[::2], wanted[::2] - centre, rcond=None)
    rest = wanted[1::2] - centre - table[1::2] @ scaled
    if rest.var() > exact * wanted[1::2].var():
        return None, 0.0
    weights = scaled / spread
    return weights, centre - float(middle @ weights)


def _left_by_rounding(wanted: _Floats) -> float:
    """The share of its variance that a formula may leave of a target which is written in so many decimals."""
    for decimals in range(7):
        step = 10.0**-decimals
        if np.abs(wanted / step - np.round(wanted / step)).max() < 1e-6:
            return float(np.clip(step**2 / 8 / wanted.var(), _EXACT, _ROUNDED))
    return _EXACT


def _written(parts: Sequence[str], weights: _Floats, constant: float, scale: float) -> str:
    text = ""
    for part, weight in zip(parts, weights, strict=True):
        size = "" if abs(abs(weight) - 1) < 0.005 else f"{abs(weight):.4g} * "
        text += f" {'-' if weight < 0 else '+'} {size}{part}" if text else f"{'-' if weight < 0 else ''}{size}{part}"
    return text if abs(constant) < 0.01 * scale else f"{text} {'-' if constant < 0 else '+'} {abs(constant):.4g}"


def _power(name: str, power: float) -> str:
    return name if power == 1 else f"{name}**{power:.0f}"


def find_means(inputs: pd.DataFrame, target: pd.Series) -> Iterator[tuple[str, str]]:
    """Columns that hold, for rows of one value, the mean of these rows' targets: made from the labels of all rows.

    Args:
        inputs: Columns of any type, of all rows that there are; numbers are looked at.
        target: Numbers, or classes: of these the share of each is looked at.

    Yields:
        A column, and what it is the mean of.
    """
    labels = _as_numbers(target)
    for name, values in inputs.items():
        if not pd.api.types.is_float_dtype(values.dtype):
            continue
        known = values.notna() & target.notna()
        numbers, distinct = values[known].to_numpy("float64"), values[known].nunique()
        if not 2 <= distinct <= len(numbers) / 3:
            continue
        within = _tolerance(numbers)
        for what, label in labels.items() if within is not None else ():
            means = label[known].groupby(numbers).transform("mean").to_numpy()
            if np.std(means) > 0 and (np.abs(means - numbers) <= within).mean() > 0.99:
                yield str(name), what
                break


def _as_numbers(target: pd.Series) -> dict[str, pd.Series]:
    if pd.api.types.is_numeric_dtype(target.dtype):
        return {f"the mean {target.name}": target.astype("float64")}
    levels = target.dropna().unique()[:10]
    return {f"the share of {target.name} {level}": (target == level).astype("float64") for level in levels}


def _tolerance(numbers: _Floats) -> float | None:
    """How far a mean may lie from what was written; None where it was rounded so that chance would do."""
    for decimals in range(7):
        if np.abs(numbers * 10.0**decimals - np.round(numbers * 10.0**decimals)).max() < 1e-6:
            return 0.51 * 10.0**-decimals if decimals >= _DECIMALS else None
    return float(1e-6 * max(np.abs(numbers).max(), 1.0))
