"""What is learned, and how rows become a matrix."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from evergreen.spec import Task, Training

#: A fresh, unfitted transformer for a recipe's view of the inputs; empty for all of them.
TransformerFor = Callable[[str], Any]


@dataclass(frozen=True)
class Problem:
    """What is learned: the spec's training part, the task with its classes, and how rows become a matrix.

    ``classes`` name the columns of a prediction: the classes in the order of their codes, or the quantiles; empty for a
    quantity. ``transformer_for`` gives a fresh, unfitted transformer for a recipe's view of the inputs; empty for all.
    ``threads`` is how many a fit may use: what is found, and every bit of it, is the same with any number.
    """

    settings: Training
    task: Task
    classes: tuple[str, ...]
    transformer_for: TransformerFor
    threads: int = 1

    @property
    def class_weight(self) -> str:
        """How classes are weighed, as a recipe carries it: ``none``, ``balanced``, or JSON of weights by class."""
        given = self.settings.class_weight
        return given if isinstance(given, str) else json.dumps(given, sort_keys=True)

    @property
    def metric(self) -> str:
        """The primary metric."""
        return self.settings.metric_of(self.task)


def with_budget(problem: Problem, budget: timedelta) -> Problem:
    """The same problem with another budget."""
    return replace(problem, settings=problem.settings.model_copy(update={"budget": budget}))
