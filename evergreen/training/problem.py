"""What is learned, and how rows become a matrix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from evergreen.spec import PRIMARY, Task, Training

#: A fresh, unfitted transformer for ``codes`` or ``onehot``.
TransformerFor = Callable[[str], Any]


@dataclass(frozen=True)
class Problem:
    """What is learned: the spec's training part, the task with its classes, and how rows become a matrix.

    ``classes`` stand in the order of their codes; empty for a quantity. ``transformer_for`` gives a fresh, unfitted
    transformer for ``codes`` or ``onehot``.
    """

    settings: Training
    task: Task
    classes: tuple[str, ...]
    transformer_for: TransformerFor

    @property
    def metric(self) -> str:
        """The primary metric."""
        return self.settings.metric or PRIMARY[self.task]
