"""What no estimator sees and every prediction needs: exposures that it is in proportion to, moves of quantiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from evergreen.arrays import Floats
from evergreen.errors import DataError
from evergreen.training.families.calibration import calibrated
from evergreen.training.families.prediction import in_halves

#: The codes of two classes.
PAIR = (0, 1)


class Adjusted(Pipeline):  # type: ignore[misc]
    """A Pipeline of steps ``rows`` and ``model`` whose predictions are adjusted: a row's bits hang on no other row.

    Args:
        steps: As in a Pipeline.
        exposure: The column that predictions are in proportion to.
        shifts: One a quantile, added to it.
        calibration: How probabilities are bent.
        transform_input: As in a Pipeline.
        memory: As in a Pipeline.
        verbose: As in a Pipeline.
    """

    def __init__(
        self, steps: Any, *, exposure: str | None = None, shifts: Sequence[float] = (),
        calibration: Sequence[float] = (), transform_input: Any = None, memory: Any = None, verbose: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(steps, transform_input=transform_input, memory=memory, verbose=verbose)
        self.exposure = exposure
        self.shifts = shifts
        self.calibration = calibration

    def predict_proba(self, X: pd.DataFrame) -> Floats:
        """Calibrated probabilities of ``classes_``: (n, k)."""
        model = self.named_steps["model"]
        found = in_halves(model, model.predict_proba, self.named_steps["rows"].transform(X))
        if found.shape[1] > len(PAIR):
            return calibrated(found, self.calibration)
        second = calibrated(found[:, 1], self.calibration)
        return np.column_stack([1 - second, second])

    def predict(self, X: pd.DataFrame) -> Floats:
        """Adjusted predictions: (n,), or (n, k) for k quantiles; of classes the likeliest."""
        model = self.named_steps["model"]
        if hasattr(model, "classes_"):
            return np.asarray(model.classes_[self.predict_proba(X).argmax(axis=1)])
        return adjusted(self, in_halves(model, model.predict, self.named_steps["rows"].transform(X)), X)


def pipeline_of(
    rows: Any, model: Any, exposure: str | None = None, shifts: Sequence[float] = (), calibration: Sequence[float] = ()
) -> Pipeline:
    """A Pipeline of the steps ``rows`` and ``model``."""
    steps = [("rows", rows), ("model", model)]
    return Adjusted(steps, exposure=exposure, shifts=list(shifts), calibration=list(calibration))


def adjusted(pipeline: Pipeline, values: Floats, frame: pd.DataFrame) -> Floats:
    """Predictions of the step ``model``, in proportion to each row's exposure, or moved.

    Args:
        pipeline: The fitted Pipeline.
        values: (n,) or (n, k).
        frame: (n, any columns): the rows.

    Raises:
        DataError: the exposure of a row is missing, or not above 0.
    """
    if getattr(pipeline, "exposure", None):
        return values * exposures(frame, pipeline.exposure)
    if len(getattr(pipeline, "calibration", ())):
        return calibrated(values, pipeline.calibration)
    if len(getattr(pipeline, "shifts", ())):
        return np.sort(values + np.asarray(pipeline.shifts), axis=1)
    return values


def exposures(frame: pd.DataFrame, column: str) -> Floats:
    """The exposure of each row: float64 of shape (n,), above 0.

    Raises:
        DataError: the column is not there, or a value is missing or not above 0.
    """
    if column not in frame:
        raise DataError(f"training.exposure: {column}: the rows have no such column")
    values = pd.to_numeric(frame[column], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    wrong = ~(np.isfinite(values) & (values > 0))
    if wrong.any():
        raise DataError(
            f"training.exposure: {column}: {int(wrong.sum()):,} rows hold no number above 0 (first: "
            f"{frame[column][wrong].iloc[0]}); correct them, or let a quarantine rule put such rows aside"
        )
    return values
