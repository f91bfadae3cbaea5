"""What may go: by age, by size, and never what is protected or needed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from evergreen.retention import Item, removable

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def item(name: str, days: float, size: int = 10, needs: tuple[str, ...] = ()) -> Item:
    return Item("run", name, size, NOW - timedelta(days=days), needs=needs)


ITEMS = [
    item("new", 2),
    item("old", 100),
    item("older", 200),
    item("today", 0.5, size=100),
    item("champion", 300, needs=("its run",)),
    item("its run", 300),
    item("kept model", 150, needs=("kept run",)),
    item("kept run", 160),
]
CASES = {
    "by age, the oldest first": (ITEMS, {"champion"}, 90, None, ["older", "kept run", "kept model", "old"]),
    "nothing is old enough": (ITEMS, {"champion"}, 365, None, []),
    "what a protected item needs stays": (ITEMS, {"champion", "kept model"}, 90, None, ["older", "old"]),
    "without protection a champion would go": (ITEMS[4:6], set(), 90, None, ["champion", "its run"]),
    "younger ones go too where space runs short": (
        ITEMS, {"champion"}, 365, 140, ["older", "kept run", "kept model"],
    ),
    "today's stay even where space runs short": (
        ITEMS, {"champion"}, 365, 0, ["older", "kept run", "kept model", "old", "new"],
    ),
    "no days to keep still spares today's": (
        ITEMS, {"champion"}, 0, None, ["older", "kept run", "kept model", "old", "new"],
    ),
    "what an item that stays needs stays with it": (
        [item("model", 10, needs=("run",)), item("run", 100)], set(), 90, None, [],
    ),
    "space suffices": (ITEMS, {"champion"}, 365, 10_000, []),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_goes(case: str) -> None:
    items, protected, keep_days, max_bytes, expected = CASES[case]
    gone = removable(items, protected, NOW, timedelta(days=keep_days), max_bytes)
    assert [one.name for one in gone] == expected
