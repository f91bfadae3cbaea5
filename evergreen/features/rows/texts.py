"""Free text as a few numbers: hashed words and pairs of words, of which the directions that differ most are kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from evergreen.arrays import Floats
from evergreen.features.rows.pieces import Piece
from evergreen.features.rows.plan import Column, Plan
from evergreen.features.signature import SignatureRows

#: Places that words and pairs of words are hashed to.
_PLACES = 2**12
#: Rows that the directions are learned from; more add seconds, not meaning.
_MOST_ROWS = 20_000
#: What a column of free text is: most values differ, and have so many words. The same as where a table is described.
_DISTINCT, _WORDS = 0.5, 4.0


class Texts(Piece):
    """Columns of free text: how many words, and where the text lies among others (latent semantic analysis).

    Args:
        plan: What is to be made of them.
        names: The columns.
    """

    def __init__(self, plan: Plan, names: Sequence[str]) -> None:
        super().__init__(plan, names)
        self.weights: dict[str, Floats] = {}
        self.directions: dict[str, Floats] = {}

    def learn(self, rows: SignatureRows, labels: Any = None) -> Iterator[Floats]:
        """Learn from rows; gives the values of each column, (n,), NaN where there is no text."""
        for name in self.names:
            texts = rows[name].dropna()
            self._learn(name, texts if len(texts) else pd.Series([""], dtype="str"))
            made = list(self._made(name, rows[name]))
            for at, values in enumerate(made):
                own = f"{name}_{at}" if at else f"{name}_words"
                known = values[~np.isnan(values)]
                median = float(np.median(known)) if len(known) else 0.0
                self.columns.append(Column(own, name, fill=median, mark=self.plan.mark and not at, typical=median))
                yield values

    def values(self, rows: SignatureRows) -> Iterator[Floats]:
        """The values of each column, (n,), NaN where there is no text."""
        for name in self.names:
            yield from self._made(name, rows[name])

    def _learn(self, name: str, texts: pd.Series) -> None:
        from sklearn.decomposition import TruncatedSVD
        from threadpoolctl import threadpool_limits

        if len(texts) > _MOST_ROWS:
            kept = np.random.default_rng(self.plan.seed).choice(len(texts), _MOST_ROWS, replace=False)
            texts = texts.iloc[np.sort(kept)]
        hashed = _hashed(texts)
        occurs = np.bincount(hashed.indices, minlength=_PLACES)
        self.weights[name] = np.log((1 + len(texts)) / (1 + occurs)) + 1
        parts = min(self.plan.text_parts, len(texts) - 1, int((occurs > 0).sum()) - 1)
        if parts < 1:
            self.directions[name] = np.empty((0, _PLACES))
            return
        with threadpool_limits(1):  # however many threads there are, the same bits
            svd = TruncatedSVD(parts, random_state=self.plan.seed).fit(_weighed(hashed, self.weights[name]))
        self.directions[name] = svd.components_

    def _made(self, name: str, values: pd.Series) -> Iterator[Floats]:
        # A text that occurs twice is hashed once.
        codes, found = pd.factorize(values)
        texts = pd.Series(found if len(found) else [""], dtype="str")  # the hasher knows no empty list
        words = np.log1p(texts.str.count(r"\w+").to_numpy(dtype=float))
        placed = _weighed(_hashed(texts), self.weights[name]) @ self.directions[name].T
        for column in np.column_stack([words, placed]).T:
            yield np.append(column, np.nan)[codes]


def is_free_text(values: pd.Series) -> bool:
    """Whether most values differ and have several words."""
    known = values.dropna()
    if not len(known) or known.nunique() <= _DISTINCT * len(known):
        return False
    return float(known.head(5000).str.count(r"\s+").mean()) + 1 >= _WORDS


def _hashed(texts: pd.Series) -> Any:
    from sklearn.feature_extraction.text import HashingVectorizer

    hasher = HashingVectorizer(n_features=_PLACES, ngram_range=(1, 2), alternate_sign=False, norm=None)
    return hasher.transform(texts.to_numpy(dtype=object))


def _weighed(hashed: Any, weights: Floats) -> Any:
    """Term frequency on the scale of its logarithm, times how rare a term is, each row of length 1."""
    from sklearn.preprocessing import normalize

    weighed = hashed.copy()
    weighed.data = (1 + np.log(weighed.data)) * weights[weighed.indices]
    return normalize(weighed)
