"""Rows that a function of the project gives: ``module:function``."""

from __future__ import annotations

import inspect
import logging
import traceback
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pandas as pd
import pyarrow as pa

from evergreen.errors import DataError, EvergreenError, did_you_mean
from evergreen.functions import find_function, project_first
from evergreen.io.sources.arrow_types import LEFT_OUT, is_opaque, plain
from evergreen.io.sources.parquet import flattened
from evergreen.io.sources.values import packed
from evergreen.whole_numbers import settled

logger = logging.getLogger(__name__)


def call(source: str, root: Path, columns: Sequence[str] | None, window: dict[str, datetime | None]) -> pd.DataFrame:
    """Call a function of the project's folder and take the rows that it returns.

    Args:
        source: ``module:function``; the module is looked for in the project first.
        root: The project's folder.
        columns: The columns to keep; all by default.
        window: ``start``, ``end`` and ``as_of``, None where there is no bound; it is given those that it accepts.

    Raises:
        DataError: there is no such function, it raised, or what it returns is no table.
    """
    with project_first(root):
        function = find_function(source, root)
        try:
            found = function(**_accepted(source, function, window))
        except EvergreenError:
            raise
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(last.filename).name} line {last.lineno}"
            raise DataError(
                f"{source}: raised {type(error).__name__} at {where}: {error}; correct the function"
            ) from None
    rows = _table(found, source) if isinstance(found, pa.Table) else found
    if not isinstance(rows, pd.DataFrame):
        raise DataError(f"{source}: returned {type(found).__name__}; return a pandas DataFrame or a pyarrow Table")
    rows = rows.reset_index(drop=True).rename(columns=str)
    names = rows.columns.tolist()
    for one in names:
        if names.count(one) > 1:
            raise DataError(f"{source}: column {one} stands twice; rename one of them")
    for one in columns or ():
        if one not in names:
            raise DataError(f"{source}: no column {one}{did_you_mean(one, names)}")
    rows = rows if columns is None else rows[list(columns)]
    typed = {name: _typed(values, f"{source}: column {name}") for name, values in rows.items()}
    return pd.DataFrame(typed, index=rows.index)


def _table(found: pa.Table, source: str) -> pd.DataFrame:
    """An Arrow table as a file would give it."""
    flat = flattened(found)
    opaque = [field.name for field in flat.schema if is_opaque(field.type)]
    for name in opaque:
        logger.warning(LEFT_OUT, source, name)
    return plain(flat.drop_columns(opaque))


def _typed(values: pd.Series, where: str) -> pd.Series:
    """A column of a type that only Python, Arrow or pandas knows, as a file would give it.

    Raises:
        DataError: it mixes types.
    """
    if isinstance(values.dtype, pd.ArrowDtype):
        table = pa.Table.from_pandas(values.to_frame("of"), preserve_index=False)
        return plain(table)["of"]
    if isinstance(values.dtype, pd.PeriodDtype):
        return pd.Series(values.dt.to_timestamp())
    if values.dtype != object:
        return settled(values)
    present = values.dropna()
    held = sorted({type(value).__name__ for value in present})
    if "str" in held and len(held) > 1:
        raise DataError(f"{where} mixes {' and '.join(held)}; give it one type")
    if len(present) and isinstance(present.iloc[0], Decimal | UUID | int) and not isinstance(present.iloc[0], bool):
        array = packed(list(values.astype("object").where(values.notna(), None)), where)
        return plain(pa.table({"of": array}))["of"]
    return values


def _accepted(
    source: str, function: Callable[..., Any], window: dict[str, datetime | None]
) -> dict[str, datetime | None]:
    parameters = inspect.signature(function).parameters.values()
    rest = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    for one in parameters:
        if one.name in window and one.kind is one.POSITIONAL_ONLY:
            raise DataError(f"{source}: {one.name} is positional only; take away the / before it")
        if one.name not in window and one.default is one.empty and one.kind not in rest:
            raise DataError(f"{source}: needs {one.name}; a source is given start, end and as_of, and no more")
    names = {one.name for one in parameters}
    every = any(one.kind is one.VAR_KEYWORD for one in parameters)
    return {name: moment for name, moment in window.items() if every or name in names}
