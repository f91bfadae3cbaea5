"""Losses of probabilities."""

from __future__ import annotations

from typing import Literal

import numpy as np

from evergreen.arrays import Floats
from evergreen.metrics.metric import Watched
from evergreen.metrics.sums import Mean


class _OfProbabilities(Mean):
    tasks = ("binary", "multiclass")
    needs: Literal["probabilities"] = "probabilities"
    estimated_from: Literal["chances"] = "chances"


class LogLoss(_OfProbabilities):
    """Minus the logarithm of the probability of the class that occurred."""

    name, watched = "log_loss", Watched("binary_logloss", "log_loss")

    def loss(self, target: Floats, prediction: Floats) -> Floats:
        """The loss of each row; probabilities of 0 count as the least step above it."""
        tiny = np.finfo(np.float64).eps
        if prediction.ndim == 2:
            truth = np.take_along_axis(prediction, target.astype(np.intp)[:, None], axis=1)[:, 0]
            truth = truth / prediction.sum(axis=1)
        else:
            truth = np.where(target == 1, prediction, 1 - prediction)
        loss: Floats = -np.log(np.clip(truth, tiny, 1))
        return loss

    def from_chances(self, chances: Floats, prediction: Floats) -> float:
        """The expected loss."""
        shares = np.column_stack([1 - prediction, prediction]) if prediction.ndim == 1 else prediction
        shares = np.clip(shares / shares.sum(axis=1, keepdims=True), np.finfo(np.float64).eps, 1)
        return float(-(chances * np.log(shares)).sum(axis=1).mean())


class Brier(_OfProbabilities):
    """The squared distance of probabilities to what occurred."""

    name = "brier"

    def loss(self, target: Floats, prediction: Floats) -> Floats:
        """Of two classes the square of one distance, of several the sum of k."""
        if prediction.ndim == 2:
            truth = np.eye(prediction.shape[1])[target.astype(np.intp)]
            return np.asarray(((prediction - truth) ** 2).sum(axis=1))
        return (prediction - target) ** 2

    def from_chances(self, chances: Floats, prediction: Floats) -> float:
        """The expected loss."""
        if prediction.ndim == 1:
            return float((chances[:, 1] * (1 - prediction) ** 2 + chances[:, 0] * prediction**2).mean())
        squares = (prediction**2).sum(axis=1, keepdims=True)
        return float((chances + squares * chances - 2 * chances * prediction).sum(axis=1).mean())
