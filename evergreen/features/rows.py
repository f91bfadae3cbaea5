"""Row features: what a model makes of a row's own columns, learned in fitting and kept inside its Pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from evergreen.errors import DataError
from evergreen.features.signature import column_kinds, signature_frame
from evergreen.handoffs import TIME
from evergreen.spec import ModelSpec

#: Levels a column has at most when each becomes a column of its own.
ONE_HOT_LEVELS = 24
#: Columns with more levels are ranked by frequency and read as numbers. Boosting that may pick any subset of thousands
#: of levels learns them by heart: on later flights ROC AUC fell from 0.776 to 0.758 with all text columns as sets.
MOST_LEVELS_IN_A_SET = 32
#: Parts of the calendar that repeat within a week; the seasonal ones need a year of rows to be learned from.
_WEEKLY = ("minute_of_day", "weekday")
_SEASONAL = ("month", "day_of_year")
_YEAR_DAYS = 365
_CYCLES = {"minute_of_day": 1440.0, "weekday": 7.0, "month": 12.0, "day_of_year": 365.25}

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]


class RowFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Turn rows into a float32 matrix, equally in training, scoring and serving.

    All that is learned is kept in texts, numbers, lists, dicts and arrays, so that it is stored without pickle.

    Args:
        inputs: Columns that the model looks at.
        categorical: Those of them to treat as categories although they hold numbers.
        time_column: The event time, from which calendar parts and the age of other times are taken.
        timezone: The zone of the calendar parts.
        max_levels: Categories kept a column; the most frequent ones.
        min_level_rows: Rows that a category needs to be kept.
        encode: ``codes`` gives a number a category (trees); ``onehot`` gives a column a category, fills nulls by the
            median, marks them, and scales everything (linear models).
        cyclic: Add sine and cosine of the calendar parts.

    Attributes:
        feature_names_: Names of the k columns of the matrix.
        categorical_indices_: Positions of the columns that hold codes of few categories, to be split as sets.
    """

    def __init__(
        self,
        inputs: Sequence[str] = (),
        categorical: Sequence[str] = (),
        time_column: str | None = None,
        timezone: str = "UTC",
        max_levels: int = 1000,
        min_level_rows: int = 10,
        encode: str = "codes",
        cyclic: bool = False,
    ) -> None:
        self.inputs = inputs
        self.categorical = categorical
        self.time_column = time_column
        self.timezone = timezone
        self.max_levels = max_levels
        self.min_level_rows = min_level_rows
        self.encode = encode
        self.cyclic = cyclic

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """Learn levels, medians and scales from rows ``X``; ``y`` is not looked at.

        Raises:
            DataError: an input is missing, or none of them varies.
        """
        self.kinds_ = {k: str(v) for k, v in column_kinds(X, self._columns(), self.categorical).items()}
        rows = signature_frame(X, self._columns(), self.kinds_)
        self.calendar_ = self._calendar(rows)
        self.levels_: dict[str, list[str]] = {}
        self.medians_: dict[str, float] = {}
        self.numbers_: list[str] = []
        for name, values in self._numbers(rows).items():
            if _varies(values):
                self.numbers_.append(name)
                self.medians_[name] = float(np.nanmedian(values))
        for column in self.inputs:
            if self.kinds_[column] == "text":
                self._fit_levels(column, rows[column])
        self._name_features(rows)
        return self

    def transform(self, X: pd.DataFrame) -> Matrix:
        """Rows as a float32 matrix of shape (n, k).

        Raises:
            DataError: an input is missing.
        """
        check_is_fitted(self, "feature_names_")
        rows = signature_frame(X, self._columns(), self.kinds_)
        matrix = np.empty((len(rows), len(self.feature_names_)), dtype=np.float32)
        if self.encode == "codes":
            self._fill_codes(rows, matrix)
        else:
            self._fill_columns(rows, matrix)
            matrix -= self.means_
            matrix /= self.scales_
        return matrix

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Names of the matrix's columns."""
        check_is_fitted(self, "feature_names_")
        return np.asarray(self.feature_names_, dtype=object)

    def layout(self) -> list[tuple[int, float]]:
        """Of each column of codes: how many levels are worth a column of their own, and the period of a cycle.

        A number has 0 levels, what does not come round has a period of 0.
        """
        numbers = [(0, _CYCLES.get(name, 0.0) if name in self.calendar_ else 0.0) for name in self.numbers_]
        return [*numbers, *((min(len(levels), ONE_HOT_LEVELS), 0.0) for levels in self.levels_.values())]

    def _columns(self) -> list[str]:
        extra = [self.time_column] if self.time_column and self.time_column not in self.inputs else []
        return [*self.inputs, *extra]

    def _calendar(self, rows: pd.DataFrame) -> list[str]:
        if not self.time_column or not len(rows):
            return []
        times = rows[self.time_column]
        span = times.max() - times.min()
        # Where the rows cover less than a year, a date says how old a row is, not which season it belongs to.
        return [*_WEEKLY, *(_SEASONAL if span >= pd.Timedelta(days=_YEAR_DAYS) else ())]

    def _numbers(self, rows: pd.DataFrame) -> dict[str, Floats]:
        found: dict[str, Floats] = {}
        for column in self.inputs:
            if self.kinds_[column] == "number":
                found[column] = rows[column].to_numpy()
            elif self.kinds_[column] == "time" and column != self.time_column:
                found[f"{column}_hours"] = self._hours(rows, column)
        for part, values in self._calendar_parts(rows).items():
            found[part] = values
            if self.cyclic:
                angle = 2 * np.pi * values / _CYCLES[part]
                found[f"{part}_sin"], found[f"{part}_cos"] = np.sin(angle), np.cos(angle)
        return found

    def _hours(self, rows: pd.DataFrame, column: str) -> Floats:
        """How long before the event a time lies; without an event time, hours since 1970."""
        origin = rows[self.time_column] if self.time_column else pd.Timestamp(0)
        spans: pd.Series = rows[column] - origin
        hours: Floats = spans.dt.total_seconds().to_numpy(dtype=float) / 3600
        return hours

    def _calendar_parts(self, rows: pd.DataFrame) -> dict[str, Floats]:
        if not self.calendar_:
            return {}
        local = pd.DatetimeIndex(rows[self.time_column]).tz_localize("UTC").tz_convert(self.timezone)
        parts = {
            "minute_of_day": lambda: local.hour * 60 + local.minute,
            "weekday": lambda: local.weekday,
            "month": lambda: local.month,
            "day_of_year": lambda: local.dayofyear,
        }
        return {part: np.asarray(parts[part](), dtype=float) for part in self.calendar_}

    def _fit_levels(self, column: str, values: pd.Series) -> None:
        counts = values.value_counts(dropna=True)
        if len(counts) + int(values.isna().any()) < 2:
            return
        # Most frequent first; equally frequent ones by name, so that the order of the rows does not matter.
        ranked = sorted(((-int(n), str(level)) for level, n in counts.items() if n >= self.min_level_rows))
        limit = self.max_levels if self.encode == "codes" else min(self.max_levels, ONE_HOT_LEVELS)
        if ranked:
            self.levels_[column] = [level for _, level in ranked[:limit]]

    def _name_features(self, rows: pd.DataFrame) -> None:
        if self.encode == "codes":
            self.nulls_: list[str] = []
            self.feature_names_ = [*self.numbers_, *self.levels_]
            self.categorical_indices_ = [
                at
                for at, levels in enumerate(self.levels_.values(), start=len(self.numbers_))
                if len(levels) <= MOST_LEVELS_IN_A_SET
            ]
        else:
            values = self._numbers(rows)
            self.nulls_ = [name for name in self.numbers_ if np.isnan(values[name]).any()]
            one_hot = [f"{column}={level}" for column, levels in self.levels_.items() for level in levels]
            self.feature_names_ = [*self.numbers_, *(f"{name}_is_null" for name in self.nulls_), *one_hot]
            self.categorical_indices_ = []
        if not self.feature_names_:
            raise DataError("no input varies in these rows; look at features.exclude and at the window's length")
        if self.encode != "codes":
            matrix = np.empty((len(rows), len(self.feature_names_)), dtype=np.float32)
            self._fill_columns(rows, matrix)
            self.means_ = matrix.mean(axis=0, dtype=np.float64).astype(np.float32)
            scales = matrix.std(axis=0, dtype=np.float64).astype(np.float32)
            self.scales_ = np.where(scales > 0, scales, np.float32(1))

    def _fill_codes(self, rows: pd.DataFrame, matrix: Matrix) -> None:
        numbers = self._numbers(rows)
        for at, name in enumerate(self.numbers_):
            matrix[:, at] = _finite(numbers[name])
        for at, column in enumerate(self.levels_, start=len(self.numbers_)):
            codes = self._codes(column, rows[column]).astype(np.float32)
            matrix[:, at] = np.where(codes < 0, np.float32(np.nan), codes)

    def _fill_columns(self, rows: pd.DataFrame, matrix: Matrix) -> None:
        numbers = self._numbers(rows)
        for at, name in enumerate(self.numbers_):
            values = _finite(numbers[name])
            matrix[:, at] = np.where(np.isnan(values), np.float32(self.medians_[name]), values)
        for at, name in enumerate(self.nulls_, start=len(self.numbers_)):
            matrix[:, at] = np.isnan(numbers[name])
        at = len(self.numbers_) + len(self.nulls_)
        for column, levels in self.levels_.items():
            matrix[:, at : at + len(levels)] = 0
            codes = self._codes(column, rows[column])
            kept = np.flatnonzero((codes >= 0) & (codes < len(levels)))
            matrix[kept, at + codes[kept]] = 1
            at += len(levels)

    def _codes(self, column: str, values: pd.Series) -> NDArray[np.int64]:
        """A category's place among the levels; one more for rare and unseen ones alike; -1 for null."""
        levels = self.levels_[column]
        known = {level: place for place, level in enumerate(levels)}
        codes, found = pd.factorize(values)
        places = np.array([*(known.get(str(level), len(levels)) for level in found), -1], dtype=np.int64)
        return places[codes]


def row_features(spec: ModelSpec, inputs: Sequence[str], encode: str = "codes") -> RowFeatures:
    """A fresh transformer for a family of models: ``codes`` for trees, ``onehot`` for linear ones."""
    return RowFeatures(
        inputs=list(inputs),
        categorical=[column for column in spec.features.categorical if column in inputs],
        time_column=TIME if spec.data.time else None,
        timezone=spec.data.timezone,
        max_levels=spec.features.max_levels,
        min_level_rows=spec.features.min_level_rows,
        encode=encode,
        cyclic=encode == "onehot",
    )


def _varies(values: Floats) -> bool:
    known = values[np.isfinite(values)]
    return bool(len(known)) and (len(known) < len(values) or bool(known.min() < known.max()))


def _finite(values: Floats) -> Matrix:
    """Values as float32; what is infinite, or becomes so, is null."""
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32)
    narrow[np.isinf(narrow)] = np.nan
    return narrow
