"""Gaussian naive Bayes, on the scaled matrix, wild values bounded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evergreen.learning_tasks import TASKS
from evergreen.spec import Task
from evergreen.training.families.family import Entry, Family, Shape


class NaiveBayes(Family):
    """Classes by a normal distribution a column."""

    name = "naive_bayes"
    estimators = ("sklearn.naive_bayes.GaussianNB",)
    scaled = True
    clip = 6.0
    largest = (200_000, 20_000_000)

    def learns(self, task: Task, shape: Shape) -> bool:
        """Classes."""
        return TASKS[task].classes

    def recipes(self, task: Task, shape: Shape, seed: int) -> Sequence[Entry]:
        """With wide distributions."""
        return [Entry("naive-bayes", {"var_smoothing": 1e-3}, 200)]

    def make(self, params: dict[str, Any], task: Task, metric: str | None) -> Any:
        """By scikit-learn."""
        from sklearn.naive_bayes import GaussianNB

        return self.encoded(GaussianNB(**params), task)


FAMILY = NaiveBayes()
