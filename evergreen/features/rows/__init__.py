"""Row features: what a model makes of a row's own columns, learned in fitting and kept inside its Pipeline."""

from __future__ import annotations

from collections.abc import Sequence

from evergreen.features.rows.custom import TRANSFORMERS, check_named
from evergreen.features.rows.plan import Plan, plan_of
from evergreen.features.rows.report import listed, summarised
from evergreen.features.rows.transformer import RowFeatures
from evergreen.handoffs import InputSelection
from evergreen.spec import ModelSpec, Task

__all__ = [
    "TRANSFORMERS",
    "Plan",
    "RowFeatures",
    "check_named",
    "listed",
    "plan_of",
    "row_features",
    "summarised",
]


def row_features(spec: ModelSpec, inputs: Sequence[str], view: str = "", task: Task | None = None) -> RowFeatures:
    """A fresh transformer for a model.

    Args:
        spec: What the model is.
        inputs: The columns that it may look at.
        view: What a search has found worth looking at, as ``View.to_json`` wrote it; empty for everything.
        task: What is predicted; the spec's by default.
    """
    return RowFeatures(inputs=list(inputs), plan=plan_of(spec, inputs, task).seen_by(InputSelection.from_json(view)))
