"""Rules about one column: its type, what may be missing, its limits, levels and balance."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.discovery.limits import Rule, ceil, floor
from evergreen.discovery.spread import quantile_spreads, spread_of
from evergreen.learning_tasks import TASKS

#: Columns with more different values than this have no set of values; with more than _SHAPED no list at all.
_SET, _LISTED = 60, 400
_NUMBER_TYPES = [
    "int64",
    "float64",
    "int32",
    "float32",
    "Int64",
    "Float64",
    "uint64",
    "int16",
    "int8",
    "uint8",
    "uint16",
    "uint32",
    "bool",
    "boolean",
]
#: What UTF-8 read as Latin-1, a lost character and a stray byte order mark look like.
MOJIBAKE = "\u00c3[\u0080-\u00bf]|\u00c2[\u0080-\u00bf]|\u00e2\u20ac|\ufffd|\u00ef\u00bb\u00bf|\\?\\?"
_QUANTILES = [0.05, 0.25, 0.5, 0.75, 0.95]


def column_rules(
    name: str, values: pd.Series, blocks: NDArray[np.int64], task: str | None, brief: bool = False
) -> Iterator[Rule]:
    """Rules that one column holds; none where it has no value.

    Args:
        name: The column.
        values: Its values.
        blocks: Which block each row belongs to, see :func:`evergreen.discovery.spread.blocks_of`.
        task: What kind of thing the label is, where this is the label.
        brief: Leave out the rules that hundreds of columns would make tedious: quantiles, and how many values differ.
    """
    is_target = task is not None
    present = values.dropna()
    if present.empty:
        return
    numeric = pd.api.types.is_numeric_dtype(values.dtype)
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        yield from _nulls(name, values, blocks, is_target)
        return
    if pd.api.types.is_bool_dtype(values.dtype):
        pass  # Great Expectations 1.24 knows no type of truth values with nulls; their set is a rule by itself
    elif numeric:
        kwargs = {"column": name, "type_list": _NUMBER_TYPES}
        yield Rule("expect_column_values_to_be_in_type_list", kwargs, "critical", f"{name}: numbers ({values.dtype})")
    elif values.dtype == "str":  # a list of types never holds for texts in Great Expectations 1.24 with pandas 3
        kwargs = {"column": name, "type_": "str"}
        yield Rule("expect_column_values_to_be_of_type", kwargs, "critical", f"{name}: texts")
    yield from _nulls(name, values, blocks, is_target)
    if numeric and present.nunique() > 2:
        yield from _numbers(name, values, blocks, task is not None and TASKS[task].classes, brief)
    elif numeric:
        yield from _flag(name, values, blocks, is_target)
    else:
        yield from _levels(name, present.astype("str"), is_target)


def _nulls(name: str, values: pd.Series, blocks: NDArray[np.int64], is_target: bool) -> Iterator[Rule]:
    share = spread_of(np.asarray(values.isna(), dtype=np.float64), blocks)
    said = f"{name}: {share.value:.2%} missing" + (f", up to {share.high:.2%} in a block" if share.high > 0 else "")
    if is_target:  # rows whose label is not due yet have none: a window to be scored lacks all of them
        return
    usual = min(share.value + 4 * share.sd + (0.005 if share.value == 0 else 0.02), 1.0)
    kwargs = {"column": name}
    if usual < 0.98:
        yield Rule("expect_column_values_to_not_be_null", kwargs | {"mostly": floor(1 - usual)}, "warning", said)
    worst = max(0.3, 3 * usual)
    if worst < 0.95:
        yield Rule("expect_column_values_to_not_be_null", kwargs | {"mostly": floor(1 - worst)}, "critical", said)


def _numbers(name: str, values: pd.Series, blocks: NDArray[np.int64], classes: bool, brief: bool) -> Iterator[Rule]:
    numbers = values.to_numpy("float64", na_value=np.nan)
    known = numbers[np.isfinite(numbers)]
    if not len(known):
        return
    if classes:
        levels = [float(level) for level in np.unique(known)]
        kwargs = {"column": name, "value_set": levels}
        yield Rule("expect_column_values_to_be_in_set", kwargs, "critical", f"{name}: the {len(levels)} classes")
        return
    yield from _range(name, known)
    deviation = float(known.std())
    mean = spread_of(numbers, blocks)
    wide = max(4 * mean.sd, 0.1 * deviation, 4 * deviation / np.sqrt(len(known)))
    yield Rule(
        "expect_column_mean_to_be_between",
        {"column": name, "min_value": floor(mean.value - wide), "max_value": ceil(mean.value + wide)},
        "warning",
        f"{name}: mean {mean.value:.6g}, from {mean.low:.6g} to {mean.high:.6g} over blocks",
    )
    if not brief:
        yield from _shape(name, numbers, blocks, deviation)


def _range(name: str, known: NDArray[np.float64]) -> Iterator[Rule]:
    """Limits that nearly all values keep, and wide ones that most have to."""
    low, high = float(known.min()), float(known.max())
    inner = float(np.quantile(known, 0.995) - np.quantile(known, 0.005)) or high - low
    for margin, mostly, severity in ((0.1, 0.999, "warning"), (1.5, 0.9, "critical")):
        least, most = low - margin * inner, high + margin * inner
        if severity == "warning":  # what was never negative (or positive) is not expected to become so
            least, most = max(least, 0.0) if low >= 0 else least, min(most, 0.0) if high <= 0 else most
        kwargs = {"column": name, "min_value": floor(least), "max_value": ceil(most), "mostly": mostly}
        yield Rule("expect_column_values_to_be_between", kwargs, severity, f"{name}: {low:.6g} to {high:.6g}")


def _shape(name: str, numbers: NDArray[np.float64], blocks: NDArray[np.int64], deviation: float) -> Iterator[Rule]:
    """Quantiles, and that the values are not all one."""
    spreads = quantile_spreads(numbers, blocks, _QUANTILES)
    ranges = []
    for middle, below, above in spreads:
        slack = max(4 * middle.sd, 0.15 * deviation)
        # Of few rows a quantile lies anywhere between two values: both belong to the range.
        ranges.append([floor(below - slack), ceil(above + slack)])
    yield Rule(
        "expect_column_quantile_values_to_be_between",
        {"column": name, "quantile_ranges": {"quantiles": _QUANTILES, "value_ranges": ranges}},
        "warning",
        f"{name}: quantiles {', '.join(f'{middle.value:.5g}' for middle, _, _ in spreads)}",
    )
    different = len(np.unique(numbers[np.isfinite(numbers)]))
    kwargs = {"column": name, "min_value": 2}
    yield Rule(
        "expect_column_unique_value_count_to_be_between", kwargs, "warning", f"{name}: {different:,} different values"
    )


def _flag(name: str, values: pd.Series, blocks: NDArray[np.int64], is_target: bool) -> Iterator[Rule]:
    numbers = values.to_numpy("float64", na_value=np.nan)
    levels = [float(level) for level in np.unique(numbers[~np.isnan(numbers)])]
    yield Rule(
        "expect_column_values_to_be_in_set",
        {"column": name, "value_set": levels},
        "critical",
        f"{name}: {' and '.join(f'{level:g}' for level in levels)} only",
    )
    mean = spread_of(numbers, blocks)
    width = levels[-1] - levels[0]
    wide = max(4 * mean.sd, 0.03 * width)
    if len(levels) == 2 and width:
        said = "label balance" if is_target else "mean"
        kwargs = {
            "column": name,
            "min_value": floor(max(mean.value - wide, levels[0])),
            "max_value": ceil(min(mean.value + wide, levels[-1])),
        }
        yield Rule(
            "expect_column_mean_to_be_between",
            kwargs,
            "warning",
            f"{name}: {said} {mean.value:.4g}, from {mean.low:.4g} to {mean.high:.4g} over blocks",
        )


def _levels(name: str, present: pd.Series, is_target: bool) -> Iterator[Rule]:
    counts = present.value_counts()
    column = {"column": name}
    known = len(counts) <= _SET or (len(counts) <= _LISTED and len(present) >= 50 * len(counts))
    if known and len(present) >= 5 * len(counts):
        levels = [str(level) for level in counts.index]
        said = f"{name}: {len(levels)} levels, most often {levels[0]} ({counts.iloc[0] / len(present):.1%})"
        if is_target:
            yield Rule("expect_column_values_to_be_in_set", column | {"value_set": sorted(levels)}, "critical", said)
        else:
            listed = column | {"value_set": sorted(levels)}
            yield Rule("expect_column_values_to_be_in_set", listed | {"mostly": 0.999}, "warning", said)
            yield Rule("expect_column_values_to_be_in_set", listed | {"mostly": 0.8}, "critical", said)
        top = float(counts.iloc[0] / len(present))
        if top < 0.95 and len(levels) > 1:
            yield Rule("expect_column_unique_value_count_to_be_between", column | {"min_value": 2}, "warning", said)
    else:
        least = max(2, int(0.2 * len(counts)))
        yield Rule(
            "expect_column_unique_value_count_to_be_between",
            column | {"min_value": least},
            "warning",
            f"{name}: {len(counts):,} different texts",
        )
        shape = shape_of(counts.index)
        if shape:
            yield Rule(
                "expect_column_values_to_match_regex",
                column | {"regex": shape, "mostly": 0.99},
                "warning",
                f"{name}: {len(counts):,} texts, all of this shape",
            )
    if not counts.index.astype("str").str.contains(MOJIBAKE, regex=True).any():
        yield Rule(
            "expect_column_values_to_not_match_regex",
            column | {"regex": MOJIBAKE, "mostly": 0.9999},
            "warning",
            f"{name}: no text shows a broken encoding",
        )


def shape_of(levels: pd.Index) -> str:
    """A regular expression of the signs and lengths that texts have; empty where they have no shape worth checking."""
    texts = levels.astype("str")
    signs = set("".join(texts[:5000]))
    lengths = texts.str.len()
    low, high = int(lengths.min()), int(lengths.max())
    if high > 40 or any(sign.isspace() for sign in signs) or high > 3 * max(low, 3):
        return ""
    parts = [
        part
        for part, inside in (("A-Z", str.isupper), ("a-z", str.islower), ("0-9", str.isdigit))
        if any(sign.isascii() and inside(sign) for sign in signs)
    ]
    rest = sorted(sign for sign in signs if not (sign.isascii() and sign.isalnum()))
    if not parts or len(rest) > 6 or any(not sign.isascii() for sign in rest):
        return ""
    return (
        f"^[{''.join(parts)}{''.join(re.escape(sign) for sign in rest)}]{{{low if low == high else f'{low},{high}'}}}$"
    )
