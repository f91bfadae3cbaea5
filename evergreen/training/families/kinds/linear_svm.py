"""A linear support vector machine with calibrated probabilities, on the scaled matrix, wild values bounded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evergreen.learning_tasks import TASKS
from evergreen.spec import Task
from evergreen.training.families.family import Entry, Family, Shape


class LinearSVM(Family):
    """Classes by the widest margin."""

    name = "linear_svm"
    trusted = ("sklearn.calibration._CalibratedClassifier", "sklearn.calibration._SigmoidCalibration")
    estimators = ("sklearn.calibration.CalibratedClassifierCV",)
    scaled = True
    clip = 6.0
    largest = (10_000, 1_000_000)

    def learns(self, task: Task, shape: Shape) -> bool:
        """Classes."""
        return TASKS[task].classes

    def recipes(self, task: Task, shape: Shape, seed: int) -> Sequence[Entry]:
        """With a wide margin."""
        return [Entry("linear-svm", {"C": 0.05, "random_state": seed}, 190)]

    def make(self, params: dict[str, Any], task: Task, metric: str | None) -> Any:
        """By liblinear."""
        from sklearn.calibration import CalibratedClassifierCV
        from sklearn.svm import LinearSVC

        return self.encoded(CalibratedClassifierCV(LinearSVC(**params), cv=3, ensemble=False), task)


FAMILY = LinearSVM()
