"""What a backtest took beside what it could not have done without."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """Seconds of a backtest, with what an earlier one had finished, and those of its distinct parts and comparisons."""

    seconds: float
    distinct: float

    def __str__(self) -> str:
        return (
            f"cost {self.seconds:.0f} s, {self.seconds / self.distinct:.2f} times the distinct fits, scorings and "
            f"comparisons ({self.distinct:.0f} s)"
        )
