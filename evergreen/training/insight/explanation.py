"""Why a model predicts what it predicts for a row: its prediction as parts, one an input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from evergreen.arrays import Floats
from evergreen.errors import UsageError
from evergreen.learning_tasks import TASKS
from evergreen.spec import Task
from evergreen.training.families.adjusted import adjusted, exposures
from evergreen.training.families.calibration import calibrated
from evergreen.training.families.catalogue import family_of
from evergreen.training.families.family import Parts
from evergreen.training.families.prediction import predict_matrix
from evergreen.training.families.quantiles import Quantiles, middle

_ABLATION = (
    "change of the prediction when the value alone is replaced by the training median (a category: by the most "
    "frequent one); an approximation that does not add up, expected is the prediction of a row of such values"
)


@dataclass(frozen=True)
class Contribution:
    """What one input, with the value it has in the row, adds to the score."""

    name: str
    value: str
    amount: float


@dataclass(frozen=True)
class Explanation:
    """A prediction and what it is made of.

    ``prediction`` and ``expected`` (what the model says before it looks at the row) are probabilities of ``label``, or
    the quantity. ``score`` and ``expected_score`` are the same in ``unit``, in which the contributions are; where
    ``adds_up``, ``expected_score`` and the contributions sum up to ``score``. Contributions are ordered by size.
    """

    label: str
    prediction: float
    expected: float
    score: float
    expected_score: float
    unit: str
    method: str
    adds_up: bool
    contributions: tuple[Contribution, ...]


def explain(pipeline: Pipeline, task: Task, row: pd.DataFrame, classes: Sequence[str] = ()) -> Explanation:
    """Explain the prediction for one row: of class 1, of the likeliest class, of the quantity or the middle quantile.

    Boosting is explained by TreeSHAP (Lundberg et al. 2020, From local explanations to global understanding), a linear
    model by its coefficients, a forest by replacing one value at a time.

    Args:
        pipeline: A fitted model.
        task: What it predicts.
        row: One row with the model's inputs.
        classes: The classes in their order; empty for a quantity.

    Raises:
        UsageError: ``row`` holds no row, or several.
    """
    if len(row) != 1:
        raise UsageError(f"{len(row)} rows share this key; one row can be explained at a time")
    rows, model = pipeline.named_steps["rows"], pipeline.named_steps["model"]
    matrix = rows.transform(row)
    several = TASKS[task].columns
    predicted = adjusted(pipeline, predict_matrix(model, task, matrix, len(classes)), row)[0]
    code = int(np.argmax(predicted)) if several else 1
    if several and not TASKS[task].classes:  # the middle one is explained, as the quantity that it is
        code, model = middle(len(predicted)), model.middle if isinstance(model, Quantiles) else model
    label = "" if not TASKS[task].classes else str(classes[code]) if classes else str(code)
    prediction = float(predicted[code] if several else predicted)
    calibration = getattr(pipeline, "calibration", ())
    kind = family_of(model)
    parts = _bent(kind.parts(model, matrix), calibration)
    if parts is None:
        amounts, expected = _ablate(rows, model, task, matrix, code, calibration)
        score, expected_score, unit, method = prediction, expected, _unit(task, "probability"), _ABLATION
    else:
        at, sign = _place(model, task, code, len(parts.expected))
        amounts = sign * parts.amounts[0, at]
        expected_score, score = sign * float(parts.expected[at]), sign * float(parts.scores[0, at])
        expected = _linked(model, task, parts.expected, at, sign)
        unit = _unit(task, "log-odds" if len(parts.expected) == 1 else "score of the class")
        if kind.logs(model):
            unit = f"logarithm of the {'rate' if getattr(pipeline, 'exposure', None) else 'mean'}"
        method = kind.explains
    shifts = getattr(pipeline, "shifts", ())
    expected = expected * _exposure(pipeline, row) + (shifts[code] if len(shifts) else 0.0)
    return Explanation(
        label, prediction, expected, score, expected_score, unit, method, parts is not None,
        _ranked(rows, row, matrix, amounts),
    )  # fmt: skip


def sources(rows: Any) -> list[str]:
    """The input, or calendar part, that each column of the transformer's matrix was made from."""
    return list(rows.sources_)


