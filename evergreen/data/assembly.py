"""The assembled table: raw rows, joined columns, and what was known when; nothing that was unknown as of a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pandas as pd

from evergreen.data.columns import check_declaration, join_stem, later_columns
from evergreen.data.joining import join_table
from evergreen.data.keys import content_key, group_names, named_key
from evergreen.data.times import local_day, to_utc, within_reach
from evergreen.errors import DataError
from evergreen.handoffs import CUT_OFF, DAY, GROUP, KEY, KNOWN_AT, RESERVED, TARGET, TIME
from evergreen.spec import Data, ModelSpec
from evergreen.whole_numbers import nullable, settled

#: When labels were known that carry no time at all: always.
_EVER = pd.Timestamp(0, tz="UTC")


def assemble(rows: pd.DataFrame, joins: Sequence[pd.DataFrame], data: Data, as_of: datetime) -> pd.DataFrame:
    """Join the tables to the rows and leave only what was known at ``as_of``.

    Beside the raw columns the result holds ``__key``, ``__target`` and ``__known_at``, with an event time ``__time``,
    ``__cut_off`` and ``__day``, and ``__group`` where the spec names one. Values of `later` columns that were not known
    at ``as_of`` are null, the label too (under both its names). Columns that may be masked change their type once and
    for all: integers and booleans become float64, so that the type does not depend on ``as_of`` (integers of which one
    that is known would be rounded so are nullable). Without a time of
    their own labels count as known since 1970. A table without a single label is fine here: it may be there to be
    scored; training refuses it.

    Args:
        rows: The main source's rows, as read; not changed.
        joins: One table a join of ``data.join``, in that order.
        data: What the columns mean.
        as_of: The moment whose knowledge the table shows, with a zone.

    Returns:
        One row a row of ``rows``, by event time and key, with a fresh index; equal rows in any order give equal tables.

    Raises:
        DataError: a column is missing or stands twice, keys repeat, or a label is infinite.
        LeakError: a join looks for a value that is not known at the cut-off.
    """
    check_declaration(rows, data)
    if len(joins) != len(data.join):
        raise DataError(f"{data.source}: {len(data.join)} joins are declared, {len(joins)} tables were given")
    moment = pd.Timestamp(as_of).tz_convert("UTC")
    table = _reserved(within_reach(rows.reset_index(drop=True)), data)
    del rows  # where nobody else holds them, each column goes as it is put in order
    table = _ordered(table, data)
    for join, other in zip(data.join, joins, strict=True):
        table = join_table(table, other, join, moment, data.timezone)
    return _masked(table, data, moment)


def inputs(frame: pd.DataFrame, spec: ModelSpec) -> tuple[str, ...]:
    """The raw columns of an assembled table that a model may look at, in the table's order.

    Left out: reserved columns, key, event time (calendar features come from ``__time``) and its partition, target,
    `later` columns and the times at which they are known, the times of joined rows, weights, exposures, what
    ``features.exclude`` names and, without an event time, the group: the groups that are predicted are others than
    those learned from.
    """
    data = spec.data
    hidden = {
        *RESERVED, data.key, data.time, data.partition, data.target.column, *later_columns(data),
        *spec.features.exclude, spec.training.weight, spec.training.exposure, None if data.time else data.group,
    }  # fmt: skip
    for join in data.join:
        if join.as_of:
            hidden |= {join.as_of, f"{join_stem(join)}_{join.as_of}"}
    return tuple(str(name) for name in frame.columns if name not in hidden)


def _reserved(rows: pd.DataFrame, data: Data) -> pd.DataFrame:
    """Add the reserved columns, unmasked."""
    label = _label(rows, data)
    columns: dict[str, pd.Series] = {KEY: named_key(rows, data) if data.key else content_key(rows, data)}
    if data.group:
        columns[GROUP] = group_names(rows[data.group], columns[KEY])
    known = pd.Series(_EVER, index=rows.index).dt.as_unit("us")
    if data.time:
        columns[TIME] = to_utc(rows[data.time], data.timezone, f"{data.source}: {data.time}")
        missing = int(columns[TIME].isna().sum())
        if missing:
            raise DataError(f"{data.source}: {data.time}: {missing:,} rows have no event time; fill it in or drop them")
        columns[CUT_OFF] = columns[TIME] - pd.Timedelta(data.lead)
        columns[DAY] = local_day(columns[TIME], data.timezone)
        known = columns[TIME] + pd.Timedelta(data.target.delay)
    if data.target.known_at:
        name = data.target.known_at
        known = to_utc(rows[name], data.timezone, f"{data.source}: {name}", repeated="second")
    columns[TARGET] = label
    columns[KNOWN_AT] = known.where(label.notna()).dt.as_unit("us")
    times = {name: columns[TIME] for name in [data.time] if name}
    for name in dict.fromkeys(later_columns(data).values()):
        times[name] = to_utc(rows[name], data.timezone, f"{data.source}: {name}", repeated="second")
    return pd.concat([rows.assign(**times), pd.DataFrame(columns)], axis=1)


def _label(rows: pd.DataFrame, data: Data) -> pd.Series:
    where = f"{data.source}: target {data.target.column}"
    label = _maskable(rows[data.target.column])
    if pd.api.types.is_numeric_dtype(label.dtype) and np.isinf(label.to_numpy("float64", na_value=np.nan)).any():
        raise DataError(f"{where}: holds infinite values; correct them or make them null")
    return label


def _ordered(table: pd.DataFrame, data: Data) -> pd.DataFrame:
    """The table by event time and key; ``table`` is used up, since two of a large one are one too many."""
    # Rows of equal content share a key where none is named; the label then settles their order.
    by = [*([TIME] if data.time else []), KEY, *([] if data.key else [TARGET])]
    order = table[by].sort_values(by, kind="stable").index.to_numpy()
    if (order[1:] > order[:-1]).all():
        return table
    names, columns = list(table.columns), dict[str, pd.Series]()
    step = 1 + len(names) // 32  # a few at a time: to take one away costs as much as the table is wide
    for first in range(0, len(names), step):
        some = names[first : first + step]
        columns |= {name: table[name].take(order).reset_index(drop=True) for name in some}
        table.drop(columns=some, inplace=True)
    return pd.DataFrame(columns, copy=False)


def _masked(table: pd.DataFrame, data: Data, as_of: pd.Timestamp) -> pd.DataFrame:
    """Null every value that became known after ``as_of``, or of which nobody knows when."""
    columns = {}
    for name, known in later_columns(data).items():
        columns[name] = _maskable(table[name]).where(table[known] <= as_of)
    known_label = table[KNOWN_AT] <= as_of
    columns[TARGET] = table[TARGET].where(known_label)
    target = columns.get(data.target.column, table[TARGET])
    columns[data.target.column] = target.where(known_label)
    return table.assign(**{name: settled(values) for name, values in columns.items()})


def _maskable(values: pd.Series) -> pd.Series:
    """The same values in a type that has nulls."""
    return values.astype("float64") if pd.api.types.is_bool_dtype(values.dtype) else nullable(values)
