"""Inputs that stand only with one class, and inputs whose names tell of what came after the event."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from evergreen.learning_tasks import TASKS

#: Rows of other classes that a level should have by chance, and the share of the rows that it must hold.
_EXPECTED, _SHARE, _PURE = 20, 0.03, 0.995
#: Levels of a column up to which its levels are looked at.
_MOST_LEVELS = 500
#: Words for how a thing ended, which nobody knows before.
_AFTERWARDS = frozenset(
    ["outcome", "resolution", "resolved", "refund", "refunded", "cancellation",
     "cancelled", "canceled", "settled", "settlement", "recovery", "recoveries", "recovered", "closed", "closing",
     "closure", "final", "actual", "discharge", "discharged", "deceased", "death", "chargeback", "writeoff", "paid",
     "collected", "collection", "payout", "delivered", "completed", "completion", "terminated",
     "termination", "ended", "dropoff", "churned", "exit", "exited"]
)  # fmt: skip
#: Things of which the status is how they ended; a marital status is none. Parts of an amount that is told at the end.
_CASES = frozenset(["reservation", "booking", "order", "loan", "application", "payment", "claim", "ticket", "case",
                    "delivery", "shipment", "invoice", "trip", "call", "appointment", "refund"])  # fmt: skip
_PARTS, _AMOUNTS = frozenset(["tip", "tips", "fare", "toll", "tolls"]), frozenset(["total", "amount", "sum", "revenue"])
#: What a column so named must reach alone: a name without any effect is no leak.
_NOTABLE, _NOTABLE_AREA = 0.3, 0.75


def words_of(name: str) -> list[str]:
    """The words of a column's name: ``reservationStatus_date`` has three."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]


def tells_of_the_end(name: str, target: str = "") -> bool:
    """Whether a column's name says how a thing ended.

    Args:
        name: The column's.
        target: The target's: tips and fares are known with the total that is to be told.
    """
    words = {*words_of(name)}
    if words & _PARTS and {*words_of(target)} & _AMOUNTS:
        return True
    return bool(words & _AFTERWARDS) or words == {"status"} or ("status" in words and bool(words & _CASES))


def find_late_names(scores: Mapping[str, float], target: str, task: str, measure: str) -> Iterator[tuple[str, str]]:
    """Columns named like something that is known only after the event, which also tell of the target.

    Args:
        scores: How well each column alone predicts the target.
        target: Its name.
        task: What kind of thing it is.
        measure: What the scores are called.

    Yields:
        A column and the evidence.
    """
    for name, score in scores.items():
        if tells_of_the_end(name, target) and score >= (_NOTABLE_AREA if TASKS[task].decides else _NOTABLE):
            yield name, f"its name tells of what is known only afterwards, and alone it reaches {measure} {score:.3f}"


def find_one_class_levels(inputs: pd.DataFrame, target: pd.Series) -> Iterator[tuple[str, str]]:
    """Columns of texts of which a level or a note stands with one class only, where chance would bring others too.

    Of more than two classes only notes are looked at: that a species lives on one island only is no leak. Notes are
    compared without their digits. Where a good part of the columns has such levels, that is the nature of the
    data (of a mushroom any smell tells whether it can be eaten), and none is named.

    Args:
        inputs: Columns of any type.
        target: Classes.

    Yields:
        A column and the evidence.
    """
    shares = target.value_counts(normalize=True)
    classes = pd.Series(pd.factorize(target)[0], index=target.index)
    told, looked = {}, 0
    for name, values in inputs.items():
        if not isinstance(values.dtype, pd.StringDtype | np.dtypes.ObjectDType):
            continue
        looked += 1
        noted = len(shares) == 2 or values.dropna().head(500).astype("str").str.count(r"\s+").mean() >= 2
        evidence = _one_class(values, target, classes, shares) if noted else ""
        if evidence:
            told[str(name)] = evidence
    if len(told) <= max(1, looked // 3):
        yield from told.items()


def _one_class(values: pd.Series, target: pd.Series, classes: pd.Series, shares: pd.Series) -> str:
    texts = values.dropna().astype("str").str.replace(r"\d+", "#", regex=True).str.strip()
    counts = texts.value_counts()
    counts = counts[(counts >= max(_EXPECTED, _SHARE * len(values)))].head(_MOST_LEVELS)
    for level, count in counts.items():
        rows = texts.index[texts == level]
        held = np.bincount(classes[rows])
        label = target[rows[int((classes[rows] == held.argmax()).to_numpy().argmax())]]
        others = float(1 - shares[label])
        if (
            held.max() >= _PURE * count
            and others * count >= _EXPECTED
            and _rest_says_less(values, classes, texts, level)
        ):
            short = str(level) if len(str(level)) <= 50 else f"{str(level)[:47]}..."
            return (
                f"{short!r} stands in {count:,} rows, {held.max() / count:.1%} of them with target {label}, which "
                f"{1 - others:.1%} of all rows have: written when that was known?"
            )
    return ""


def _rest_says_less(values: pd.Series, classes: pd.Series, texts: pd.Series, level: object) -> bool:
    """Whether the rows of the other levels do not tell the classes apart too, as those of an honest strong input do."""
    others = texts[texts != level]
    counts = others.value_counts()
    large = others[others.isin(counts.index[counts >= _EXPECTED])]
    if large.empty:
        return True
    purity = classes[large.index].groupby(large).agg(lambda held: held.value_counts(normalize=True).iloc[0])
    return bool((purity >= _PURE).mean() <= 0.5)
