"""Which columns of a matrix tell nothing: those that hardly vary, and copies of another."""

from __future__ import annotations

import hashlib

import numpy as np

from evergreen.arrays import Matrix
from evergreen.features.rows.plan import Column, Plan

#: In small tables fewer rows make a difference: one in so many.
_ONE_IN = 50


class Kept:
    """Judges one column after the other, and remembers those that it has seen.

    Args:
        plan: Whether anything is dropped, and how many rows make a difference.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._seen: dict[bytes, str] = {}

    def reason_against(self, column: Column, values: Matrix) -> str:
        """Why a column is left out; empty where it is kept."""
        fewest = max(1, min(self.plan.min_level_rows, len(values) // _ONE_IN)) if self.plan.drop else 1
        differing = _differing(values)
        if differing == 0:
            return "always missing" if np.isnan(values[:1]).all() else "always the same"
        if differing < fewest:
            return f"the same in all but {differing} of {len(values):,} rows"
        if not self.plan.drop:
            return ""
        digest = hashlib.blake2b(values.tobytes(), digest_size=16).digest() + bytes([column.levels > 0])
        first = self._seen.setdefault(digest, column.name)
        return f"a copy of {first}" if first != column.name else ""


def _differing(values: Matrix) -> int:
    """Rows that differ from the most frequent value, where that is the value of most rows; else all of them."""
    missing = np.isnan(values)
    gaps = int(np.count_nonzero(missing))
    if 2 * gaps >= len(values):
        return len(values) - gaps
    middle = np.partition(values[~missing], (len(values) - gaps) // 2)[(len(values) - gaps) // 2]
    return len(values) - int(np.count_nonzero(values == middle))
