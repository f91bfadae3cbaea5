"""The splits and leaves of boosted trees, as LightGBM's text tells of them, and which bits stand for which leaves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evergreen.arrays import Floats

Integers = NDArray[np.int64]
Words = NDArray[Any]

#: Trees whose text is asked for at a time.
_AT_ONCE = 200


@dataclass(frozen=True)
class Splits:
    """All splits of t trees, (s,) each; a tree's leaves, from left to right, fill a bit each of its w words.

    ``on_left`` and ``on_right`` (s, w) are the bits that are left of those who go there. ``every`` (t, w) are all bits
    of a tree's leaves, and ``values`` (t, w, bits) what these leaves say.
    """

    tree: Integers
    column: Integers
    threshold: Floats
    kind: Integers
    on_left: Words
    on_right: Words
    every: Words
    values: Floats
    sets: list[list[Integers]]


@dataclass(frozen=True)
class Trees:
    """LightGBM's trees, as its text says of them.

    ``leaves`` (t,) are counts. ``value`` are those of all leaves, one tree's after the other's; so are all splits,
    (s,): what is split where and how, and what lies under it, a leaf as its number's complement.
    """

    leaves: Integers
    column: Integers
    threshold: Floats
    kind: Integers
    left: Integers
    right: Integers
    value: Floats
    sets: list[list[Integers]]
    linear: bool


def trees_of(booster: Any, rounds: int) -> Trees:
    """The trees of a booster's first rounds, from LightGBM's text."""
    # What exceeds LightGBM's buffer of 1 MiB it writes twice.
    step = max(1, _AT_ONCE // booster.num_model_per_iteration())
    texts = [
        booster.model_to_string(start_iteration=first, num_iteration=min(step, rounds - first))
        for first in range(0, rounds, step)
    ]
    lines = [part.partition("\n\n")[0].splitlines()[1:] for text in texts for part in text.split("\nTree=")[1:]]
    trees = [dict(line.split("=", 1) for line in one) for one in lines]

    def numbers(name: str, dtype: Any = np.int64) -> NDArray[Any]:
        return np.array(" ".join(tree[name] for tree in trees).split(), dtype=dtype)

    return Trees(
        numbers("num_leaves"), numbers("split_feature"), numbers("threshold", float), numbers("decision_type"),
        numbers("left_child"), numbers("right_child"), numbers("leaf_value", float), [_sets(tree) for tree in trees],
        any(tree.get("is_linear", "0") != "0" for tree in trees),
    )  # fmt: skip


def splits_of(trees: Trees, bits: int, n_words: int) -> Splits:
    """The splits of trees, each of whose leaves is a bit in one of so many words."""
    leaves, most = trees.leaves, int(trees.leaves.max())
    real = np.arange(most - 1) < (leaves - 1)[:, None]
    left, right = np.zeros(real.shape, dtype=np.int64), np.zeros(real.shape, dtype=np.int64)
    left[real], right[real] = trees.left, trees.right
    order, *spans = _spans(left, right, real)
    start, middle, end = (span[real] for span in spans)
    # The lowest bit of several words stays free: of a word without a bit nothing must be said.
    free = int(n_words > 1)
    values = np.zeros((len(leaves), n_words, bits))
    tree, leaf = np.nonzero(np.arange(most) < leaves[:, None])
    word, bit = np.divmod(order[tree, leaf], bits - free)
    values[tree, word, bit + free] = trees.value
    spread = partial(_bits, bits=bits, n_words=n_words)
    return Splits(
        np.nonzero(real)[0], trees.column, trees.threshold, trees.kind, ~spread(middle, end), ~spread(start, middle),
        spread(np.zeros_like(leaves), leaves), values, trees.sets,
    )  # fmt: skip


def _bits(first: Integers, last: Integers, bits: int, n_words: int) -> Words:
    """Words (n, w) in which the bits of the leaves from the first up to the last are set."""
    free = int(n_words > 1)
    offset = np.arange(n_words) * (bits - free)
    low, high = (np.clip(at[:, None] - offset, 0, bits - free).astype(np.uint64) for at in (first, last))
    one = np.uint64(1)
    # In two shifts: one by all 64 bits is none.
    ones = [((one << (at >> one)) << (at - (at >> one))) - one for at in (low, high)]
    return np.asarray(((ones[1] ^ ones[0]) << np.uint64(free)).astype(f"u{bits // 8}"))


def _spans(left: Integers, right: Integers, real: NDArray[np.bool_]) -> tuple[Integers, Integers, Integers, Integers]:
    """Where leaves stand from left to right; a split's number is below those of the splits under it.

    Returns:
        Each leaf's place (t, k + 1); of each split (t, k) the first leaf under it, the first one on its right side, and
        the first one beyond.
    """
    trees = np.arange(len(left))
    width, below, start = np.ones_like(left), np.ones_like(left), np.zeros_like(left)
    for at in reversed(range(left.shape[1])):
        sides = [np.where(side[:, at] < 0, 1, below[trees, np.maximum(side[:, at], 0)]) for side in (left, right)]
        width[:, at], below[:, at] = sides[0], sides[0] + sides[1]
    order = np.zeros((len(left), left.shape[1] + 1), dtype=np.int64)
    for at in range(left.shape[1]):
        rows = np.flatnonzero(real[:, at])
        for side, first in ((left, start[rows, at]), (right, start[rows, at] + width[rows, at])):
            child = side[rows, at]
            inner = child >= 0
            start[rows[inner], child[inner]] = first[inner]
            order[rows[~inner], ~child[~inner]] = first[~inner]
    return order, start, start + width, start + below


def _sets(tree: dict[str, str]) -> list[Integers]:
    """The levels that each split by levels sends to the left, as bits of whole numbers."""
    if tree.get("num_cat", "0") == "0":
        return []
    bounds = np.array(tree["cat_boundaries"].split(), dtype=np.int64)
    return np.split(np.array(tree["cat_threshold"].split(), dtype=np.int64), bounds[1:-1])
