"""Forty rules on 1,000,000 rows by 20 columns beside one pandas pass that computes the same numbers by hand.

Beside both stands what the same suite costs on 100 rows: what Great Expectations takes to build, order and report forty
rules, whatever computes their numbers. No pass that is quicker than its own can bring a suite below that floor.
"""

from __future__ import annotations

import statistics
import time

import numpy as np
import pandas as pd

from benchmarks.runs import seconds
from evergreen.io import suites
from evergreen.validation import RuleSpec, Suite

_ROWS, _FEW, _ROUNDS = 1_000_000, 100, 3
_WANTED = 3.0
_NUMBERS, _LEVELS = 12, 6
_NAMES = [f"level {n}" for n in range(40)]


def main() -> None:
    """Print both times, in turns, and the ratio with its spread."""
    frame, suite = _frame(), _suite()
    suites.warm_up()
    suites.validate(frame.head(_FEW), suite)  # what is imported on the first use is no part of a pass
    ours, theirs, floor = [], [], []
    for _ in range(_ROUNDS):
        floor.append(seconds(lambda: suites.validate(frame.head(_FEW), suite), time.process_time))
        theirs.append(seconds(lambda: _by_hand(frame), time.process_time))
        ours.append(seconds(lambda: suites.validate(frame, suite), time.process_time))
    ratio = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    value = statistics.median(ratio)
    word = "kept" if value <= _WANTED else "MISSED"
    print(f"{len(suite.expectations)} rules on {len(frame):,} rows by {len(frame.columns)} columns, CPU seconds")
    print(f"  suite {statistics.median(ours):.2f}   by hand {statistics.median(theirs):.2f}")
    least = statistics.median(floor)
    print(f"  on {_FEW} rows {least:.2f}: the floor, {least / statistics.median(theirs):.2f} times")
    print(f"  {value:.2f} times ({min(ratio):.2f} to {max(ratio):.2f})   target {_WANTED:g}: {word}")


def _frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    columns: dict[str, object] = {"id": np.arange(_ROWS)}
    columns |= {f"number_{at}": rng.normal(size=_ROWS) for at in range(_NUMBERS)}
    columns |= {f"level_{at}": pd.Series(rng.choice(_NAMES, _ROWS), dtype="str") for at in range(_LEVELS)}
    columns["when"] = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(rng.integers(0, 10**7, _ROWS), unit="s")
    return pd.DataFrame(columns)


def _suite() -> Suite:
    """Forty rules of the kinds that suites are made of: a column is there and filled, its range, its levels."""
    rules = [_rule("unique", column="id"), _rule("not_be_null", column="when")]
    for at in range(_NUMBERS):
        limits = {"min_value": -10, "max_value": 10}
        rules += [_rule("not_be_null", column=f"number_{at}"), _rule("be_between", column=f"number_{at}", **limits)]
    for at in range(_LEVELS):
        rules += [
            _rule("not_be_null", column=f"level_{at}"),
            _rule("be_in_set", column=f"level_{at}", value_set=_NAMES),
        ]
    whole = {"min_value": _ROWS // 2, "max_value": 2 * _ROWS}
    rules.append(RuleSpec(type="expect_table_row_count_to_be_between", kwargs=whole))
    mean = {"column": "number_0", "min_value": -1, "max_value": 1}
    rules.append(RuleSpec(type="expect_column_mean_to_be_between", kwargs=mean))
    return Suite(name="forty", expectations=tuple(rules))


def _rule(what: str, **kwargs: object) -> RuleSpec:
    return RuleSpec(type=f"expect_column_values_to_{'be_unique' if what == 'unique' else what}", kwargs=kwargs)


def _by_hand(frame: pd.DataFrame) -> list[object]:
    """Which rows break each rule, as a person writes it."""
    broken: list[object] = [frame["id"].duplicated(keep=False), frame["when"].isna(), len(frame)]
    for at in range(_NUMBERS):
        values = frame[f"number_{at}"]
        broken += [values.isna(), ~values.between(-10, 10)]
    for at in range(_LEVELS):
        values = frame[f"level_{at}"]
        broken += [values.isna(), ~values.isin(_NAMES)]
    return [*broken, frame["number_0"].mean()]


if __name__ == "__main__":
    main()
