"""Why a model predicts what it predicts for a row: its prediction as parts, one an input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from evergreen.errors import UsageError
from evergreen.spec import Task
from evergreen.training.prediction import predict_matrix

Floats = NDArray[np.float64]

_TREES = "TreeSHAP: exact for this model, adds up from expected to prediction"
_LINEAR = "coefficient times (value - mean): exact, adds up from expected to prediction"
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


@dataclass(frozen=True)
class Parts:
    """Raw scores as parts: ``amounts`` of shape (n, c, k) and ``expected`` of shape (c,) for c scores, k columns."""

    amounts: Floats
    expected: Floats

    @property
    def scores(self) -> Floats:
        """The raw scores, of shape (n, c): log-odds of class 1, a score a class, or the quantity."""
        total: Floats = self.expected + self.amounts.sum(axis=2)
        return total


def explain(pipeline: Pipeline, task: Task, row: pd.DataFrame, classes: Sequence[str] = ()) -> Explanation:
    """Explain the prediction for one row: of class 1, of the likeliest class of several, or of the quantity.

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
    predicted = predict_matrix(model, task, matrix, len(classes))[0]
    code = int(np.argmax(predicted)) if task == "multiclass" else 1
    label = "" if task == "regression" else str(classes[code]) if classes else str(code)
    prediction = float(predicted[code] if task == "multiclass" else predicted)
    parts = score_parts(model, matrix)
    if parts is None:
        amounts, expected = _ablate(rows, model, task, matrix, code)
        score, expected_score, unit, method = prediction, expected, _unit(task, "probability"), _ABLATION
    else:
        at, sign = _place(model, task, code, len(parts.expected))
        amounts = sign * parts.amounts[0, at]
        expected_score, score = sign * float(parts.expected[at]), sign * float(parts.scores[0, at])
        expected = _linked(task, parts.expected, at, sign)
        unit = _unit(task, "log-odds" if len(parts.expected) == 1 else "score of the class")
        method = _LINEAR if hasattr(model, "coef_") else _TREES
    return Explanation(
        label, prediction, expected, score, expected_score, unit, method, parts is not None,
        _ranked(rows, row, matrix, amounts),
    )  # fmt: skip


def score_parts(model: Any, matrix: Any) -> Parts | None:
    """The raw scores of a fitted estimator as exact parts, or None where there is no cheap exact way (forests).

    Args:
        model: The pipeline's step ``model``.
        matrix: The rows as the step ``rows`` gives them, of shape (n, k).
    """
    if hasattr(model, "booster_"):
        flat = np.asarray(model.predict(matrix, pred_contrib=True), dtype=float)
        shaped = flat.reshape(len(matrix), -1, matrix.shape[1] + 1)
        return Parts(shaped[:, :, :-1], shaped[0, :, -1])
    if hasattr(model, "coef_"):
        # The transformer has taken the mean off each column and divided by its spread: the coefficients are of those.
        coefficients = np.atleast_2d(np.asarray(model.coef_, dtype=float))
        expected = np.broadcast_to(np.asarray(model.intercept_, dtype=float), (len(coefficients),))
        return Parts(np.asarray(matrix, dtype=float)[:, None, :] * coefficients, expected)
    return None


def sources(rows: Any) -> list[str]:
    """The input, or calendar part, that each column of the transformer's matrix was made from."""
    if rows.encode == "codes":
        return list(rows.feature_names_)
    waves = {f"{part}_{wave}": part for part in rows.calendar_ for wave in ("sin", "cos")}
    levels = [column for column, names in rows.levels_.items() for _ in names]
    return [*(waves.get(name, name) for name in rows.numbers_), *rows.nulls_, *levels]


def _place(model: Any, task: Task, code: int, scores: int) -> tuple[int, float]:
    """Which of the model's raw scores speaks of a class, and its sign: one score of two classes speaks of both."""
    if task == "regression":
        return 0, 1.0
    known = np.asarray(model.classes_, dtype=int).tolist()
    if scores == 1:
        return 0, 1.0 if known.index(code) == 1 else -1.0
    return known.index(code), 1.0


def _linked(task: Task, scores: Floats, at: int, sign: float) -> float:
    """A raw score as a probability (logistic, or softmax of several), or as it is."""
    if task == "regression":
        return float(scores[at])
    if len(scores) == 1:
        return float(1 / (1 + np.exp(-sign * scores[at])))
    raised = np.exp(scores - scores.max())
    return float(raised[at] / raised.sum())


def _ablate(rows: Any, model: Any, task: Task, matrix: Any, code: int) -> tuple[Floats, float]:
    """The loss in the prediction as each value alone turns typical, and the prediction of a typical row."""
    typical = np.array([*(rows.medians_[name] for name in rows.numbers_), *(0 for _ in rows.levels_)], dtype=np.float32)
    several = np.repeat(matrix, matrix.shape[1] + 2, axis=0)
    np.fill_diagonal(several[1:-1], typical)
    several[-1] = typical
    if task == "regression":
        values = np.asarray(model.predict(several), dtype=float)
    else:
        values = np.asarray(model.predict_proba(several), dtype=float)[:, model.classes_.tolist().index(code)]
    return values[0] - values[1:-1], float(values[-1])


def _ranked(rows: Any, row: pd.DataFrame, matrix: Any, amounts: Floats) -> tuple[Contribution, ...]:
    """Columns of one input added up, the largest first."""
    totals: dict[str, float] = {}
    for name, amount in zip(sources(rows), amounts, strict=True):
        totals[name] = totals.get(name, 0.0) + float(amount)
    parts = [Contribution(name, _value(rows, row, matrix, name), amount) for name, amount in totals.items()]
    return tuple(sorted(parts, key=lambda part: (-abs(part.amount), part.name)))


def _value(rows: Any, row: pd.DataFrame, matrix: Any, name: str) -> str:
    if name in row:
        value = row[name].iloc[0]
    else:  # a part of a time: only the matrix has it
        at = rows.feature_names_.index(name)
        scaled = rows.encode != "codes"
        value = float(matrix[0, at]) * float(rows.scales_[at]) + float(rows.means_[at]) if scaled else matrix[0, at]
    if pd.isna(value):
        return "null"
    return f"{float(value):.6g}" if isinstance(value, float | np.floating) else str(value)


def _unit(task: Task, otherwise: str) -> str:
    return "the target's unit" if task == "regression" else otherwise
