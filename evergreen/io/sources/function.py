"""Rows that a function of the project gives: ``module:function``."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from evergreen.errors import DataError, EvergreenError, did_you_mean
from evergreen.functions import find_function, project_first
from evergreen.io.sources.parquet import plain


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
    rows = plain(found) if isinstance(found, pa.Table) else found
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
    for name, values in rows.items():
        held = sorted({type(value).__name__ for value in values.dropna()}) if values.dtype == object else []
        if "str" in held and len(held) > 1:
            raise DataError(f"{source}: column {name} mixes {' and '.join(held)}; give it one type")
    return rows if columns is None else rows[list(columns)]


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
