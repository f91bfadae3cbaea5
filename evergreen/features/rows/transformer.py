"""Rows as a matrix, equally in training, scoring and serving."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from evergreen.arrays import Matrix
from evergreen.errors import DataError
from evergreen.features.rows.custom import Custom
from evergreen.features.rows.dropping import Kept
from evergreen.features.rows.labels import Labels, labels_of
from evergreen.features.rows.levels import Levels, Means
from evergreen.features.rows.numbers import Numbers, finite
from evergreen.features.rows.plan import Column, Plan
from evergreen.features.rows.texts import Texts, is_free_text
from evergreen.features.rows.times import Times
from evergreen.features.signature import SignatureRows, column_kinds

Layout = list[tuple[int, float, float, bool]]


class RowFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Turn rows into one float32 matrix for every family of models: numbers, codes of categories, NaN where null.

    What a family needs beyond it (no gaps, columns of their own for levels, one scale) is made of it by whoever fits
    the family, as ``layout`` says. All that is learned is kept in texts, numbers, lists, dicts, arrays and a few
    classes of this package, so that it is stored without pickle.

    Args:
        inputs: Columns that the model looks at.
        plan: What is to be made of them.

    Attributes:
        kinds_: ``number``, ``text`` or ``time`` by input.
        columns_: The k columns of the matrix.
        dropped_: Why an input, or a column made of one, is not among them.
    """

    def __init__(self, inputs: Sequence[str] = (), plan: Plan = Plan()) -> None:  # noqa: B008
        self.inputs = inputs
        self.plan = plan

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """Learn from rows ``X`` and, for means of labels, from labels ``y`` (n,).

        Raises:
            DataError: an input is missing, or none of them varies.
        """
        self.fit_transform(X, y)
        return self

    def fit_transform(self, X: pd.DataFrame, y: Any = None, weight: Any = None) -> Matrix:
        """Learn from rows and labels; the matrix as training sees it: no row's means know its own label.

        Args:
            X: The rows, n of them.
            y: Their labels as numbers, (n,).
            weight: Where labels are rates, what they are rates of, (n,).

        Raises:
            DataError: an input is missing, or none of them varies.
        """
        plan = self.plan
        unused = dict(plan.without)
        self.dropped_: dict[str, str] = {name: why for name, why in plan.without if name in self.inputs}
        looked = [name for name in self.inputs if name not in unused]
        extra = [plan.time_column] if plan.time_column and plan.time_column not in looked else []
        self.kinds_ = {k: str(v) for k, v in column_kinds(X, [*looked, *extra], plan.categorical).items()}
        rows = SignatureRows(X, self.kinds_)
        times = rows[plan.time_column] if plan.time_column else None
        self.pieces_ = self._pieces(rows, looked)
        made = self._learn(rows, labels_of(X, y, plan.task, times, weight))
        # Column by column in memory: as the matrix fills, its parts go, and it takes no room before.
        matrix = np.empty((len(rows), len(made)), dtype=np.float32, order="F")
        for at in range(len(made)):
            matrix[:, at] = made.popleft()
        return matrix

    def _learn(self, rows: SignatureRows, labels: Labels | None) -> deque[Matrix]:
        """Learn every piece; the columns that are kept, and in ``dropped_`` why the others are not."""
        unused, kept, made = dict(self.plan.without), Kept(self.plan), deque[Matrix]()
        self.columns_: list[Column] = []
        self.places_: list[list[int]] = []
        for piece in self.pieces_:
            places = []
            for at, values in enumerate(piece.learn(rows, labels)):
                column, narrow = piece.columns[at], finite(values)
                reason = unused.get(column.source) or kept.reason_against(column, narrow)
                if reason:
                    self.dropped_[column.name] = reason
                else:
                    self.columns_.append(column)
                    made.append(narrow)
                    places.append(at)
            self.places_.append(places)
            self.dropped_ |= getattr(piece, "reasons", {})
        if not made:
            raise DataError("no input varies in these rows; look at features.exclude and at the window's length")
        self.dropped_ = {name: why for name, why in self.dropped_.items() if name not in self.sources_}
        return made

    def transform(self, X: pd.DataFrame) -> Matrix:
        """Rows as a float32 matrix of shape (n, k).

        Raises:
            DataError: an input is missing.
        """
        check_is_fitted(self, "columns_")
        rows = SignatureRows(X, self.kinds_)
        matrix = np.empty((len(rows), len(self.columns_)), dtype=np.float32)
        for at, values in enumerate(self._values(rows)):
            matrix[:, at] = finite(values)
        return matrix

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Names of the matrix's columns."""
        return np.asarray(self.feature_names_, dtype=object)

    @property
    def feature_names_(self) -> list[str]:
        """Names of the matrix's columns."""
        return [column.name for column in self.columns_]

    @property
    def sources_(self) -> list[str]:
        """The input, or part of the calendar, that each column was made of."""
        return [column.source for column in self.columns_]

    @property
    def typical_(self) -> Matrix:
        """A row of typical values, (k,): medians, and what the most frequent level gives."""
        return np.array([column.typical for column in self.columns_], dtype=np.float32)

    @property
    def categorical_indices_(self) -> list[int]:
        """Positions of the columns that hold codes of few categories, to be split as sets."""
        return [at for at, column in enumerate(self.columns_) if column.is_set]

    @property
    def levels_(self) -> dict[str, list[str]]:
        """The levels of each category whose codes are in the matrix, the most frequent first."""
        known = {name: text for piece in self.pieces_ for name, text in getattr(piece, "known", {}).items()}
        sources = dict.fromkeys(self.sources_)
        return {name: json.loads(known[name]) for name in sources if name in known}

    def layout(self) -> Layout:
        """Of each column: levels worth a column of their own, period of a cycle, fill, and whether gaps are marked.

        A number has 0 levels, what does not come round a period of 0; a level's fill may be NaN, for none.
        """
        return [(column.levels, column.period, column.fill, column.mark) for column in self.columns_]

    def level_values(self, name: str, levels: Sequence[str]) -> Matrix:
        """What the columns that were made of a category hold for each of some levels: (g, j)."""
        rows = pd.DataFrame({column: [None] * len(levels) for column in self.kinds_}).assign(**{name: levels})
        own = [at for at, source in enumerate(self.sources_) if source == name]
        return self.transform(rows)[:, own]

    def _values(self, rows: SignatureRows) -> Iterator[Any]:
        for piece, places in zip(self.pieces_, self.places_, strict=True):
            if places:
                wanted = set(places)
                yield from (values for at, values in enumerate(piece.values(rows)) if at in wanted)

    def _pieces(self, rows: SignatureRows, looked: Sequence[str]) -> list[Any]:
        plan = self.plan
        of = {kind: [name for name in looked if self.kinds_[name] == kind] for kind in ("number", "text", "time")}
        free = [name for name in of["text"] if name not in plan.categorical and self._is_free(name, rows)]
        levels = [name for name in of["text"] if name not in free]
        custom = [Custom(plan, *one) for one in plan.transform if not set(one[0]) & dict(plan.without).keys()]
        return [
            Numbers(plan, of["number"]),
            Times(plan, [name for name in of["time"] if name != plan.time_column]),
            Levels(plan, levels),
            Means(plan, levels),
            Texts(plan, free),
            *custom,
        ]

    def _is_free(self, name: str, rows: SignatureRows) -> bool:
        asked = self.plan.text
        return is_free_text(rows[name]) if asked == "auto" else asked != "never" and name in asked
