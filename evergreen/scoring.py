"""Predictions as rows of the ledger: which are due, what they say, and which of them came too late to count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.errors import SpecError, did_you_mean
from evergreen.handoffs import CUT_OFF, DAY, KEY, TARGET, TIME, ModelVersion
from evergreen.learning_tasks import DECISION, PREDICTION, TASKS
from evergreen.whole_numbers import as_text

#: Columns of a prediction beside those of its row.
SCORED_AT, VERSION, LATE = "scored_at", "version", "late"


@dataclass(frozen=True)
class Before:
    """What the ledger held of a range of cut-offs before it is scored again.

    ``ranges`` are the parts ``(since, until]`` that were scored, ``rows`` the columns ``__key`` and ``late`` of their
    predictions.
    """

    ranges: tuple[tuple[datetime, datetime], ...]
    rows: pd.DataFrame


def due(last: datetime | None, crowned: datetime, as_of: datetime) -> tuple[datetime, datetime] | None:
    """The cut-offs ``(since, until]`` that have come and were not scored; None where there are none.

    Args:
        last: The newest cut-off that was scored, or None.
        crowned: The moment as of which the champion was crowned: where nothing was scored yet, scoring begins there.
        as_of: The run's clock; where it was set back, nothing is due.
    """
    since = crowned if last is None else last
    return (since, as_of) if since < as_of else None


def predictions(
    rows: pd.DataFrame,
    values: NDArray[np.float64],
    version: ModelVersion,
    slices: Sequence[str],
    as_of: datetime,
    known: Before | None = None,
) -> pd.DataFrame:
    """What a version says about rows, as the ledger keeps it.

    A prediction is ``late``, and never counts as live performance, where its row was first seen after its event: it was
    not there when its cut-off was scored before. A first scoring of a range marks nothing late, so that one run may
    cover a week of cut-offs. Late too are rows of a time that the version was fitted on. Without a time a row is late
    where its label was known before its first prediction.

    Args:
        rows: A feature table, (n, any columns); of rows that share a key the first counts.
        values: From ``training.predict``: (n,), or (n, k) for k classes.
        version: Who says it.
        slices: Columns that go along, as text.
        as_of: When it is said.
        known: What the ledger held of these cut-offs before.

    Returns:
        One row a key: ``__key``, the row's times where it has any, ``scored_at``, ``version``, ``prediction`` (the
        probability of class 1, the quantity, the middle quantile, or the code of the most probable of several classes),
        the ``columns`` of several classes or quantiles, ``decision`` (the class's name, or the quantity), ``late``, and
        the slices.

    Raises:
        SpecError: a slice is not among the columns, or bears the name of a column of the ledger.
    """
    times = [name for name in (KEY, TIME, CUT_OFF, DAY) if name in rows]
    table = rows[times].assign(
        **{
            SCORED_AT: pd.Series(pd.Timestamp(as_of).tz_convert("UTC"), index=rows.index).dt.as_unit("us"),
            VERSION: np.int64(version.version),
            **TASKS[version.task].ledger(values, version.classes, version.threshold),
            LATE: _late(rows, version, pd.Timestamp(as_of), known or Before((), rows.head(0).assign(late=False))),
        }
    )
    for name in slices:
        if name not in rows or name in table:
            what = "is a column of the ledger itself" if name in table else "the rows have no such column"
            raise SpecError(f"monitoring.slices: {name}: {what}{did_you_mean(name, map(str, rows.columns))}")
        table[name] = as_text(rows[name])
    return table[~table[KEY].duplicated().to_numpy()].reset_index(drop=True)


def values(rows: pd.DataFrame, version: ModelVersion) -> NDArray[np.float64]:
    """What ``training.predict`` gave for rows of the ledger: (n,), or (n, k) for k classes."""
    if TASKS[version.task].columns:
        return rows[columns(version)].to_numpy(dtype=float)
    return rows[PREDICTION].to_numpy(dtype=float)


def columns(version: ModelVersion) -> list[str]:
    """The columns beside ``prediction``: one a class of several (``p_0``, ...), or one a quantile (``q_0.1``, ...)."""
    return TASKS[version.task].ledger_columns(version.classes)


def nothing(timed: bool) -> pd.DataFrame:
    """The predictions of a range without rows."""
    moments = [TIME, CUT_OFF, SCORED_AT] if timed else [SCORED_AT]
    columns = {KEY: "str", **dict.fromkeys(moments, "datetime64[us, UTC]"), VERSION: "int64", PREDICTION: "float64",
               DECISION: "str", LATE: "bool"}  # fmt: skip
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()})


def _late(rows: pd.DataFrame, version: ModelVersion, as_of: pd.Timestamp, known: Before) -> NDArray[np.bool_]:
    keys, before = rows[KEY], known.rows
    if keys.dtype != before[KEY].dtype:
        keys, before = as_text(keys), before.assign(**{KEY: as_text(before[KEY])})
    new = ~keys.isin(before[KEY]).to_numpy()
    was_late = keys.isin(before.loc[before[LATE], KEY]).to_numpy()
    if TIME not in rows:
        return np.asarray(was_late | (new & rows[TARGET].notna().to_numpy()))
    covered = np.zeros(len(rows), dtype=bool)
    for since, until in known.ranges:
        covered |= ((rows[CUT_OFF] > pd.Timestamp(since)) & (rows[CUT_OFF] <= pd.Timestamp(until))).to_numpy()
    late = was_late | (new & covered & (rows[TIME] <= as_of).to_numpy())
    if version.fitted_until is not None:
        late |= (rows[TIME] < pd.Timestamp(version.fitted_until)).to_numpy()
    return np.asarray(late)
