"""The profile of 1,000,000 rows by 30 columns beside one pandas pass that computes the same counts."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.runs import seconds
from evergreen.discovery import profile
from evergreen.discovery.profile import BINS, PERIODS, TOP

_ROWS, _ROUNDS = 1_000_000, 3
_WANTED = 3.0


def main() -> None:
    """Print both times, alternating, and the ratio of the best of three rounds."""
    frame = _frame(_ROWS)
    ours, theirs = [], []
    for _ in range(_ROUNDS):
        theirs.append(seconds(lambda: _pandas_pass(frame, "when")))
        ours.append(seconds(lambda: profile(frame, "target", "binary", "when")))
        print(f"profile {ours[-1]:.1f} s, pandas pass {theirs[-1]:.1f} s")
    ratio = min(ours) / min(theirs)
    print(f"{_ROWS:,} rows by {len(frame.columns)} columns: {ratio:.2f} times one pandas pass (wanted: {_WANTED:g})")
    if ratio > _WANTED:
        raise SystemExit(1)


def _frame(rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    columns: dict[str, object] = {f"number_{at}": rng.normal(size=rows) for at in range(14)}
    columns |= {f"count_{at}": rng.poisson(5, rows) for at in range(6)}
    columns |= {
        f"level_{at}": pd.Series(rng.choice([f"level {n}" for n in range(40)], rows), dtype="str") for at in range(6)
    }
    columns |= {f"code_{at}": pd.Series(rng.integers(0, 20_000, rows)).astype("str") for at in range(2)}
    columns["when"] = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(rng.integers(0, 10**7, rows), unit="s")
    columns["target"] = rng.integers(0, 2, rows)
    frame = pd.DataFrame(columns)
    frame.loc[rng.random(rows) < 0.1, "number_0"] = np.nan
    return frame


def _pandas_pass(frame: pd.DataFrame, when: str) -> list[object]:
    """Missing, distinct, describe, top levels, histogram, outliers, means by period: as a person writes it."""
    period = pd.cut(frame[when], PERIODS, labels=False)
    found: list[object] = [frame.duplicated().sum()]
    for name in frame.columns:
        values = frame[name]
        found += [values.isna().sum(), values.nunique(), values.describe(), values.value_counts().head(TOP)]
        if pd.api.types.is_numeric_dtype(values.dtype):
            first, third = values.quantile(0.25), values.quantile(0.75)
            reach = 3 * (third - first)
            found += [
                np.histogram(values.dropna(), BINS),
                ((values < first - reach) | (values > third + reach)).sum(),
                values.groupby(period).mean(),
                pd.crosstab(pd.cut(values, BINS, labels=False), period),
            ]
        elif name != when:
            found.append(values.groupby(period).value_counts())
    return found


if __name__ == "__main__":
    main()
