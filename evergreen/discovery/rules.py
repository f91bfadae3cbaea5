"""A starting suite inferred from rows: each rule with a tolerance, a severity and the figure that it came from."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pandas as pd

from evergreen.discovery.column_rules import column_rules
from evergreen.discovery.limits import Rule, ceil, floor
from evergreen.discovery.spread import blocks_of

#: More columns than this get fewer rules each.
_MANY = 150


def infer(table: pd.DataFrame, target: str, task: str, complete: bool = True) -> list[Rule]:
    """Rules that these rows hold, and that the next rows of their kind should hold.

    Tolerances come from the spread of the same figure over blocks of the rows (weeks or days of an event time, tenths
    of the table without one). What makes a table unusable is critical: a column that is gone or of another kind, a
    broken key, most values missing, out of range or unknown. What may just be news is a warning.

    Args:
        table: An assembled table with its measures (``evergreen.data.with_measures``).
        target: The label's column.
        task: What kind of thing it is.
        complete: Whether these are all rows of their window, so that rows can be counted.
    """
    blocks = blocks_of(table)
    columns = [str(name) for name in table.columns if not str(name).startswith("__")]
    rules = [
        Rule(
            "expect_table_columns_to_match_set",
            {"column_set": columns, "exact_match": False},
            "critical",
            f"{len(columns)} columns",
        ),
        *_key(table),
        *_volume(table, complete),
        *_clock(table),
    ]
    for name in columns:
        rules += column_rules(name, table[name], blocks, task if name == target else None, len(columns) > _MANY)
    return [*rules, *_pairs(table, columns)]


def _key(table: pd.DataFrame) -> Iterator[Rule]:
    yield Rule("expect_column_values_to_not_be_null", {"column": "__key"}, "critical", "every row has its identity")
    again = int(table["__key"].duplicated().sum())
    if again == 0:
        yield Rule(
            "expect_column_values_to_be_unique",
            {"column": "__key"},
            "critical",
            f"{len(table):,} rows, none of them twice",
        )
    else:
        least = floor(1 - 2 * again / len(table) - 0.02)
        if least > 0:
            yield Rule(
                "expect_column_proportion_of_unique_values_to_be_between",
                {"column": "__key", "min_value": least},
                "warning",
                f"{again:,} of {len(table):,} rows repeat an earlier one",
            )


def _volume(table: pd.DataFrame, complete: bool) -> Iterator[Rule]:
    if "__day_rows" not in table:
        for share, severity, said in ((10, "critical", "a tenth"), (2, "warning", "half")):
            least = {"min_value": max(len(table) // share, 1)}
            why = f"{said} of the {len(table):,} rows seen"
            yield Rule("expect_table_row_count_to_be_between", least, severity, why)
        return
    # Rows with a time are also scored a week or an hour at a time, by the same suite: only a day's rows can be counted.
    newest = float(table["__age_days"].min())
    span = float(table["__age_days"].max()) - newest
    most = newest + max(7.0, 0.05 * span) if span >= 7 else newest + max(1.0, span)
    yield Rule(
        "expect_column_min_to_be_between",
        {"column": "__age_days", "max_value": ceil(most)},
        "warning",
        f"freshness: the newest row was {newest:.1f} days old",
    )
    days = table.groupby("__day").size()
    inner = days.iloc[1:-1] if len(days) > 4 else days
    each_day = len(days) >= 14 and (days.index.max() - days.index.min() + 1) <= 1.2 * len(days)
    if complete and each_day and inner.median() >= 20:
        low, high = inner.quantile(0.02), inner.quantile(0.98)
        kwargs = {"column": "__day_rows", "min_value": int(low * 0.75), "max_value": int(np.ceil(high * 1.25))}
        yield Rule(
            "expect_column_values_to_be_between",
            kwargs | {"mostly": 0.995},
            "warning",
            f"volume: {inner.min():,} to {inner.max():,} rows a day over {len(inner)} days",
        )


def _clock(table: pd.DataFrame) -> Iterator[Rule]:
    if "__hour" not in table:
        return
    shares = table["__hour"].value_counts(normalize=True)
    usual = sorted(int(hour) for hour in shares.index[shares >= 0.0005])
    if 1 < len(usual) < 24:
        yield Rule(
            "expect_column_values_to_be_in_set",
            {"column": "__hour", "value_set": usual, "mostly": 0.99},
            "warning",
            f"clock: {len(usual)} hours of the local day have rows",
        )


def _pairs(table: pd.DataFrame, columns: list[str]) -> Iterator[Rule]:
    """Times of which one never lies before the other."""
    times = [name for name in columns if pd.api.types.is_datetime64_any_dtype(table[name].dtype)]
    for one, other in combinations(times[:8], 2):
        if (table[one].dt.tz is None) != (table[other].dt.tz is None):
            continue
        both = table[[one, other]].dropna()
        if len(both) < 50:
            continue
        for late, early in ((one, other), (other, one)):
            share = float((both[late] >= both[early]).mean())
            if share > 0.99 and not both[late].equals(both[early]):
                yield Rule(
                    "expect_column_pair_values_a_to_be_greater_than_b",
                    {"column_A": late, "column_B": early, "or_equal": True, "mostly": floor(share - 0.01)},
                    "warning",
                    f"{late} is not before {early} in {share:.2%} of the rows",
                )
