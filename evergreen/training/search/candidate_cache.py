"""What an interrupted search remembers of its candidates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from evergreen.training.families.recipe import Recipe
from evergreen.training.fit import Finished


class CandidateCache(Protocol):
    """Keeps finished candidates, so that an interrupted search goes on from them."""

    def recall(self, recipe: Recipe, to_beat: float | None) -> Finished | None:
        """What the same candidate showed before, on the same rows, with the same value to beat."""

    def keep(self, recipe: Recipe, to_beat: float | None, finished: Finished) -> None:
        """Keep what a candidate showed."""


@dataclass(frozen=True)
class ScopedCandidateCache:
    """The part of a memory that belongs to other rows than those which it was made for."""

    memory: CandidateCache
    rows: str

    def recall(self, recipe: Recipe, to_beat: float | None) -> Finished | None:
        """What the same candidate showed before, on these rows."""
        return self.memory.recall(replace(recipe, name=f"{recipe.name} on {self.rows}"), to_beat)

    def keep(self, recipe: Recipe, to_beat: float | None, finished: Finished) -> None:
        """Keep what a candidate showed on these rows."""
        self.memory.keep(replace(recipe, name=f"{recipe.name} on {self.rows}"), to_beat, finished)
