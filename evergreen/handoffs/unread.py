"""Values of rows that a model cannot read, or does not know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from evergreen.errors import DataError


@dataclass(frozen=True)
class Lost:
    """What one column lost.

    Attributes:
        kind: What its values should have been: ``number``, ``time``, or a ``level`` that the model knows.
        present: How many values are there.
        lost: How many of them are none of that kind.
        example: One of these.
    """

    kind: str
    present: int
    lost: int = 0
    example: str = ""

    def __add__(self, other: Lost) -> Lost:
        """The same column of more rows."""
        return Lost(self.kind, self.present + other.present, self.lost + other.lost, self.example or other.example)

    @property
    def is_whole(self) -> bool:
        """Whether not one value could be read."""
        return self.kind != "level" and 0 < self.present == self.lost


@dataclass(frozen=True)
class Unread:
    """What some rows lost, by column; columns of numbers and times stand here also where they lost nothing."""

    columns: Mapping[str, Lost] = field(default_factory=dict)

    def __add__(self, other: Unread) -> Unread:
        """Both, of different rows."""
        both = self.columns.keys() & other.columns.keys()
        summed = {name: self.columns[name] + other.columns[name] for name in both}
        return Unread({**self.columns, **other.columns, **summed})

    def __bool__(self) -> bool:
        """Whether anything was lost."""
        return any(column.lost for column in self.columns.values())

    def __str__(self) -> str:
        return "; ".join(self._sentences()) or "every value was read"

    def _sentences(self) -> list[str]:
        return [
            f"{lost.lost:,} of {lost.present:,} values of {name} are "
            + ("unknown to the model" if lost.kind == "level" else f"no {lost.kind} and count as missing")
            + f" (e.g. {lost.example!r})"
            for name, lost in self.columns.items()
            if lost.lost
        ]

    def counts(self) -> dict[str, dict[str, int]]:
        """How many values of each column were not read, and of how many the level is unknown."""
        return {
            "unread": {name: one.lost for name, one in self.columns.items() if one.lost and one.kind != "level"},
            "unknown": {name: one.lost for name, one in self.columns.items() if one.lost and one.kind == "level"},
        }

    def refuse(self, source: str, *, strict: bool = False) -> None:
        """Refuse rows of which a column holds not one value that can be read; with ``strict``, any that was lost.

        Raises:
            DataError: the message names each such column with an example.
        """
        whole = Unread({name: one for name, one in self.columns.items() if one.is_whole})
        if whole:
            raise DataError(f"{source}: {whole}; write them as in training, or say in data.read how they are written")
        if strict and self:
            raise DataError(f"{source}: {self}; correct them, or leave --strict out")
