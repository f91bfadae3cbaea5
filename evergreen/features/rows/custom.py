"""Transformations that a spec names: scikit-learn's own by dotted name, and functions of the project."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from evergreen.arrays import Floats
from evergreen.errors import DataError, EvergreenError, SpecError, did_you_mean
from evergreen.features.history import history_name
from evergreen.features.rows.labels import Labels
from evergreen.features.rows.numbers import number_column
from evergreen.features.rows.plan import Column, Plan
from evergreen.features.signature import SignatureRows
from evergreen.functions import find_function, project_first, project_folder
from evergreen.spec import Features

#: The transformers that a spec may name: they keep all that they learn in numbers, so that a model that holds them is
#: stored and read without running what it brings along, and they treat a row alone as they treat it among others.
TRANSFORMERS = (
    "sklearn.cluster.KMeans",
    "sklearn.cluster.MiniBatchKMeans",
    "sklearn.decomposition.FactorAnalysis",
    "sklearn.decomposition.FastICA",
    "sklearn.decomposition.IncrementalPCA",
    "sklearn.decomposition.NMF",
    "sklearn.decomposition.PCA",
    "sklearn.decomposition.TruncatedSVD",
    "sklearn.discriminant_analysis.LinearDiscriminantAnalysis",
    "sklearn.feature_selection.VarianceThreshold",
    "sklearn.impute.KNNImputer",
    "sklearn.impute.MissingIndicator",
    "sklearn.impute.SimpleImputer",
    "sklearn.kernel_approximation.Nystroem",
    "sklearn.kernel_approximation.RBFSampler",
    "sklearn.preprocessing.Binarizer",
    "sklearn.preprocessing.KBinsDiscretizer",
    "sklearn.preprocessing.MaxAbsScaler",
    "sklearn.preprocessing.MinMaxScaler",
    "sklearn.preprocessing.Normalizer",
    "sklearn.preprocessing.OneHotEncoder",
    "sklearn.preprocessing.OrdinalEncoder",
    "sklearn.preprocessing.PolynomialFeatures",
    "sklearn.preprocessing.PowerTransformer",
    "sklearn.preprocessing.QuantileTransformer",
    "sklearn.preprocessing.RobustScaler",
    "sklearn.preprocessing.StandardScaler",
    "sklearn.random_projection.GaussianRandomProjection",
)
#: These read missing values as they are.
_READ_GAPS = ("sklearn.impute.KNNImputer", "sklearn.impute.MissingIndicator", "sklearn.impute.SimpleImputer")
#: Rows by which it is seen whether a function looks at one row at a time.
_CHECKED = 5
#: Columns beyond which a transformation is more likely a mistake than meant.
_MOST_COLUMNS = 500


class Custom:
    """One transformation of some columns; what it gives stands beside them.

    Args:
        plan: Where missing values of numbers are filled from.
        names: The columns that it takes.
        by: ``module:function`` of the project, or a dotted name of scikit-learn.
        options: Its options as JSON text.

    Raises:
        SpecError: it is not there, or not among those that may be named.
    """

    def __init__(self, plan: Plan, names: tuple[str, ...], by: str, options: str) -> None:
        self.plan = plan
        self.names = names
        self.by = by
        self.options = options
        self.columns: list[Column] = []
        self.fills: dict[str, float] = {}
        self.transformer: Any = None
        check_transformer(by)

    @property
    def label(self) -> str:
        """What its columns are called, and where they come from if they come from several inputs."""
        return f"{self.by.replace(':', '.').rsplit('.', 1)[-1]}({', '.join(self.names)})"

    def learn(self, whole: SignatureRows, labels: Labels | None = None) -> Iterator[Floats]:
        """Learn from rows; gives the values of each column, (n,)."""
        rows = whole.frame(self.names)
        self.fills = {
            name: number_column(name, name, rows[name].to_numpy(dtype=float), self.plan).fill
            for name in self.names
            if pd.api.types.is_float_dtype(rows[name].dtype)
        }
        if ":" in self.by:
            made = self._called(rows)
            self._check_alone(rows, made)
        else:
            made = self._fitted(rows, labels)
        if made.shape[1] > _MOST_COLUMNS:
            raise SpecError(f"features.transform: {self.label}: gives {made.shape[1]:,} columns; choose other options")
        source = self.names[0] if len(self.names) == 1 else self.label
        for at, values in enumerate(made.T):
            own = self.label if made.shape[1] == 1 else f"{self.label}_{at}"
            self.columns.append(number_column(own, source, values, self.plan))
            yield values

    def values(self, whole: SignatureRows) -> Iterator[Floats]:
        """The values of each column, (n,)."""
        rows = whole.frame(self.names)
        made = self._called(rows) if ":" in self.by else _numbers(self.transformer.transform(self._taken(rows)))
        if made.shape[1] != len(self.columns):
            raise DataError(
                f"features.transform: {self.label}: gives {made.shape[1]} columns, in training it gave "
                f"{len(self.columns)}; it must give the same for every table"
            )
        yield from made.T

    def _fitted(self, rows: pd.DataFrame, labels: Labels | None) -> Floats:
        module, _, name = self.by.rpartition(".")
        try:
            self.transformer = getattr(importlib.import_module(module), name)(**json.loads(self.options))
            target = None if labels is None else labels.values
            return _numbers(self.transformer.fit_transform(self._taken(rows), target))
        except (TypeError, ValueError) as error:
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise SpecError(f"features.transform: {self.label}: {said}; look at its columns and options") from None

    def _taken(self, rows: pd.DataFrame) -> Any:
        """The columns as an array: numbers without gaps, or texts."""
        if len(self.fills) == len(self.names):
            values = rows[list(self.names)].to_numpy(dtype=float)
            if self.by in _READ_GAPS:
                return values
            return np.where(np.isfinite(values), values, np.array([self.fills[name] for name in self.names]))
        columns = [rows[name].astype("str").fillna("").to_numpy(dtype=object) for name in self.names]
        return np.column_stack(columns)

    def _called(self, rows: pd.DataFrame) -> Floats:
        root = project_folder()
        with project_first(root):
            function = find_function(self.by, root)
            try:
                found = function(rows[list(self.names)].copy(), **json.loads(self.options))
            except EvergreenError:
                raise
            except Exception as error:
                raise DataError(
                    f"features.transform: {self.by}: raised {type(error).__name__}: {error}; correct the function"
                ) from None
        made = _numbers(found)
        if len(made) != len(rows):
            raise DataError(f"features.transform: {self.by}: gave {len(made):,} rows for {len(rows):,}; give one a row")
        return made

    def _check_alone(self, rows: pd.DataFrame, made: Floats) -> None:
        """Refuse a function that looks at other rows: it would say something else of a row when it is scored."""
        for at in range(min(_CHECKED, len(rows))):
            alone = self._called(rows.iloc[[at]])
            if alone.shape[1] != made.shape[1] or not np.allclose(alone[0], made[at], rtol=1e-9, equal_nan=True):
                raise SpecError(
                    f"features.transform: {self.by}: says something else of a row alone than among others, so that "
                    "scoring would differ from training; compute each row from itself, or name a transformer of "
                    "scikit-learn, which keeps what it learned"
                )


def check_transformer(by: str) -> None:
    """Refuse a name that is neither a function of the project nor one of ``TRANSFORMERS``.

    Raises:
        SpecError: the message names those that may be named.
    """
    if ":" in by or by in TRANSFORMERS:
        return
    near = did_you_mean(by, TRANSFORMERS)
    raise SpecError(
        f"features.transform: {by}: is not among the transformers that a model may hold{near}; write module:function "
        f"for one of the project, or name one of {', '.join(TRANSFORMERS)}"
    )


def check_named(frame: pd.DataFrame, asked: Features) -> None:
    """Refuse transformations that cannot be, and names of columns that are not there, before anything is fitted.

    Args:
        frame: The table, whose history features are not there yet.
        asked: The spec's features.

    Raises:
        SpecError: a name that may not stand there, or a column that is not there.
    """
    for one in asked.transform:
        check_transformer(one.by)
    made = {history_name(rule, take) for rule in asked.history for take in rule.take}
    there = [str(column) for column in frame.columns if not str(column).startswith("__")]
    named = {f"features.transform: {one.by}": one.columns for one in asked.transform}
    named |= {"features.missing.columns": tuple(asked.missing.columns)}
    named |= {} if isinstance(asked.text, str) else {"features.text": asked.text}
    for where, names in named.items():
        for name in names:
            if name not in made and name not in there:
                raise SpecError(f"{where}: {name}: the table has no such column{did_you_mean(name, there)}")
            if name in asked.exclude:
                raise SpecError(f"{where}: {name} stands in features.exclude too; take it out of one of them")


def _numbers(found: Any) -> Floats:
    """What a transformation gave, as numbers (n, j)."""
    if hasattr(found, "toarray"):
        found = found.toarray()
    if isinstance(found, pd.Series):
        found = found.to_frame()
    try:
        values = np.asarray(found, dtype=float)
    except (TypeError, ValueError):
        raise DataError("features.transform: gave something else than numbers; give numbers only") from None
    return values[:, None] if values.ndim == 1 else values
