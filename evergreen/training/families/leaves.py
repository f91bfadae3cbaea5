"""Many rows through boosted trees at once: every split of a column is looked up together, in words of one bit a leaf.

LightGBM leads each row down each tree by jumps that no processor foresees. Here a column's value, as its place among
all thresholds of that column, picks for every tree the leaves that are still possible; what is left after all columns
is the leaf (after Lucchese et al. 2015, QuickScorer: a fast algorithm to rank documents with additive ensembles of
regression trees). Sums are added in LightGBM's order, so that bits are the same either way.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from math import log2
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from evergreen.arrays import Floats
from evergreen.training.families.trees import Splits, Trees, splits_of, trees_of

Integers = NDArray[np.int64]
Words = NDArray[Any]

#: Numbers whose windows of 3, 4, 5 or 6 bits are all different, by the width of a word: they tell which bit is alone.
_WINDOWS = {8: (0x17, 5), 16: (0x09AF, 12), 32: (0x077CB531, 27), 64: (0x03F79D71B4CB0A89, 58)}
#: What all words of a model may take up; rows at a time, and those of two threads whose places are found at a time.
_MOST_BYTES, _ROWS, _PART = 32_000_000, 1024, 16_384
#: Nanoseconds, measured on one core: a level of a tree by jumps; a value's place, a byte of a word and column, and the
#: rest of a word.
_JUMP, _PLACE, _BYTE, _WORD = 6.5, 25.0, 0.06, 4.0
#: Rows after which making trees ready, 0.1 to 0.2 ms each, has paid.
_REPAID = 10_000
#: What LightGBM takes for 0.
_ZERO = float(np.float32(1e-35))
#: LightGBM's bits of a split's kind: it splits levels; what is missing goes left; what counts as missing (0, NaN).
_LEVELS, _LEFT, _MISSING, _ZEROS, _NAN = 1, 2, 2, 1, 2


class Lookup:
    """One column: what its values are told apart by, and which leaves each of them leaves possible, tree by tree.

    Args:
        column: Its position in the matrix.
        splits: All splits of the trees.
        width: Trees that are looked up at a time.
    """

    def __init__(self, column: int, splits: Splits, width: int) -> None:
        own = np.flatnonzero(splits.column == column)
        self.column, self.by_level = column, bool(splits.kind[own[0]] & _LEVELS)
        words = self._of_levels(splits, own) if self.by_level else self._of_numbers(splits, own)
        parts = [words[:, at : at + width] for at in range(0, words.shape[1], width)]
        self.words = [np.ascontiguousarray(part).reshape(len(part), -1) for part in parts]

    def _of_numbers(self, splits: Splits, own: Integers) -> Words:
        threshold, kind, tree = splits.threshold[own], splits.kind[own], splits.tree[own]
        self.edges = np.unique(threshold)
        last, place = len(self.edges) + 1, np.searchsorted(self.edges, threshold)
        above, below = (np.repeat(splits.every[None], last + 1, axis=0) for _ in range(2))
        np.bitwise_and.at(above, (place + 1, tree), splits.on_right[own])
        np.bitwise_and.at(below, (place, tree), splits.on_left[own])
        np.bitwise_and.accumulate(above[:last], axis=0, out=above[:last])
        below[:last] = np.bitwise_and.accumulate(below[:last][::-1], axis=0)[::-1]
        right = np.where(kind >> _MISSING == _NAN, kind & _LEFT == 0, threshold < 0)
        kept = np.where(right[:, None], splits.on_right[own], splits.on_left[own])
        np.bitwise_and.at(above, (np.full(len(own), last), tree), kept)
        return np.asarray(above & below)

    def _of_levels(self, splits: Splits, own: Integers) -> Words:
        sets = [splits.sets[splits.tree[at]][int(splits.threshold[at])] for at in own]
        self.levels = max(len(one) for one in sets) * 32
        words = np.repeat(splits.every[None], self.levels + 1, axis=0)
        for at, bits in zip(own, sets, strict=True):
            inside = np.zeros(self.levels + 1, dtype=bool)
            inside[: 32 * len(bits)] = (bits[:, None] >> np.arange(32) & 1).ravel()
            words[:, splits.tree[at]] &= np.where(inside[:, None], splits.on_left[at], splits.on_right[at])
        return words

    def places(self, values: Floats) -> Integers:
        """Which row of ``words`` each value (n,) stands for."""
        missing = np.isnan(values)
        if self.by_level:
            level = np.where(missing, -1, values).astype(np.int64)
            # LightGBM cuts what lies between 0 and -1 to 0.
            return np.where((level < 0) | (level >= self.levels) | missing, self.levels, level)
        found = np.searchsorted(self.edges, np.where(np.abs(values) <= _ZERO, 0.0, values))
        return np.where(missing, len(self.edges) + 1, found)


class Leaves:
    """The leaves that rows reach in the trees of a booster, and the sums of their values.

    Args:
        splits: All splits of the trees.
        outputs: Trees a round.
        step: Rounds that are added up before their sum is added to that of those before.
    """

    def __init__(self, splits: Splits, outputs: int, step: int) -> None:
        bits = splits.values.shape[2]
        word = splits.every.dtype.type
        self.outputs, self.n_words = outputs, splits.every.shape[1]
        self.window, self.shift = word(_WINDOWS[bits][0]), word(_WINDOWS[bits][1])
        width = step * outputs
        self.lookups = [Lookup(int(column), splits, width) for column in np.unique(splits.column)]
        alone = [(_WINDOWS[bits][0] << leaf) % 2**bits >> _WINDOWS[bits][1] for leaf in range(bits)]
        values = np.empty_like(splits.values)
        values[:, :, alone] = splits.values
        self.values = [values[at : at + width].reshape(-1, bits) for at in range(0, len(values), width)]

    def sums(self, matrix: Any) -> Floats:
        """Sums over all rounds, on two threads: (n, outputs) for n of at least 4 rows."""
        parts = np.array_split(matrix, 2 * -(-len(matrix) // _PART))
        with ThreadPoolExecutor(2) as pool:
            sums = np.concatenate(list(pool.map(self._of_part, parts)))
        # Row by row in memory, as from LightGBM: so what is added up over a row's classes has the same bits too.
        return np.ascontiguousarray(sums)

    def _of_part(self, matrix: Any) -> Floats:
        places = [one.places(matrix[:, one.column].astype(float)) for one in self.lookups]
        blocks = [np.array_split(one, max(1, len(matrix) // _ROWS)) for one in places]
        return np.concatenate([self._of_rows(block) for block in zip(*blocks, strict=True)], axis=1).T

    def _of_rows(self, places: Sequence[Integers]) -> Floats:
        rows = len(places[0])
        total = np.zeros((self.outputs, rows))
        for part, values in enumerate(self.values):
            left = np.take(self.lookups[0].words[part], places[0], axis=0, mode="clip")
            taken = np.empty_like(left)
            for one, at in zip(self.lookups[1:], places[1:], strict=True):
                np.take(one.words[part], at, axis=0, out=taken, mode="clip")
                left &= taken
            left *= self.window
            left >>= self.shift
            leaf = left.T.astype(np.intp, order="C")
            leaf += np.arange(0, values.size, values.shape[1])[:, None]
            found = np.take(values, leaf, mode="clip").reshape(-1, self.outputs, self.n_words, rows)
            # A row's other words say 0, and along the first axis numbers are added one after the other.
            total += np.add.reduce(np.add.reduce(found, axis=2) if self.n_words > 1 else found[:, :, 0], axis=0)
        return total


#: By booster: rounds, and the rows that it was asked for before it is made ready, or what it then became.
_KNOWN: WeakKeyDictionary[Any, tuple[int, int | Leaves | None]] = WeakKeyDictionary()


def leaves_of(booster: Any, rounds: int, step: int, rows: int) -> Leaves | None:
    """The first rounds of a booster, made ready once; None where LightGBM's own way is as quick, or still is.

    Args:
        booster: LightGBM's, which is not fitted any further.
        rounds: How many of its rounds predict.
        step: Rounds that are added up before their sum is added to that of those before.
        rows: To predict now: making trees ready begins once so many were predicted that it would have paid.
    """
    known = _KNOWN.get(booster)
    found: int | Leaves | None = known[1] if known and known[0] == rounds else 0
    if isinstance(found, int):
        found = found + rows if found + rows < _REPAID else _made(booster, rounds, step)
        _KNOWN[booster] = rounds, found
    return None if isinstance(found, int) else found


def _made(booster: Any, rounds: int, step: int) -> Leaves | None:
    trees = trees_of(booster, rounds)
    count, most, columns = len(trees.leaves), int(trees.leaves.max()), len(np.unique(trees.column))
    bits = next((bits for bits in _WINDOWS if bits >= most), 64)
    n_words = 1 if most <= bits else -(-most // (bits - 1))
    size = n_words * bits // 8
    own = size * columns * _BYTE + n_words * _WORD + columns * _PLACE / count
    dear = own > _JUMP * (1 + log2(trees.leaves.mean()))
    zeros = (trees.kind >> _MISSING == _ZEROS) & (trees.kind & _LEVELS == 0)
    if dear or not columns or trees.linear or zeros.any() or _rows_of_words(trees) * count * size > _MOST_BYTES:
        return None
    return Leaves(splits_of(trees, bits, n_words), booster.num_model_per_iteration(), step)


def _rows_of_words(trees: Trees) -> int:
    """How many rows the words of all columns have: one a threshold and two more, or one a level that may occur."""
    by_level = trees.kind & _LEVELS > 0
    numbers = np.unique(np.column_stack([trees.column, trees.threshold])[~by_level], axis=0)
    tree = np.repeat(np.arange(len(trees.leaves)), trees.leaves - 1)
    longest: dict[int, int] = {}
    for at in np.flatnonzero(by_level):
        size, column = len(trees.sets[tree[at]][int(trees.threshold[at])]), int(trees.column[at])
        longest[column] = max(longest.get(column, 0), size)
    return len(numbers) + 2 * len(np.unique(numbers[:, 0])) + sum(32 * size + 1 for size in longest.values())
