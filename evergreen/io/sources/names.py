"""Columns of one name in a file, told apart."""

from __future__ import annotations

from collections.abc import Sequence


def told_apart(names: Sequence[str]) -> list[str]:
    """The names, of which the second ``a`` is called ``a_2``, or by the next number that is free."""
    taken, apart, first = set(names), list[str](), set[str]()
    for name in names:
        new, number = name, 2
        if name in first:
            while (new := f"{name}_{number}") in taken:
                number += 1
        first.add(name)
        taken.add(new)
        apart.append(new)
    return apart


def renamed(names: Sequence[str]) -> list[str]:
    """Of each column that was renamed: what it was called, and what it is called now."""
    pairs = zip(names, told_apart(names), strict=True)
    return [f"column {old} stands more than once; this one is called {new}" for old, new in pairs if old != new]
