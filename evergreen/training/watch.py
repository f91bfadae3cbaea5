"""The time that a fit has, and the value that it has to beat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


class OutOfTime(Exception):
    """A candidate was not finished when the budget ran out; it is dropped, never kept half done."""


@dataclass(frozen=True)
class Watch:
    """The clock that a fit looks at, and the value of the primary metric that it has to beat.

    With ``keep`` boosting that runs out of time is kept as far as it came, since there is nothing else. ``way`` is how
    far boosting has to go as a rule, in rounds of a learning rate of 1; 0 where that is not known.
    """

    clock: Callable[[], float] = lambda: 0.0
    deadline: float = float("inf")
    keep: bool = False
    to_beat: float | None = None
    way: float = 0.0

    @property
    def late(self) -> bool:
        """Whether the deadline has passed."""
        return self.clock() > self.deadline

    def check(self) -> None:
        """Give up where the deadline has passed and nothing unfinished is kept.

        Raises:
            OutOfTime: it has.
        """
        if self.late and not self.keep:
            raise OutOfTime

    def check_room(self, seconds: float) -> None:
        """Give up where so many seconds are more than is left.

        Raises:
            OutOfTime: they are.
        """
        if not self.keep and self.clock() + seconds > self.deadline:
            raise OutOfTime
