"""Kinds of tasks: one object each, in one table; every stage asks the object, none compares a name."""

from __future__ import annotations

from evergreen.learning_tasks.amount import Amount
from evergreen.learning_tasks.binary import Binary
from evergreen.learning_tasks.count import LEAST, Count
from evergreen.learning_tasks.learning_task import DECISION, EVEN, PREDICTION, LearningTask
from evergreen.learning_tasks.multiclass import Multiclass
from evergreen.learning_tasks.quantile import Quantile
from evergreen.learning_tasks.regression import Regression
from evergreen.learning_tasks.values import Values

__all__ = ["DECISION", "EVEN", "LEAST", "PREDICTION", "TASKS", "LearningTask", "Values"]

#: Every task by name; of those that suit a target the first is taken where a spec names none.
TASKS: dict[str, LearningTask] = {
    task.name: task for task in (Binary(), Multiclass(), Regression(), Quantile(), Count(), Amount())
}
