"""Which columns a model's file speaks of, and what it says about them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from evergreen.errors import DataError, LeakError, did_you_mean
from evergreen.handoffs import KEY, RESERVED
from evergreen.spec import Data, Join, ModelSpec, Sql


def columns_needed(data: Data) -> tuple[str, ...]:
    """The columns of the main source that the ``data`` part names; none of them may be missing.

    Columns that an earlier join could bring (keys of a join) are not among them.
    """
    roles = (data.key, data.group, data.time, data.target.column, data.target.known_at)
    named = [*roles, *data.later, *data.later.values()]
    return tuple(dict.fromkeys(name for name in named if name))


def later_columns(data: Data) -> dict[str, str]:
    """Columns unknown at the cut-off with the column that says when they are known.

    A time at which something became known is itself not known before: each such column stands here too, by itself.
    """
    known = [*data.later.values(), *([data.target.known_at] if data.target.known_at else [])]
    return {**{name: name for name in known}, **data.later}


def join_stem(join: Join) -> str:
    """The name by which a joined table's columns are told apart: its file's, folder's, function's or table's."""
    if isinstance(join.source, Sql):
        return join.source.table
    return PurePosixPath(join.source.rstrip("/")).name.split(".")[0].split(":")[-1] or "joined"


def join_names(present: Iterable[str], arriving: Iterable[str], join: Join) -> dict[str, str]:
    """The names under which a table's columns are joined: their own, or ``stem_name`` where that is taken."""
    taken = set(present)
    names = {}
    for name in map(str, arriving):
        names[name] = f"{join_stem(join)}_{name}" if name in taken else name
        if names[name] in taken:
            raise DataError(
                f"{join.source}: columns {name} and {names[name]} exist already; rename one or list columns"
            )
        taken.add(names[name])
    return names


def check_columns(frame: pd.DataFrame, needed: Iterable[str], where: str) -> None:
    """Refuse a table that lacks a column or has one twice.

    Raises:
        DataError: the message names the column, and the nearest one that is there.
    """
    names = [str(name) for name in frame.columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"{where}: column {twice[0]} stands twice; rename one of them")
    for name in needed:
        if name not in names:
            raise DataError(f"{where}: no column {name}{did_you_mean(name, names)}")


def check_named(table: pd.DataFrame, spec: ModelSpec) -> None:
    """Refuse a table of features that lacks a column which another part of the spec names.

    Raises:
        DataError: the message names the source, the column, and the key of the spec.
    """
    named = {
        "promotion.slices": spec.promotion.slices,
        "training.weight": [spec.training.weight] if spec.training.weight else [],
        "training.exposure": [spec.training.exposure] if spec.training.exposure else [],
        "features.categorical": spec.features.categorical,
    }
    for key, names in named.items():
        for name in names:
            if name not in table:
                near = did_you_mean(name, (str(one) for one in table.columns if one not in RESERVED))
                raise DataError(f"{spec.data.source}: no column {name}, which {key} of {spec.model} names{near}")


def refuse_infinities(table: pd.DataFrame, names: Iterable[str], source: str) -> None:
    """Refuse an assembled table in which a column that a model looks at holds infinite numbers.

    Raises:
        DataError: the message names the column, how many rows, and the key of the first.
    """
    for name in names:
        if not pd.api.types.is_float_dtype(table[name].dtype):
            continue
        infinite = np.isinf(table[name].to_numpy("float64", na_value=np.nan))
        if infinite.any():
            raise DataError(
                f"{source}: column {name}: {int(infinite.sum()):,} rows hold an infinite value (first: key "
                f"{table.loc[infinite, KEY].iloc[0]}); correct it, make it null, or let a quarantine rule put such "
                "rows aside"
            )


def check_declaration(rows: pd.DataFrame, data: Data) -> None:
    """Refuse rows that do not fit what the model's file says of them.

    Raises:
        DataError: a column is missing, stands twice or bears a reserved name, or a rule needs an event time.
        LeakError: a join looks for a value that is not known at the cut-off.
    """
    check_columns(rows, columns_needed(data), str(data.source))
    reserved = [name for name in RESERVED if name in rows.columns]
    if reserved:
        raise DataError(f"{data.source}: column {reserved[0]} has a name that Evergreen uses itself; rename it")
    hidden = {**later_columns(data), data.target.column: "label"}
    for join in data.join:
        for name in join.on:
            if name in hidden:
                raise LeakError(
                    f"{join.source}: joined on {name}, which is not known at a row's cut-off; join on another"
                )
        if join.as_of and not data.time:
            raise DataError(f"{join.source}: as_of {join.as_of} needs an event time; set data.time or leave as_of out")
