"""Metrics of decided classes: functions of the confusion matrix."""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from evergreen.arrays import Floats
from evergreen.metrics.metric import Codes, Metric, ratio
from evergreen.metrics.sums import Mean, OfSums


def decide_class(prediction: ArrayLike) -> Codes:
    """The class a prediction stands for: P(class 1) of at least 0.5, or the most probable of (n, k)."""
    scores = np.asarray(prediction, dtype=np.float64)
    return scores.argmax(axis=1) if scores.ndim == 2 else (scores >= 0.5).astype(np.intp)


def _confusion(chances: Floats, scores: Floats) -> Floats:
    """Expected rows of actual class (down) by decided class (across)."""
    decided = decide_class(scores)
    return np.stack([np.bincount(decided, column, minlength=chances.shape[1]) for column in chances.T])


class _Decided(Metric):
    tasks = ("binary", "multiclass")
    greater_is_better = True
    most = 1.0
    needs: Literal["decisions"] = "decisions"
    estimated_from: Literal["chances"] = "chances"


class _OfConfusion(_Decided, OfSums):
    def rows(self, target: Floats, prediction: Floats) -> Floats:
        """Per class: hits, predicted, actual: (n, 3k); all that the metrics of a confusion matrix need."""
        classes = prediction.shape[1] if prediction.ndim == 2 else 2
        eye = np.eye(classes)
        predicted, actual = eye[decide_class(prediction)], eye[target.astype(np.intp)]
        return np.hstack([predicted * actual, predicted, actual])


class _OfEachClass(_OfConfusion):
    """A figure of each class: of two classes the second's, of several the mean over those that occur."""

    each_class = True
    #: The mean over the classes is taken of two, too.
    macro = False

    @abstractmethod
    def per_class(self, hits: Floats, predicted: Floats, actual: Floats) -> Floats:
        """The figure of each class, (..., k), from its rows that are hit, predicted and actual."""

    def of_sums(self, sums: Floats) -> Floats:
        """The mean of the classes that occur, or the second's."""
        hits, predicted, actual = np.split(sums, 3, axis=-1)
        values = self.per_class(hits, predicted, actual)
        if values.shape[-1] == 2 and not self.macro:
            return values[..., 1]
        if self.macro:  # balanced accuracy of a single class says nothing
            values = np.where((actual > 0).sum(axis=-1, keepdims=True) > 1, values, np.nan)
        known = ~np.isnan(values)
        return ratio(np.where(known, values, 0).sum(axis=-1), known.sum(axis=-1))

    def from_chances(self, chances: Floats, prediction: Floats) -> float:
        """As ``of_sums``, of the expected confusion matrix."""
        table = _confusion(chances, prediction)
        values = self.per_class(np.diag(table), table.sum(axis=0), table.sum(axis=1))
        if len(values) == 2 and not self.macro:
            return float(values[1])
        return float(np.nanmean(values)) if not np.isnan(values).all() else np.nan


class Accuracy(_Decided, Mean):
    """The share of rows whose class is decided rightly."""

    name = "accuracy"

    def loss(self, target: Floats, prediction: Floats) -> Floats:
        """1 where the decision is right."""
        return np.asarray(decide_class(prediction) == target, dtype=np.float64)

    def from_chances(self, chances: Floats, prediction: Floats) -> float:
        """The expected share."""
        return float(np.trace(_confusion(chances, prediction)) / len(chances))


class BalancedAccuracy(_OfEachClass):
    """The mean recall of the classes."""

    name, macro, each_class = "balanced_accuracy", True, False

    def per_class(self, hits: Floats, predicted: Floats, actual: Floats) -> Floats:
        """The recall."""
        return ratio(hits, actual)


class Precision(_OfEachClass):
    """The share of the rows of a decided class that are of it."""

    name = "precision"

    def per_class(self, hits: Floats, predicted: Floats, actual: Floats) -> Floats:
        """Of several classes one that is never predicted is never right."""
        values = ratio(hits, predicted)
        return values if hits.shape[-1] == 2 else np.where((predicted == 0) & (actual > 0), 0.0, values)

    def _why_undefined(self, target: Floats, prediction: Floats) -> str:
        return "no row is predicted as class 1"


class Recall(_OfEachClass):
    """The share of the rows of a class that are decided to be of it."""

    name = "recall"

    def per_class(self, hits: Floats, predicted: Floats, actual: Floats) -> Floats:
        """Hits by actual rows."""
        return ratio(hits, actual)


class F1(_OfEachClass):
    """The harmonic mean of precision and recall."""

    name = "f1"

    def per_class(self, hits: Floats, predicted: Floats, actual: Floats) -> Floats:
        """Twice the hits by the rows that are predicted or actual."""
        return ratio(2 * hits, predicted + actual)


class Mcc(_OfConfusion):
    """Gorodkin's (2004) correlation of k classes, which is Matthews's for two."""

    name, least = "mcc", -1.0

    def of_sums(self, sums: Floats) -> Floats:
        """The correlation of decided and actual classes."""
        hits, predicted, actual = np.split(sums, 3, axis=-1)
        rows = actual.sum(axis=-1)
        top = hits.sum(axis=-1) * rows - (predicted * actual).sum(axis=-1)
        return ratio(
            top, np.sqrt((rows**2 - (predicted**2).sum(axis=-1)) * np.maximum(rows**2 - (actual**2).sum(axis=-1), 0))
        )

    def from_chances(self, chances: Floats, prediction: Floats) -> float:
        """The correlation in the expected confusion matrix."""
        table = _confusion(chances, prediction)
        rows, predicted, actual = table.sum(), table.sum(axis=0), table.sum(axis=1)
        top = np.trace(table) * rows - predicted @ actual
        return float(ratio(top, np.sqrt((rows**2 - predicted @ predicted) * max(rows**2 - actual @ actual, 0))))

    def _why_undefined(self, target: Floats, prediction: Floats) -> str:
        if len(np.unique(target)) > 1:
            return "every row is predicted as the same class"
        return super()._why_undefined(target, prediction)
