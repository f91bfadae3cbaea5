"""Row features of one row: what ``RowFeatures.transform`` makes of a table, for a mapping of names to values.

Each kind of piece has its plan here; what is learned is read from the fitted pieces, never learned again. A piece that
has no plan (free text, a transformation) is asked itself, by a table of one row.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from evergreen.arrays import Floats, Matrix
from evergreen.features.rows import RowFeatures
from evergreen.features.rows.custom import Custom
from evergreen.features.rows.levels import Levels, Means
from evergreen.features.rows.numbers import Numbers, finite
from evergreen.features.rows.times import TREND, Times, part_of
from evergreen.features.signature import SignatureRows, check_columns
from evergreen.serving.casts import CASTS

#: A row's values by column, cast to their kinds.
Values = Mapping[str, Any]
#: The values of all columns of a piece.
Plan = Callable[[Values], Sequence[float]]

_NAN = float("nan")


class OneRow:
    """A fitted transformer for one row at a time.

    Args:
        rows: The fitted transformer.

    Attributes:
        general: The columns that are made by a table of one row, by what makes them; that takes a millisecond each.
    """

    def __init__(self, rows: RowFeatures) -> None:
        self._casts = {name: CASTS[kind] for name, kind in rows.kinds_.items()}
        self._parts: list[tuple[Plan, list[int]]] = []
        self._width = len(rows.columns_)
        self.general: list[str] = []
        for piece, places in zip(rows.pieces_, rows.places_, strict=True):
            if not places:
                continue
            self._parts.append((self._plan(piece, rows), places))

    def matrix(self, row: Mapping[str, Any]) -> Matrix:
        """A row as a float32 matrix of shape (1, k).

        Raises:
            DataError: an input is missing, or nested.
        """
        if not self._casts.keys() <= row.keys():
            check_columns(self._casts, row.keys())
        values = {name: cast(row[name]) for name, cast in self._casts.items()}
        made: list[float] = []
        for plan, places in self._parts:
            columns = plan(values)
            made += [columns[place] for place in places]
        return finite(np.array(made, dtype=np.float64))[None, :]

    def _plan(self, piece: Any, rows: RowFeatures) -> Plan:
        made = _PLANS.get(type(piece))
        if made is not None:
            return made(piece)
        what = f"transformation {piece.label}" if isinstance(piece, Custom) else f"free text {', '.join(piece.names)}"
        self.general.append(what)
        return _asked(piece, {name: rows.kinds_[name] for name in piece.names})


def _numbers(piece: Numbers) -> Plan:
    names = piece.names
    low, high = (np.array(ends) for ends in zip(*piece.bounds, strict=True))
    if np.isneginf(low).all() and np.isposinf(high).all():
        return lambda values: [values[name] for name in names]
    return lambda values: np.clip([values[name] for name in names], low, high).tolist()


def _levels(piece: Levels) -> Plan:
    places = [(name, _codes(known)) for name, known in piece.known.items()]

    def made(values: Values) -> list[float]:
        return [_NAN if values[name] is None else codes.get(values[name], rare) for name, (codes, rare) in places]

    return made


def _means(piece: Means) -> Plan:
    tables = [(name, *_codes(known), piece.tables[name].tolist()) for name, known in piece.known.items()]

    def made(values: Values) -> list[float]:
        columns: list[float] = []
        for name, codes, rare, table in tables:
            # A missing value's is the last line.
            columns += table[-1 if values[name] is None else int(codes.get(values[name], rare))]
        return columns

    return made


def _codes(known: str) -> tuple[dict[str, float], float]:
    """The code of each level, and that of rare and unseen ones."""
    levels = json.loads(known)
    return {level: float(place) for place, level in enumerate(levels)}, float(len(levels))


def _times(piece: Times) -> Plan:
    described, zone = list(piece.described()), piece.plan.timezone
    first, last = piece.age

    def made(values: Values) -> list[float]:
        moments: dict[str, pd.Timestamp] = {}
        columns: list[float] = []
        for column in described:
            end, start = values[column.end], 0 if column.start is None else values[column.start]
            if end is None or start is None:
                columns.append(_NAN)
            elif column.part and column.part != TREND:
                if column.end not in moments:
                    moments[column.end] = pd.Timestamp(end, tz="UTC").tz_convert(zone)
                columns.append(float(part_of(moments[column.end], column.part)))
            else:
                hours = pd.Timedelta(end - start, "ns").total_seconds() / 3600
                columns.append(float(np.clip(hours / 24, first, last) - first) if column.part else hours)
        return columns

    return made


def _asked(piece: Any, kinds: Mapping[str, str]) -> Plan:
    """A piece by a table of one row."""

    def made(values: Values) -> list[float]:
        frame = pd.DataFrame({name: _series(kind, values[name]) for name, kind in kinds.items()})
        columns: list[Floats] = list(piece.values(SignatureRows(frame, kinds)))
        return [float(column[0]) for column in columns]

    return made


def _series(kind: str, value: Any) -> pd.Series:
    if kind == "time":
        return pd.Series([pd.NaT if value is None else pd.Timestamp(value)], dtype="datetime64[ns]")
    return pd.Series([value], dtype="float64" if kind == "number" else "str")


_PLANS: dict[type, Callable[[Any], Plan]] = {Numbers: _numbers, Times: _times, Levels: _levels, Means: _means}
