"""Columns that know the target: found by what they do, and named with the figures that show it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evergreen.discovery.formulas import find_formula, find_means
from evergreen.discovery.known_later import find_late_names, find_one_class_levels
from evergreen.discovery.scores import Scorer, as_numbers, roc_auc
from evergreen.learning_tasks import TASKS
from evergreen.spec import Task

_MOST_ROWS, _MOST_CELLS = 50_000, 5_000_000
#: A single honest column hardly reaches these out of sample.
_IMPLAUSIBLE, _IMPLAUSIBLE_AREA = 0.98, 0.985
_MIN_ROWS = 50


@dataclass(frozen=True)
class Leak:
    """One suspicious column (or, for duplicates, the table) and the evidence."""

    column: str
    evidence: str


def find_leaks(
    frame: pd.DataFrame,
    target: str,
    task: Task,
    inputs: Sequence[str],
    times: Iterable[str] = (),
    event: str = "",
    blanked: Collection[str] = (),
) -> list[Leak]:
    """Columns that seem to know the target, or a time after the event.

    Args:
        frame: Rows whose values have been read.
        target: The column that holds the label.
        task: What kind of thing it is.
        inputs: The columns to look at.
        times: Those that hold times.
        event: The event time, if there is one.
        blanked: Columns with values that we read as missing: that these are null is not the table's doing.

    Returns:
        One entry a column, the first reason that applies.
    """
    found = {leak.column: leak for leak in _after(frame, times, event)}
    known = pd.Series(np.flatnonzero(frame[target].notna().to_numpy()))
    if len(known) < _MIN_ROWS:
        return list(found.values())
    most = min(_MOST_ROWS, max(_MOST_CELLS // max(len(inputs), 1), 5_000))
    if len(known) > most:
        known = known.sample(most, random_state=0).sort_index()
    rows = frame.iloc[known]
    scores, scorer = {}, Scorer(rows[target], task)
    for name in inputs:
        if name in found:
            continue
        evidence = "" if name in blanked else _nulls_tell(rows[name], rows[target], task)
        if evidence:
            found[name] = Leak(name, evidence)
            continue
        scores[name] = scorer.score(rows[name])
    best = sorted(scores, key=lambda name: -scores[name])[:4]
    rarest = int(rows[target].value_counts().min())
    for name in scores:
        others = [scores[other] for other in best if other != name]
        # Among a few columns one may well be strong; a copy of the classes has as many levels as there are.
        compared = len(scores) >= 4 or (TASKS[task].classes and rows[name].nunique() == rows[target].nunique())
        evidence = _implausible(scores[name], others, task, rarest if compared else None)
        if evidence:
            found[name] = Leak(name, evidence)
    if not TASKS[task].classes:
        found |= {leak.column: leak for leak in _from_formula(rows[list(inputs)], rows[target])}
    doubts = [
        *((name, f"holds {what} of the rows that share it, from all rows") for name, what in
          find_means(frame[list(inputs)], frame[target])),
        *(find_one_class_levels(rows[list(inputs)], rows[target]) if TASKS[task].classes else ()),
        *find_late_names(scores, target, task, _said(task)),
    ]  # fmt: skip
    found = {name: Leak(name, evidence) for name, evidence in reversed(doubts)} | found
    return [found[name] for name in dict.fromkeys([*inputs, *found]) if name in found]


def sorted_by_target(frame: pd.DataFrame, target: str, task: Task, ids: Sequence[str]) -> list[Leak]:
    """Ids and running numbers by which the target is sorted: they would tell it, and a new row's id does not."""
    rows = frame[frame[target].notna()]
    if len(rows) < _MIN_ROWS:
        return []
    if len(rows) > _MOST_ROWS:
        rows = rows.sample(_MOST_ROWS, random_state=0).sort_index()
    found, scorer = [], Scorer(rows[target], task)
    for name in ids:
        order = rows[name] if pd.api.types.is_numeric_dtype(rows[name].dtype) else rows[name].rank()
        score = scorer.score(order)
        if score >= (0.9 if TASKS[task].decides else 0.8):
            found.append(Leak(name, f"the id sorts by the target ({_said(task)} {score:.3f} by the id alone)"))
    return found


