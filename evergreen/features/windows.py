"""Sliding windows over known times, a key at a time, in exact arithmetic."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.arrays import Floats
from evergreen.errors import DataError

Ints = NDArray[np.int64]

#: The known time of a value that never became known.
NEVER = np.iinfo(np.int64).min

# A number is split at these powers of two into integers that add up exactly. Integer cumulative sums may wrap around:
# differences stay right modulo 2**64 as long as a single window's sum fits, i.e. up to 2**31 rows a window.
_POWERS = (62, 32, 2, -28, -58)
_LIMIT = 2.0**92


class Windows:
    """For each row, the others of its key whose value became known in ``(cut_off - over, cut_off]``.

    Args:
        codes: Key of each row, int64 of shape (n,), -1 where it has none.
        known: When each row's value became known, microseconds, ``NEVER`` where it did not.
        cut_off: Up to when each row may see, microseconds.
        over: Length of the windows, microseconds.
    """

    def __init__(self, codes: Ints, known: Ints, cut_off: Ints, over: int) -> None:
        # Ranks in place of times: key and time then fit one int64, however many keys and however long the table.
        instants = np.unique(known[known != NEVER])
        width = len(instants) + 1
        rows = np.flatnonzero((known != NEVER) & (codes >= 0))
        position = codes[rows] * width + np.searchsorted(instants, known[rows]) + 1
        order = np.argsort(position, kind="stable")
        self.rows: Ints = rows[order]
        self._sorted: Ints = position[order]
        self._has_key = codes >= 0
        self.start = self._find(codes, cut_off - over, instants)
        self.end = self._find(codes, cut_off, instants)
        self.end = np.where(self._has_key & (cut_off != NEVER), np.maximum(self.start, self.end), self.start)
        place = np.full(len(codes), -1, dtype=np.int64)
        place[self.rows] = np.arange(len(self.rows))
        self._own = np.where((place >= self.start) & (place < self.end), place, -1)
        self.count: Ints = self.end - self.start - (self._own >= 0)

    def _find(self, codes: Ints, until: Ints, instants: Ints) -> Ints:
        rank = np.searchsorted(instants, until, side="right")
        return np.searchsorted(self._sorted, codes * (len(instants) + 1) + rank, side="right").astype(np.int64)

    def blank(self, values: Floats) -> Floats:
        """Null the rows that have no key."""
        return np.where(self._has_key, values, np.nan)

    def sum(self, values: Floats) -> Floats:
        """The sum of each window, of shape (n,); 0 where it is empty.

        Raises:
            DataError: a value is too large to be added exactly.
        """
        total = np.zeros(len(self.start))
        for power, part in self._parts(values[self.rows]):
            total += np.ldexp(part.astype(float), power)
        return total

    def std(self, values: Floats) -> Floats:
        """The sample standard deviation of each window, of shape (n,); NaN for fewer than two values.

        ``n * sum(x**2) - sum(x)**2`` over ``n * (n - 1)`` in whole numbers of any size: nothing cancels, however large
        the mean is beside the spread.
        """
        kept = values[self.rows]
        high = kept.astype(np.float32).astype(float)
        low = kept - high
        total = self._whole([kept])
        squares = self._whole([high * high, 2 * high * low, low * low])  # each product fits a float exactly
        some = self.count > 1
        count = self.count[some].astype(object)
        spread = count * squares[some] * 2 ** -_POWERS[-1] - total[some] ** 2
        variance = np.maximum((spread / (count * (count - 1))).astype(float), 0.0)
        result = np.full(len(self.start), np.nan)
        result[some] = np.sqrt(np.ldexp(variance, 2 * _POWERS[-1]))
        return result

    def extreme(self, values: Floats, take: str) -> Floats:
        """The smallest or largest value of each window, of shape (n,); NaN where it is empty.

        A sparse table, one level at a time: level k holds the extreme of 2**k neighbours, and two overlapping ones
        cover any window.
        """
        pick = np.fmin if take == "min" else np.fmax
        # The row's own value splits its window in two.
        inside = self._own >= 0
        left = _range_extremes(values[self.rows], self.start, np.where(inside, self._own, self.end), pick)
        if not inside.any():
            return left
        right = _range_extremes(values[self.rows], np.where(inside, self._own + 1, self.end), self.end, pick)
        return np.asarray(pick(left, right))

    def last(self, time: Ints, key: pd.Series | None) -> Ints:
        """The row number of the newest value of each window, int64 of shape (n,), -1 where it is empty.

        Args:
            time: Event times: the later one wins among values that became known at the same instant.
            key: Row keys: the larger one wins among equal event times.
        """
        rows = self._break_ties(time, key)
        place = np.full(len(self.start), -1, dtype=np.int64)
        place[rows] = np.arange(len(rows))
        at = self.end - 1
        at = np.where((at >= self.start) & (at == place), at - 1, at)
        return np.where(at >= self.start, rows[at] if len(rows) else -1, -1)

    def _break_ties(self, time: Ints, key: pd.Series | None) -> Ints:
        order = np.lexsort((time[self.rows], self._sorted))
        rows = self.rows[order]
        if key is None or len(rows) < 2:
            return rows
        same = (np.diff(self._sorted) == 0) & (np.diff(time[rows]) == 0)
        tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
        ranks = pd.factorize(key.iloc[rows[tied]], sort=True)[0]
        rows[tied] = rows[tied][np.lexsort((ranks, time[rows[tied]], self._sorted[tied]))]
        return rows

    def _parts(self, kept: Floats) -> list[tuple[int, Ints]]:
        """The window sums as whole multiples of descending powers of two; powers that no value uses are left out."""
        if len(kept) and np.abs(kept).max() >= _LIMIT:
            raise DataError("history: values of 2**92 or more cannot be added exactly; rescale the column")
        parts, rest = [], kept
        for power in _POWERS:
            whole = np.trunc(np.ldexp(rest, -power))
            rest = rest - np.ldexp(whole, power)
            if whole.any():
                parts.append((power, self._window_sums(whole.astype(np.int64))))
        return parts

    def _window_sums(self, kept: Ints) -> Ints:
        running = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(kept)])
        own = np.where(self._own >= 0, kept[self._own], 0)
        sums: Ints = running[self.end] - running[self.start] - own
        return sums

    def _whole(self, terms: list[Floats]) -> NDArray[np.object_]:
        """The window sums of the terms as Python integers, in units of the smallest power."""
        total: NDArray[np.object_] = np.zeros(len(self.start), dtype=object)
        for term in terms:
            for power, part in self._parts(term):
                total = total + part.astype(object) * 2 ** (power - _POWERS[-1])
        return total


def _range_extremes(values: Floats, start: Ints, end: Ints, pick: np.ufunc) -> Floats:
    result = np.full(len(start), np.nan)
    length = end - start
    level = np.where(length > 0, np.frexp(length.astype(float))[1] - 1, -1)
    table = values
    for k in range(int(level.max(initial=-1)) + 1):
        at = np.flatnonzero(level == k)
        result[at] = pick(table[start[at]], table[end[at] - 2**k])
        table = pick(table[: -(2**k)], table[2**k :])
    return result
