"""The reference profile: what the model's rows looked like, as counts by window, so that they are never read again.

Each column is cut into cells once, on the reference rows: a number at its quantiles, a category at its frequent levels.
What is stored is how many rows each reference window had in each cell; a live window is counted in the same cells.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from evergreen.arrays import Floats
from evergreen.errors import DataError
from evergreen.monitoring.cells import ColumnProfile, Whole, count_column, cut_column

#: The name of the predictions among the columns; one class of several is ``prediction/CODE``.
PREDICTION = "prediction"


@dataclass(frozen=True)
class Profile:
    """The columns' cells and counts by reference window ``(start, end, rows)``.

    ``prediction`` is empty without predictions, one profile for probabilities or numbers, and one a class for (n, k).
    """

    columns: tuple[ColumnProfile, ...]
    windows: tuple[tuple[datetime, datetime, int], ...]
    prediction: tuple[ColumnProfile, ...] = ()

    @property
    def every(self) -> tuple[ColumnProfile, ...]:
        """The columns and the predictions."""
        return self.columns + self.prediction


@dataclass(frozen=True)
class Counts:
    """A live window in the cells of a profile, by column name.

    ``unseen`` counts the rows whose level no reference row had, or whose number lies outside the reference's range (-1
    where that cannot be told); ``unseen_levels`` names at most ten such levels; ``absent`` names the columns that the
    frame does not have, which count as missing throughout.
    """

    rows: int
    cells: dict[str, tuple[int, ...]]
    missing: dict[str, int]
    unseen: dict[str, int]
    unseen_levels: dict[str, tuple[str, ...]]
    absent: tuple[str, ...] = ()


def build_profile(
    frame: pd.DataFrame,
    columns: Sequence[str],
    categorical: Sequence[str],
    windows: Whole,
    bounds: Sequence[tuple[datetime, datetime]],
    predictions: Floats | None = None,
) -> Profile:
    """Cut columns into cells and count the reference windows in them.

    Args:
        frame: Reference rows; (n, at least ``columns``).
        columns: The columns to profile.
        categorical: Those of them that are categories though they hold numbers. Text, booleans and categories always
            are; of times, only what is missing is counted, because they run on by themselves.
        windows: (n,): the number of each row's reference window, an index into ``bounds``; -1 for none.
        bounds: ``[start, end)`` of each reference window.
        predictions: (n,): P(class 1) or numbers; (n, k) for k classes. They should be out of sample.

    Raises:
        DataError: the frame lacks a column, or the arrays differ in length.
    """
    absent = [name for name in columns if name not in frame.columns]
    if absent:
        raise DataError(f"reference profile: the rows have no column {', '.join(absent)}; profile only what they have")
    if len(windows) != len(frame) or (predictions is not None and len(predictions) != len(frame)):
        raise DataError("reference profile: windows and predictions must have one entry a row of the frame")
    numbers, count = np.asarray(windows, dtype=np.int64), len(bounds)
    rows = np.bincount(numbers[numbers >= 0], minlength=count)
    return Profile(
        tuple(cut_column(frame[name], name, name in set(categorical), numbers, count) for name in columns),
        tuple((start, end, int(n)) for (start, end), n in zip(bounds, rows, strict=True)),
        tuple(cut_column(values, name, False, numbers, count) for name, values in _by_class(predictions).items()),
    )


def count(frame: pd.DataFrame, profile: Profile, predictions: ArrayLike | None = None) -> Counts:
    """Count a live window in the profile's cells, in one pass and without sorting it.

    Args:
        frame: (n, at least the profile's columns); a column that is not there counts as missing throughout.
        profile: From ``build_profile``.
        predictions: (n,) or (n, k), as in the profile; without them the predictions are not counted.
    """
    cells, unseen, named = {}, {}, {}
    absent = tuple(column.name for column in profile.columns if column.name not in frame.columns)
    live: dict[str, Any] = {column.name: frame.get(column.name) for column in profile.columns}
    scores = _by_class(None if predictions is None else np.asarray(predictions, dtype=np.float64))
    for column in profile.columns + tuple(column for column in profile.prediction if column.name in scores):
        values = scores[column.name] if column in profile.prediction else live[column.name]
        cells[column.name], unseen[column.name], named[column.name] = count_column(values, column, len(frame))
    missing = {name: int(counts[-1]) for name, counts in cells.items()}
    whole = {name: tuple(counts.tolist()) for name, counts in cells.items()}
    return Counts(len(frame), whole, missing, unseen, named, absent)


def to_json(profile: Profile) -> str:
    """The profile as one line of JSON, to be stored beside the model."""
    return json.dumps(asdict(profile), default=datetime.isoformat, separators=(",", ":"))


def from_json(text: str) -> Profile:
    """Read what ``to_json`` wrote."""
    document = json.loads(text)
    windows = tuple(
        (datetime.fromisoformat(start), datetime.fromisoformat(end), rows) for start, end, rows in document["windows"]
    )
    columns, prediction = (tuple(_read_column(item) for item in document[key]) for key in ("columns", "prediction"))
    return Profile(columns, windows, prediction)


def _read_column(item: Mapping[str, Any]) -> ColumnProfile:
    return ColumnProfile(
        item["name"],
        item["kind"],
        tuple(item["edges"]),
        tuple(item["levels"]),
        tuple(tuple(window) for window in item["counts"]),
        None if item["rare"] is None else tuple(item["rare"]),
    )


def _by_class(predictions: Floats | None) -> dict[str, Floats]:
    if predictions is None:
        return {}
    if predictions.ndim == 1:
        return {PREDICTION: predictions}
    return {f"{PREDICTION}/{code}": predictions[:, code] for code in range(predictions.shape[1])}