def repeated_rows(frame: pd.DataFrame, target: str, inputs: Sequence[str]) -> tuple[int, int]:
    """How many rows repeat an earlier one in all inputs, and how many of them have another label.

    Null labels agree with each other.
    """
    if not inputs or frame.empty:
        return 0, 0
    keys = pd.util.hash_pandas_object(frame[list(inputs)], index=False)
    again = keys.duplicated()
    labels, _ = pd.factorize(frame[target])
    first = pd.Series(labels).groupby(keys.to_numpy()).transform("first").to_numpy()
    return int(again.sum()), int((again.to_numpy() & (labels != first)).sum())


def shared_rows(train: pd.DataFrame, holdout: pd.DataFrame, inputs: Sequence[str]) -> int:
    """How many holdout rows stand, equal in all inputs, among those that are trained on."""
    if not inputs or train.empty or holdout.empty:
        return 0
    ours = pd.util.hash_pandas_object(train[list(inputs)], index=False)
    theirs = pd.util.hash_pandas_object(holdout[list(inputs)], index=False)
    return int(theirs.isin(ours).sum())


def _after(frame: pd.DataFrame, times: Iterable[str], event: str) -> Iterable[Leak]:
    for name in times if event else ():
        if name == event:
            continue
        known = frame[name].notna()
        if known.sum() < _MIN_ROWS:
            continue
        later = (_naive(frame.loc[known, name]) > _naive(frame.loc[known, event])).mean()
        if later > 0.5:
            yield Leak(name, f"lies after {event} in {later:.1%} of its rows: unknown when the prediction is made?")


def _naive(times: pd.Series) -> pd.Series:
    return times.dt.tz_convert("UTC").dt.tz_localize(None) if times.dt.tz is not None else times


def _nulls_tell(values: pd.Series, target: pd.Series, task: Task) -> str:
    null = values.isna().to_numpy()
    few = min(int(null.sum()), int((~null).sum()))
    if few < 10 or few < 0.002 * len(null):
        return ""
    if not TASKS[task].classes:
        auc = roc_auc(as_numbers(target, task), null)
        sure = max(auc, 1 - auc)
        return f"null or not tells the target's size (ROC AUC {sure:.3f})" if sure > 0.985 else ""
    for level, count in target.value_counts().items():
        inside = (target == level).to_numpy()
        if count < 10 or count == len(target):
            continue
        for said, missing in (("null", null), ("filled", ~null)):
            agree = (missing == inside).mean()
            # Rare classes agree by being rare: both ways round must hold.
            both = min(inside[missing].mean(), missing[inside].mean())
            if both > 0.98 and agree > 0.98:
                return (
                    f"{said} in {missing[inside].mean():.1%} of the rows with target {level}, and in "
                    f"{missing[~inside].mean():.1%} of the others"
                )
    return ""


def _from_formula(inputs: pd.DataFrame, target: pd.Series) -> Iterable[Leak]:
    parts, formula = find_formula(inputs, target)
    for name in parts:
        yield Leak(name, f"with {', '.join(part for part in parts if part != name)} it gives the target: {formula}")


def _implausible(score: float, others: Sequence[float], task: Task, rarest: int | None) -> str:
    """Why a column's score is too good to be honest; empty where it is not.

    Args:
        score: How well it alone predicts the target.
        others: The best scores of others.
        task: What kind of thing the target is.
        rarest: Rows of the rarest class; None where there is too little to compare the score with.
    """
    nothing = 0.5 if TASKS[task].decides else 0.0
    second = others[0] if others else nothing
    said = f"alone it predicts the target with {_said(task)} {score:.3f}"
    if score >= (_IMPLAUSIBLE_AREA if TASKS[task].decides else _IMPLAUSIBLE):
        return f"{said} (next best column {second:.3f})"
    # Short of perfect, but out of all proportion to the rest: nine tenths of what they leave unexplained.
    floor = 0.95 if TASKS[task].decides else 0.9
    third = others[1] if len(others) > 1 else nothing
    enough = rarest is not None and (not TASKS[task].classes or rarest >= _MIN_ROWS)
    if enough and score >= floor and (1 - score) < 0.15 * (1 - min(second, third)):
        return f"{said}; the next best reach {second:.3f} and {third:.3f}"
    return ""


def _said(task: Task) -> str:
    if not TASKS[task].classes:
        return "rank R²"
    return "ROC AUC" if TASKS[task].decides else "a share of avoided errors of"
