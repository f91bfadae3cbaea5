"""Other tables' columns beside each row, as they were known at its cut-off."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from evergreen.data.columns import check_columns, join_names
from evergreen.data.times import to_utc
from evergreen.errors import DataError
from evergreen.handoffs import CUT_OFF
from evergreen.spec import Join
from evergreen.whole_numbers import comparable, nullable, settled

_PARTNER = "__partner"


def join_table(rows: pd.DataFrame, other: pd.DataFrame, join: Join, as_of: pd.Timestamp, timezone: str) -> pd.DataFrame:
    """Add the columns of one table: by key or, with ``join.as_of``, its newest row known at each row's cut-off.

    A row of the other table is never used before its own time, at the cut-off or at ``as_of``, nor when it is older
    than the tolerance. Rows without a partner get nulls, null keys have none. Joined integers become float64 (or
    nullable, where that would round them) and booleans nullable whether or not a partner is missing, so that types do
    not depend on the window.

    Args:
        rows: Sorted by the cut-off where there is one.
        other: The table to join, with all key columns.
        join: What to join on.
        as_of: The moment whose knowledge the result shows.
        timezone: The zone of times that carry none.

    Returns:
        ``rows`` with more columns, in the same order. Names that exist already get the table's name before them.

    Raises:
        DataError: a column is missing, the other table has a key twice, or keys are of different kinds.
    """
    keys = list(join.on)
    taken = list(join.columns) if join.columns is not None else [str(name) for name in other.columns]
    check_columns(rows, keys, "rows")
    check_columns(other, [*keys, *([join.as_of] if join.as_of else []), *taken], str(join.source))
    _check_kinds(rows, other, join)
    wanted = dict.fromkeys([*keys, *([join.as_of] if join.as_of else []), *taken])
    other = other.loc[other[keys].notna().all(axis=1), list(wanted)]
    if join.as_of is None:
        _refuse_twins(other, keys, str(join.source))
        partner = _partner_by_key(rows, other, keys)
    else:
        known = to_utc(other[join.as_of], timezone, f"{join.source}: {join.as_of}", repeated="second")
        other = other.assign(**{join.as_of: known})[(known <= as_of).to_numpy()].sort_values(join.as_of, kind="stable")
        _refuse_twins(other, [*keys, join.as_of], str(join.source))
        partner = _partner_by_time(rows, other, join)
    return _beside(rows, other.drop(columns=keys), partner, join)


def _partner_by_key(rows: pd.DataFrame, other: pd.DataFrame, keys: list[str]) -> pd.Series:
    left, right = _alike(rows[keys], other[keys], keys)
    right = right.assign(**{_PARTNER: np.arange(len(other))})
    return left.merge(right, on=keys, how="left", validate="many_to_one")[_PARTNER]


def _partner_by_time(rows: pd.DataFrame, other: pd.DataFrame, join: Join) -> pd.Series:
    keys, moment = list(join.on), str(join.as_of)
    left, right = _alike(rows[[CUT_OFF, *keys]], other[[*keys, moment]], keys)
    right = right.assign(**{_PARTNER: np.arange(len(other))}).rename(columns={moment: CUT_OFF})
    tolerance = None if join.tolerance is None else pd.Timedelta(join.tolerance)
    return pd.merge_asof(left, right, on=CUT_OFF, by=keys, direction="backward", tolerance=tolerance)[_PARTNER]


def _alike(left: pd.DataFrame, right: pd.DataFrame, keys: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both sides with keys of one type, in which no two different ones become equal."""
    for name in keys:
        if left[name].dtype == right[name].dtype:
            continue
        if _kind(left[name]) == _kind(right[name]) == "numbers":
            ours, theirs = comparable(_uncategorised(left[name]), _uncategorised(right[name]))
        elif _kind(left[name]) == "times":
            continue
        else:
            ours, theirs = left[name].astype("str"), right[name].astype("str")
        left, right = left.assign(**{name: ours}), right.assign(**{name: theirs})
    return left, right


def _uncategorised(values: pd.Series) -> pd.Series:
    return values.astype(values.cat.categories.dtype) if isinstance(values.dtype, pd.CategoricalDtype) else values


def _beside(rows: pd.DataFrame, other: pd.DataFrame, partner: pd.Series, join: Join) -> pd.DataFrame:
    positions = partner.fillna(-1).astype("int64").to_numpy()
    names = join_names(rows.columns, other.columns, join)
    columns = {}
    for name, values in other.reset_index(drop=True).items():
        if pd.api.types.is_bool_dtype(values.dtype):
            values = values.astype("boolean")
        columns[names[str(name)]] = settled(nullable(values).reindex(positions).set_axis(rows.index))
    return pd.concat([rows, pd.DataFrame(columns, index=rows.index)], axis=1)


def _refuse_twins(other: pd.DataFrame, keys: Sequence[str], source: str) -> None:
    twice = other.duplicated(list(keys))
    if twice.any():
        example = ", ".join(f"{name}={other.loc[twice, name].iloc[0]}" for name in keys)
        raise DataError(
            f"{source}: {int(twice.sum()):,} rows repeat a key ({example}); keep one row a {' and '.join(keys)}, "
            "or join by more columns"
        )


def _check_kinds(rows: pd.DataFrame, other: pd.DataFrame, join: Join) -> None:
    for name in join.on:
        ours, theirs = _kind(rows[name]), _kind(other[name])
        if ours != theirs and not (rows[name].isna().all() or other[name].isna().all()):
            raise DataError(
                f"{join.source}: column {name} holds {theirs} here and {ours} in the rows; write both the same way"
            )


def _kind(values: pd.Series) -> str:
    dtype = values.dtype.categories.dtype if isinstance(values.dtype, pd.CategoricalDtype) else values.dtype
    if pd.api.types.is_numeric_dtype(dtype):
        return "numbers"
    return "times" if pd.api.types.is_datetime64_any_dtype(dtype) else "text"
