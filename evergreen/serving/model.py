"""A champion as a function of one row: matrix, estimator and what follows, each as batch prediction does it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from evergreen.arrays import Floats, Matrix
from evergreen.handoffs import ModelVersion
from evergreen.learning_tasks import TASKS
from evergreen.serving.boosters import BoosterRow
from evergreen.serving.casts import column_of
from evergreen.serving.rows import OneRow
from evergreen.training.families.adjusted import adjusted
from evergreen.training.families.boosting import LINKS
from evergreen.training.families.ensemble import Ensemble, weighted
from evergreen.training.families.prediction import in_halves, shaped
from evergreen.training.families.quantiles import Quantiles

Predict = Callable[[Matrix], Floats]


class OneRowModel:
    """What a version predicts for one row.

    Args:
        pipeline: The fitted Pipeline, as the registry loads it.
        version: Which version it is.

    Attributes:
        general: What is made in the general way, by a table of one row.
    """

    def __init__(self, pipeline: Pipeline, version: ModelVersion) -> None:
        self.version = version
        self._pipeline = pipeline
        self._rows = OneRow(pipeline.named_steps["rows"])
        self._model = pipeline.named_steps["model"]
        columns = len(pipeline.named_steps["rows"].columns_)
        self._predict = predictor(self._model, TASKS[version.task].classes, columns)
        self._exposure: str | None = getattr(pipeline, "exposure", None)

    @property
    def general(self) -> list[str]:
        """Columns that are made by a table of one row."""
        return self._rows.general

    def predict(self, row: Mapping[str, Any]) -> Floats:
        """What ``training.predict`` gives for a table of this row: (1,), or (1, k).

        Args:
            row: The columns of an assembled table that the model looks at.

        Raises:
            DataError: an input is missing or nested, or the exposure is not above 0.
        """
        matrix = self._rows.matrix(row)
        values = shaped(self._model, self.version.task, self._predict(matrix), len(self.version.classes))
        return adjusted(self._pipeline, values, self._exposed(row))

    def _exposed(self, row: Mapping[str, Any]) -> pd.DataFrame:
        """A table of the row's exposure; of nothing where predictions have none."""
        if self._exposure is None or self._exposure not in row:
            return _NOTHING
        return column_of(self._exposure, row[self._exposure])


_NOTHING = pd.DataFrame()


def predictor(model: Any, classes: bool, columns: int) -> Predict:
    """What a fitted estimator predicts for a matrix of one row; LightGBM's without arrays.

    Args:
        model: The estimator, or an ensemble or several quantiles of them.
        classes: Whether it gives probabilities.
        columns: Of the matrix.
    """
    if isinstance(model, Ensemble):
        members = [predictor(member, classes, columns) for member in model.members]
        return lambda matrix: weighted([member(matrix) for member in members], model.weights)
    if isinstance(model, Quantiles):
        members = [predictor(member, False, columns) for member in model.members]
        return lambda matrix: np.sort(np.column_stack([member(matrix) for member in members]), axis=1)
    if getattr(model, "booster_", None) is not None and model.objective_ in LINKS:
        return BoosterRow(model, columns)
    method = model.predict_proba if classes else model.predict
    return lambda matrix: in_halves(model, method, matrix)
