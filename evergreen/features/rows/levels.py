"""Categories as numbers: a code a level, the mean label of a level, or how often it occurs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.arrays import Floats
from evergreen.features.rows.labels import Labels
from evergreen.features.rows.pieces import Piece
from evergreen.features.rows.plan import MOST_LEVELS_IN_A_SET, ONE_HOT_LEVELS, Column, Plan
from evergreen.features.signature import SignatureRows

Codes = NDArray[np.int64]

#: Rows that a level needs to have a mean of its own: of a single one nothing is left when it is left out.
_FEWEST_ROWS = 2
#: Classes beyond which a mean a class would be more columns than they are worth.
_MOST_CLASSES = 10


class Levels(Piece):
    """A code a level, the frequent ones first; rare and unseen levels share one, a missing value has none.

    Args:
        plan: What is to be made of them.
        names: The columns of categories.
    """

    def __init__(self, plan: Plan, names: Sequence[str]) -> None:
        super().__init__(plan, names)
        self.known: dict[str, str] = {}
        self.reasons: dict[str, str] = {}

    def learn(self, rows: SignatureRows, labels: Any = None) -> Iterator[Floats]:
        """Learn from rows; gives the codes of each column, (n,), NaN where the value is missing."""
        fewest = self.plan.min_level_rows
        for name in self.names:
            ranked = ranked_levels(rows[name], fewest)
            if len(ranked) > MOST_LEVELS_IN_A_SET and self.plan.levels in ("target", "counts"):
                continue  # this is what the others are for
            if not ranked:
                self.reasons[name] = f"no level of it has {fewest} rows (features.min_level_rows)"
                continue
            kept = ranked[: self.plan.max_levels]
            self.known[name] = json.dumps(kept)
            codes = level_codes(self.known[name], rows[name])
            self.columns.append(self._column(name, kept))
            yield _floats(codes)

    def values(self, rows: SignatureRows) -> Iterator[Floats]:
        """The codes of each column, (n,), NaN where the value is missing."""
        for name, known in self.known.items():
            yield _floats(level_codes(known, rows[name]))

    def _column(self, name: str, levels: Sequence[str]) -> Column:
        wanted, fill = self.plan.fill_of(name), float("nan")
        if wanted == "most_frequent":
            fill = 0.0
        elif str(wanted) in levels:
            fill = float(levels.index(str(wanted)))
        few = len(levels) <= MOST_LEVELS_IN_A_SET
        return Column(
            name, name, levels=min(len(levels), ONE_HOT_LEVELS), fill=fill, mark=self.plan.mark and np.isnan(fill),
            is_set=few,
        )  # fmt: skip


class Means(Piece):
    """Of columns with many levels the mean label of each level, or how often it occurs.

    In training a row's level stands for the mean of other rows only (cross-fitting), so that no row learns its own
    label: those of other stretches of time, of other groups, or of other folds. Means of few rows are drawn towards the
    mean of all by as much as levels differ (Micci-Barreca 2001, A preprocessing scheme for high-cardinality categorical
    attributes), by scikit-learn's ``TargetEncoder``; means of rates by the credibility of their exposure.

    Args:
        plan: What is to be made of them.
        names: The columns of categories.
    """

    def __init__(self, plan: Plan, names: Sequence[str]) -> None:
        super().__init__(plan, names if plan.levels != "codes" else ())
        self.known: dict[str, str] = {}
        self.tables: dict[str, Floats] = {}

    def learn(self, rows: SignatureRows, labels: Labels | None = None) -> Iterator[Floats]:
        """Learn from rows and their labels; gives the values of each column, (n,), as training sees them."""
        for name in self.names:
            ranked = ranked_levels(rows[name], _FEWEST_ROWS)
            if len(ranked) <= MOST_LEVELS_IN_A_SET:
                continue
            self.known[name] = json.dumps(ranked)
            # One more for rare and unseen levels, and the last for missing values.
            codes = level_codes(self.known[name], rows[name])
            codes = np.where(codes < 0, len(ranked) + 1, codes)
            made, self.tables[name] = self._encoded(codes, len(ranked) + 2, labels)
            for at, column in enumerate(made.T):
                kind = "count" if self._counts(labels) else "mean"
                own = f"{name}_{kind}" if made.shape[1] == 1 else f"{name}_{kind}_{at}"
                self.columns.append(Column(own, name, typical=float(self.tables[name][0, at])))
                yield column

    def values(self, rows: SignatureRows) -> Iterator[Floats]:
        """The values of each column, (n,)."""
        for name, known in self.known.items():
            table = self.tables[name]
            yield from table[level_codes(known, rows[name])].T  # a missing value's -1 is the last line

    def _counts(self, labels: Labels | None) -> bool:
        return labels is None or self.plan.levels == "counts" or labels.classes > _MOST_CLASSES

    def _encoded(self, codes: Codes, n: int, labels: Labels | None) -> tuple[Floats, Floats]:
        """Values of the rows (n, j) and of the levels (levels, j)."""
        if labels is None or self._counts(labels):
            table = np.log1p(np.bincount(codes, minlength=n).astype(float))[:, None]
            table[n - 2] = np.log1p(1.0)  # what is rare has been seen once, whatever all of it adds up to
            return table[codes], table
        if labels.weights is not None:
            return _rates(codes, n, labels, self.plan.seed)
        from sklearn.preprocessing import TargetEncoder

        kind = {0: "continuous", 2: "binary"}.get(labels.classes, "multiclass")
        encoder = TargetEncoder(target_type=kind, cv=labels.folds(self.plan.seed))
        made = np.asarray(encoder.fit_transform(codes[:, None], labels.values), dtype=float)
        means = np.atleast_1d(np.asarray(encoder.target_mean_, dtype=float))
        table = np.tile(means, (n, 1))
        table[encoder.categories_[0]] = np.column_stack(encoder.encodings_)
        return made, table


def _rates(codes: Codes, n: int, labels: Labels, seed: int) -> tuple[Floats, Floats]:
    """Mean rates of the rows (n, 1), each from rows of other folds, and of the levels (levels, 1)."""
    weights = np.asarray(labels.weights)
    made = np.empty(len(codes))
    for others, own in labels.folds(seed).split(codes):
        made[own] = _credible(codes[others], n, labels.values[others], weights[others])[codes[own]]
    return made[:, None], _credible(codes, n, labels.values, weights)[:, None]


def _credible(codes: Codes, n: int, rates: Floats, weights: Floats) -> Floats:
    """The rate of each of n levels, drawn towards that of all by how little is known of it.

    By Bühlmann and Straub (1970), Glaubwürdigkeit für Schadensätze: a level of exposure w has the weight w / (w + k),
    where k is the variance within levels, for an exposure of 1, over that between them. A level without rows has the
    rate of all.
    """
    mean = float(np.average(rates, weights=weights))
    known = np.bincount(codes, weights=weights, minlength=n)
    sums = np.bincount(codes, weights=weights * rates, minlength=n)
    own = np.divide(sums, known, out=np.full(n, mean), where=known > 0)
    levels = int((known > 0).sum())
    within = float((weights * (rates - own[codes]) ** 2).sum()) / max(len(codes) - levels, 1)
    spread = float((known * (own - mean) ** 2).sum()) - (levels - 1) * within
    between = spread / max(float(known.sum() - (known**2).sum() / known.sum()), 1e-300)
    if between <= 0:
        return np.full(n, mean)
    trust = known / (known + within / between) if within > 0 else (known > 0).astype(float)
    return np.asarray(mean + trust * (own - mean))


def ranked_levels(values: pd.Series, fewest: int) -> list[str]:
    """Levels with so many rows, the most frequent first; equally frequent ones by name, whatever the rows' order."""
    counts = values.value_counts(dropna=True)
    counts = counts[counts >= fewest]
    names = counts.index.astype("str").to_numpy(dtype=object)
    ranked = sorted(zip((-counts).tolist(), names.tolist(), strict=True))
    return [str(name) for _, name in ranked]


def level_codes(known: str, values: pd.Series) -> Codes:
    """A value's place among the known levels; one more for rare and unseen ones alike; -1 for null."""
    places = _places(known)
    codes, found = pd.factorize(values)
    table = np.array([*(places.get(str(level), len(places)) for level in found), -1], dtype=np.int64)
    return table[codes]


@lru_cache(maxsize=512)
def _places(known: str) -> dict[str, int]:
    return {level: place for place, level in enumerate(json.loads(known))}


def _floats(codes: Codes) -> Floats:
    return np.where(codes < 0, np.nan, codes.astype(float))
