"""What kind of thing the target is, and what can be learned and judged of it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evergreen.discovery.known_later import words_of
from evergreen.discovery.values import means_missing
from evergreen.errors import DataError
from evergreen.spec import Task

#: Words of a target's name that say that it counts events.
_COUNTED = frozenset(["nb", "count", "counts", "num", "number", "n", "nr", "claims", "visits", "events", "accidents",
                      "incidents", "failures", "calls", "goals", "arrivals", "frequency", "freq"])  # fmt: skip
_EXPOSED = r"(?i)(?:^|[^a-z])(?:exposures?|person.?years?|insured.?years?|time.?at.?risk|policy.?years?)(?:$|[^a-z])"
_MOST_CLASSES, _FEW_CLASSES = 200, 20
#: Rows of a class under which it cannot be judged, and under which only with wide intervals.
_UNJUDGED, _WIDE = 10, 50
#: Whole numbers with at most this many values may be classes.
_NUMBERED_CLASSES = 20


@dataclass(frozen=True)
class TargetGuess:
    """What kind of thing the target is, and its levels or its spread."""

    task: Task
    reason: str
    checks: tuple[str, ...]


def find_task(target: pd.Series, others: Sequence[str] = ()) -> TargetGuess:
    """Two values are binary; texts are classes; whole numbers are classes where they look like labels, else quantities.

    Args:
        target: The label's column.
        others: The names of the other columns: an exposure beside it says that it counts events.

    Raises:
        DataError: no or only one value, hundreds of texts, or times.
    """
    name, known = str(target.name), target.dropna()
    counts = known.value_counts()
    if len(counts) < 2:
        said = f"all {len(known):,} values are {counts.index[0]}" if len(counts) else "it has no value"
        raise DataError(f"target {name}: {said}; name another column")
    checks = []
    if target.isna().any():
        checks.append(f"{int(target.isna().sum()):,} rows have no label; they can be scored, not trained on")
    if len(counts) == 2:
        shares = ", ".join(f"{level} {count / len(known):.1%}" for level, count in counts.items())
        return TargetGuess("binary", f"two values: {shares}", (*checks, *_rare(counts)))
    if pd.api.types.is_datetime64_any_dtype(target.dtype):
        raise DataError(f"target {name}: holds times; predict a number, e.g. the days until then")
    if not pd.api.types.is_numeric_dtype(target.dtype):
        crowded = len(counts) > 0.05 * len(known) if len(counts) > _MOST_CLASSES else len(counts) > 0.2 * len(known)
        if crowded and len(counts) > _FEW_CLASSES:
            raise DataError(
                f"target {name}: {len(counts):,} different texts are too many for classes; name another column"
            )
        nothing = [str(level) for level in counts.index if means_missing(str(level), among_texts=False)]
        if nothing:
            said = f"{int(counts[nothing].sum()):,} rows have the label {' or '.join(map(repr, nothing))}"
            checks.append(f"{said}; if that means that nobody knows it: read: {{missing: {json.dumps(nothing)}}}")
        return TargetGuess("multiclass", f"{len(counts):,} texts", (*checks, *_rare(counts)))
    exposures = [other for other in others if re.search(_EXPOSED, other)]
    return _numbered(known, counts, checks, exposures)


def _numbered(known: pd.Series, counts: pd.Series, checks: list[str], exposures: Sequence[str]) -> TargetGuess:
    levels = np.sort(counts.index.to_numpy(dtype=float))
    whole = bool((levels == np.floor(levels)).all())
    counted = bool(exposures) or not _COUNTED.isdisjoint(words_of(str(known.name)))
    if whole and levels[0] == 0 and counted and _falls(counts):
        offer = f"exposure: {exposures[0]}" if exposures else "exposure: COLUMN"
        checks.append(f"it counts events; if they are in proportion to a time or a number at risk: {offer} (training)")
        return TargetGuess("count", f"whole numbers 0 to {levels[-1]:g}, fewer the larger", tuple(checks))
    if whole and len(levels) <= _NUMBERED_CLASSES:
        running = levels[0] in (0.0, 1.0) and bool((np.diff(levels) == 1).all())
        if running and not _looks_counted(counts) and len(levels) <= 0.05 * len(known):
            if len(levels) > 3:
                checks.append("if its order matters (a rating, a count), write task: regression")
            return TargetGuess(
                "multiclass", f"whole numbers {levels[0]:g} to {levels[-1]:g}, as labels are", (*checks, *_rare(counts))
            )
        checks.append(f"whole numbers with {len(levels)} values: if they are classes, write task: multiclass")
    numbers = known.to_numpy(dtype=float)
    spread = f"{numbers.min():.6g} to {numbers.max():.6g}, median {np.median(numbers):.6g}"
    deviation = numbers.std()
    skew = float(((numbers - numbers.mean()) ** 3).mean() / deviation**3) if deviation > 0 else 0.0
    if whole and levels[0] == 0 and _looks_counted(counts):
        checks.append("if it counts events, write task: count, and name what it is in proportion to: exposure")
    if abs(skew) > 2:
        checks.append(f"skewed ({skew:.1f}): a few values dominate rmse; metric: mae judges all alike")
    return TargetGuess("regression", f"{len(levels):,} numbers, {spread}", tuple(checks))


def _falls(counts: pd.Series) -> bool:
    """Whether most rows hold 0, or the counts fall off from their most frequent value."""
    ordered = counts.sort_index().to_numpy(dtype=float)
    return bool(ordered[0] > 0.5 * ordered.sum()) or _looks_counted(counts)


def _looks_counted(counts: pd.Series) -> bool:
    """Counts of events fall off from their most frequent value to a thin tail; labels do not."""
    ordered = counts.sort_index().to_numpy(dtype=float)
    peak = int(ordered.argmax())
    falling = bool((np.diff(ordered[peak:]) <= 0).mean() > 0.8) if len(ordered) - peak > 2 else False
    return len(ordered) >= 5 and falling and ordered[-1] < 0.05 * ordered.max()


def _rare(counts: pd.Series) -> list[str]:
    """Classes that cannot be judged, or hardly, with what is left of them for the holdout."""
    total = int(counts.sum())
    few = counts[(counts < _UNJUDGED) | ((counts < _WIDE) & (counts < 0.1 * total))].sort_values(kind="stable")
    checks = [
        f"{level}: {count:,} of {total:,} rows (1 in {total / count:,.0f}), about {max(round(count / 5), 1)} in the "
        f"holdout: {_judged(int(count))}"
        for level, count in few.head(3).items()
    ]
    if len(few) > 3:
        lost = int((few < _UNJUDGED).sum())
        checks.append(
            f"{len(few)} of {len(counts)} classes have under {_WIDE} rows, {lost} of them under {_UNJUDGED}: join them "
            "or leave them out"
        )
    if len(counts) == 2 and few.empty and counts.min() < 0.01 * total:
        checks.append(
            f"1 in {total / counts.min():,.0f} rows is {counts.idxmin()}; metric: pr_auc judges the rare class"
        )
    return checks


def _judged(count: int) -> str:
    if count < _UNJUDGED:
        return "too few to learn, and no figure of this class can be judged; find more"
    return "its figures will have wide intervals"