def _place(model: Any, task: Task, code: int, scores: int) -> tuple[int, float]:
    """Which of the model's raw scores speaks of a class, and its sign: one score of two classes speaks of both."""
    if not TASKS[task].classes:
        return 0, 1.0
    known = np.asarray(model.classes_, dtype=int).tolist()
    if scores == 1:
        return 0, 1.0 if known.index(code) == 1 else -1.0
    return known.index(code), 1.0


def _exposure(pipeline: Pipeline, row: pd.DataFrame) -> float:
    column = getattr(pipeline, "exposure", None)
    return float(exposures(row, column)[0]) if column else 1.0


def _linked(model: Any, task: Task, scores: Floats, at: int, sign: float) -> float:
    """A raw score as a probability (logistic, or softmax of several), as a mean, or as it is."""
    if not TASKS[task].classes:
        return float(np.exp(scores[at]) if family_of(model).logs(model) else scores[at])
    if len(scores) == 1:
        return float(1 / (1 + np.exp(-sign * scores[at])))
    raised = np.exp(scores - scores.max())
    return float(raised[at] / raised.sum())


def _bent(parts: Parts | None, calibration: Sequence[float]) -> Parts | None:
    """The parts of scores as calibration bends these: on their scale it is a line."""
    if parts is None or not len(calibration):
        return parts
    slope, intercept = (*calibration, 0.0)[:2]
    return Parts(slope * parts.amounts, slope * parts.expected + intercept)


def _ablate(
    rows: Any, model: Any, task: Task, matrix: Any, code: int, calibration: Sequence[float] = ()
) -> tuple[Floats, float]:
    """The loss in the prediction as each input alone turns typical, and the prediction of a typical row.

    What an input loses stands at the first of its columns.
    """
    own = sources(rows)
    names = list(dict.fromkeys(own))
    several = np.repeat(matrix, len(names) + 2, axis=0)
    for at, name in enumerate(names, start=1):
        columns = [place for place, source in enumerate(own) if source == name]
        several[at, columns] = rows.typical_[columns]
    several[-1] = rows.typical_
    if not TASKS[task].classes:
        values = np.asarray(model.predict(several), dtype=float)
        values = values[:, code] if values.ndim == 2 else values
    else:
        found = np.asarray(model.predict_proba(several), dtype=float)
        at = model.classes_.tolist().index(code)
        values = calibrated(found[:, at] if found.shape[1] == 2 else found, calibration)
        values = values if values.ndim == 1 else values[:, at]
    amounts = np.zeros(len(own))
    amounts[[own.index(name) for name in names]] = values[0] - values[1:-1]
    return amounts, float(values[-1])


def _ranked(rows: Any, row: pd.DataFrame, matrix: Any, amounts: Floats) -> tuple[Contribution, ...]:
    """Columns of one input added up, the largest first."""
    totals: dict[str, float] = {}
    for name, amount in zip(sources(rows), amounts, strict=True):
        totals[name] = totals.get(name, 0.0) + float(amount)
    parts = [Contribution(name, _value(rows, row, matrix, name), amount) for name, amount in totals.items()]
    return tuple(sorted(parts, key=lambda part: (-abs(part.amount), part.name)))


def _value(rows: Any, row: pd.DataFrame, matrix: Any, name: str) -> str:
    # Only the matrix has a part of a time, and what was made of several inputs.
    value = row[name].iloc[0] if name in row else matrix[0, sources(rows).index(name)]
    if pd.isna(value):
        return "null"
    return f"{float(value):.6g}" if isinstance(value, float | np.floating) else str(value)


def _unit(task: Task, otherwise: str) -> str:
    return otherwise if TASKS[task].classes else "the target's unit"
