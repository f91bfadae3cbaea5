"""The last of a kind that was read, kept while nothing else of its kind is read: the tasks of a flow share it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """Room for one value; its key must say all that it was made from."""

    def __init__(self) -> None:
        self._kept: tuple[str, T] | None = None

    def get(self, key: str, make: Callable[[], T]) -> T:
        """The value of this key: the one that is kept, else a new one in its place."""
        kept = self._kept
        if kept is None or kept[0] != key:
            self._kept = None  # what was kept makes room before the next is made
            kept = (key, make())
            self._kept = kept
        return kept[1]
