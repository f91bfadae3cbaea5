"""What may be removed: by age and size, and never what a record, a champion or its evidence rests on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

#: Nothing younger is ever removed: a flow that runs now may be about to name it in a record.
YOUNGEST = timedelta(days=1)


@dataclass(frozen=True)
class Item:
    """Something that takes space: a table, an MLflow run with its files, a version with its model, a backtest, a log.

    ``name`` is unique among all items. ``needs`` names the items that it cannot be without, e.g. a version's run.
    """

    kind: Literal["table", "run", "version", "backtest", "log"]
    name: str
    size: int
    touched: datetime
    model: str = ""
    needs: tuple[str, ...] = ()


def removable(
    items: Sequence[Item], protected: Collection[str], now: datetime, keep: timedelta, max_bytes: int | None = None
) -> tuple[Item, ...]:
    """The items that may go, the oldest first.

    Args:
        items: All that takes space.
        protected: Names of items that records refer to; what these need is protected with them.
        now: The time from which ages count.
        keep: What is younger stays, unless space runs short; at least ``YOUNGEST``.
        max_bytes: What all items may take together; where they take more, younger ones go too, the oldest first.

    Returns:
        What is older than ``keep`` and what must go for the space, but nothing that an item which stays needs.
    """
    held = _with_needs(protected, items)
    free = sorted(
        (item for item in items if item.name not in held and now - item.touched > YOUNGEST),
        key=lambda item: (item.touched, not item.needs, item.name),  # a version before its run
    )
    rest = sum(item.size for item in items)
    gone = []
    for item in free:
        if now - item.touched > keep or (max_bytes is not None and rest > max_bytes):
            gone.append(item)
            rest -= item.size
    leaving = {item.name for item in gone}
    needed = _with_needs([item.name for item in items if item.name not in leaving], items)
    return tuple(item for item in gone if item.name not in needed)


def _with_needs(names: Collection[str], items: Sequence[Item]) -> set[str]:
    needs = {item.name: item.needs for item in items}
    held: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in held:
            held.add(name)
            waiting += needs.get(name, ())
    return held
