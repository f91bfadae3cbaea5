"""A version that serves: from what a client sends to an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from evergreen import training
from evergreen.arrays import Floats
from evergreen.errors import RegistryError
from evergreen.handoffs import ModelVersion
from evergreen.learning_tasks import DECISION, PREDICTION, TASKS
from evergreen.serving.casts import column_of
from evergreen.serving.model import OneRowModel
from evergreen.serving.request_rows import BadRows, FieldError, RequestRows
from evergreen.spec import ModelSpec


@dataclass(frozen=True)
class Answer:
    """What a version says of one row.

    ``prediction`` and ``decision`` are as the ledger keeps them; ``columns`` holds the probability of each class
    (``p_NAME``), or each quantile (``q_0.1``).
    """

    prediction: float
    decision: str | float
    columns: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """As a client reads it."""
        return {PREDICTION: self.prediction, DECISION: self.decision, **self.columns}


class ServedVersion:
    """A version, ready to answer.

    Args:
        spec: The model's file.
        pipeline: The fitted Pipeline.
        version: Which version it is.
        since: Since when it is champion.

    Raises:
        RegistryError: a row alone is not predicted as batch prediction predicts it.
    """

    def __init__(self, spec: ModelSpec, pipeline: Pipeline, version: ModelVersion, since: datetime) -> None:
        self.spec, self.version, self.since = spec, version, since
        self.rows = RequestRows(spec, pipeline.named_steps["rows"])
        self.model = OneRowModel(pipeline, version)
        self._task = TASKS[version.task]
        self._warm(pipeline)

    def predict(self, rows: Sequence[Mapping[str, Any]]) -> list[Answer]:
        """An answer a row.

        Raises:
            BadRows: rows that cannot be predicted; nothing is predicted then.
        """
        errors: list[FieldError] = []
        made: list[dict[str, Any]] = []
        for number, values in enumerate(rows):
            try:
                made.append(self.rows.row(values, number))
            except BadRows as bad:
                errors += bad.errors
        if errors:
            raise BadRows(errors)
        return [self._answer(self.model.predict(row)) for row in made]

    def _answer(self, values: Floats) -> Answer:
        version = self.version
        table = self._task.table(values, version.classes, version.threshold)
        columns = {name: float(column[0]) for name, column in table.items() if name != PREDICTION}
        # A single number is the prediction itself; of several columns the ledger's entry says which.
        kept = values if values.ndim == 1 else self._task.ledger(values, version.classes, version.threshold)[PREDICTION]
        decision = table[PREDICTION][0]
        return Answer(float(kept[0]), decision if isinstance(decision, str) else float(decision), columns)

    def _warm(self, pipeline: Pipeline) -> None:
        """Predict a typical row in both ways, which have to be equal to the bit."""
        import pandas as pd

        rows = pipeline.named_steps["rows"]
        row: dict[str, Any] = dict.fromkeys([*rows.inputs, *rows.kinds_])
        exposure = getattr(pipeline, "exposure", None)
        if exposure:
            row[exposure] = 1.0
        for name, levels in rows.levels_.items():
            row[name] = levels[0] if levels else None
        frame = pd.concat([column_of(name, value) for name, value in row.items()], axis=1)
        batch = training.predict(pipeline, self.version.task, frame, len(self.version.classes))
        if not np.array_equal(self.model.predict(row), batch, equal_nan=True):
            raise RegistryError(
                f"{self.version.model} version {self.version.version}: a row alone is predicted otherwise than by "
                "batch; it does not serve. Please report this"
            )
