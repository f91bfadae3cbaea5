"""Predictions for a file of any size, beside the loop: nothing of them is entered in the ledger."""

from __future__ import annotations

import logging
import os
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from evergreen import features, training
from evergreen.data import assemble, columns_needed
from evergreen.data.columns import join_stem
from evergreen.errors import DataError, EmptyWindow, UsageError, did_you_mean
from evergreen.features.expressions import columns_behind
from evergreen.handoffs import KEY, TIME, Lost, ModelVersion, Unread
from evergreen.io.sources import read
from evergreen.io.sources.batches import batches
from evergreen.learning_tasks import TASKS
from evergreen.spec import ModelSpec
from evergreen.workspace import Workspace

logger = logging.getLogger(__name__)

_CSV = (".csv", ".csv.gz")
#: What a text begins with that a spreadsheet runs.
_FORMULA = r"^[=+\-@\t\r]"
#: A made-up key, so that rows keep their order and may share the real one.
_PLACE = "__place"


@dataclass(frozen=True)
class Predicted:
    """How many rows were predicted, and what of them could not be read."""

    rows: int
    unread: Unread


def predict_file(
    workspace: Workspace,
    spec: ModelSpec,
    version: ModelVersion,
    file: str,
    out: Path,
    as_of: datetime,
    *,
    raw: bool = False,
    strict: bool = False,
) -> Predicted:
    """Score every row of a file, in its order, and write key, prediction and the probability of each class.

    Memory holds a batch of rows and the joined tables, however large the file is. The result is written aside and
    renamed: there is all of it or nothing. Keys of text files are written as they stand; a file without the key's
    column gets ``row``, counted from 1. ``prediction`` is the class (of two the one that the version's threshold
    decides on, else the most probable), the quantity, or the middle one of several quantiles, which follow as
    ``q_0.1``, ...

    Args:
        workspace: Where the model is, and the project, whose sources the joins read.
        spec: The model's file.
        version: Which version predicts.
        file: CSV, JSON lines, Parquet or Feather; a path from the current folder or any fsspec URL.
        out: ``.csv``, ``.csv.gz`` or ``.parquet``.
        as_of: The moment whose knowledge the joined tables show.
        raw: Write texts that a spreadsheet would run as a formula as they stand, not with an apostrophe before them.
        strict: Refuse a file of which a single value cannot be read, or is a level that the model does not know.

    Raises:
        UsageError: the model has history features, or ``out`` cannot be written so.
        DataError: the file lacks columns that the model needs, all of which are named, a column of it holds not one
            value that can be read, or it is no table.
    """
    _check_history(spec)
    _check_out(file, out)
    pipeline = workspace.registry.load(version)
    joins = _joins(workspace, spec, as_of)
    written, unread, lost = 0, Unread(), dict[str, Lost]()
    with _written(out, raw) as write:
        for rows in batches(file, Path.cwd(), _texts(spec, pipeline, joins), spec.data.read, lost):
            if not written:
                _check_columns(spec, pipeline, joins, rows, file)
            table, inputs = _table(spec, pipeline, rows, joins, as_of, file)
            # What is read as the spec says was null before the model looked at it.
            unread += Unread({**inputs.columns, **{name: one for name, one in lost.items() if name in inputs.columns}})
            values = training.predict(pipeline, version.task, table, len(version.classes))
            write(_said(spec, version, rows, values, written))
            written += len(rows)
            logger.info("%s: %s rows predicted", spec.model, f"{written:,}")
        if not written:
            raise EmptyWindow(f"{file}: no rows; write some first")
        unread.refuse(file, strict=strict)
    return Predicted(written, unread)


def _table(
    spec: ModelSpec, pipeline: Any, rows: pd.DataFrame, joins: Sequence[pd.DataFrame], as_of: datetime, file: str
) -> tuple[pd.DataFrame, Unread]:
    """A batch as the model sees it, in its own order; what is only known later is null where the file lacks it."""
    absent = {name: np.nan for name in columns_needed(spec.data) if name not in rows}
    data = spec.data.model_copy(update={"key": _PLACE, "source": file})
    table = assemble(rows.assign(**absent, **{_PLACE: np.arange(len(rows))}), joins, data, as_of)
    table, unread = features.readable(table, pipeline.named_steps["rows"])
    return features.build(table, spec).sort_values(KEY, ignore_index=True), unread


def _said(spec: ModelSpec, version: ModelVersion, rows: pd.DataFrame, values: Any, before: int) -> pd.DataFrame:
    key = spec.data.key if spec.data.key in rows else None
    names = rows[key] if key else pd.Series(np.arange(before + 1, before + 1 + len(rows)))
    columns: dict[str, Any] = {key or "row": names.to_numpy() if key is None else names}
    return pd.DataFrame({**columns, **TASKS[version.task].table(values, version.classes, version.threshold)})


def _joins(workspace: Workspace, spec: ModelSpec, as_of: datetime) -> list[pd.DataFrame]:
    found = []
    for join in spec.data.join:
        columns = None if join.columns is None else (*join.on, *join.columns)
        end = as_of + timedelta(microseconds=1) if join.as_of else None
        found.append(
            read(
                join.source, workspace.project, columns=columns, time=join.as_of, end=end, timezone=spec.data.timezone,
                repeated="second", may_be_empty=bool(join.as_of), how=join.read,
                as_of=as_of,
            )
        )  # fmt: skip
    return found


def _texts(spec: ModelSpec, pipeline: Any, joins: Sequence[pd.DataFrame]) -> set[str]:
    """Columns of a CSV that hold text wherever they look like numbers: in training other rows told."""
    kinds: Mapping[str, str] = getattr(pipeline.named_steps["rows"], "kinds_", {})
    learned = {name for name, kind in kinds.items() if kind == "text"} - {*spec.features.categorical}
    keyed = {
        name
        for join, other in zip(spec.data.join, joins, strict=True)
        for name in join.on
        if isinstance(other[name].dtype, pd.StringDtype)
    }
    return learned | keyed | ({spec.data.key} if spec.data.key else set())


def _check_columns(
    spec: ModelSpec, pipeline: Any, joins: Sequence[pd.DataFrame], rows: pd.DataFrame, file: str
) -> None:
    joined = {
        name
        for join, other in zip(spec.data.join, joins, strict=True)
        for column in other.columns
        if column not in join.on
        for name in (str(column), f"{join_stem(join)}_{column}")
    }
    asked = {*pipeline.named_steps["rows"].inputs, *(name for join in spec.data.join for name in join.on)}
    wanted = columns_behind(asked - {TIME}, spec.features.expressions)
    wanted |= {name for name in (spec.data.time, spec.training.exposure) if name}
    missing = sorted(wanted - joined - {*map(str, rows.columns)})
    if missing:
        near = did_you_mean(missing[0], map(str, rows.columns))
        raise DataError(f"{file}: lacks {', '.join(missing)}, which {spec.model} was trained on{near}")


def _check_history(spec: ModelSpec) -> None:
    if spec.features.history:
        raise UsageError(
            f"{spec.model}: looks at earlier rows (features.history), which a file by itself does not hold; bring the "
            f"rows to {spec.data.source} and run: evergreen score {spec.model}"
        )


def _check_out(file: str, out: Path) -> None:
    if not out.name.lower().endswith((*_CSV, ".parquet")):
        raise UsageError(f"{out}: ends in none of {', '.join(_CSV)}, .parquet; choose one of them")
    if not out.parent.is_dir():
        raise UsageError(f"{out}: there is no folder {out.parent}; make it first")
    if "://" not in file and Path(file).resolve() == out.resolve():
        raise UsageError(f"{out}: is the file that is read; write to another one")


@contextmanager
def _written(out: Path, raw: bool) -> Iterator[Any]:
    """A function that appends frames to a file, which is there under its name once everything is in it."""
    aside = out.with_name(f".{uuid.uuid4().hex}.{out.name}")
    sink = _CsvSink(aside, raw) if out.name.lower().endswith(_CSV) else _ParquetSink(aside)
    try:
        yield sink.write
        sink.close()
        os.replace(aside, out)
    finally:
        sink.close()
        aside.unlink(missing_ok=True)


class _CsvSink:
    def __init__(self, path: Path, raw: bool) -> None:
        self._path, self._raw, self._begun = path, raw, False

    def write(self, rows: pd.DataFrame) -> None:
        rows = rows if self._raw else _defused(rows)
        # Packed parts in a row are one packed file.
        rows.to_csv(self._path, mode="a" if self._begun else "w", header=not self._begun, index=False)
        self._begun = True

    def close(self) -> None:
        """Every part is closed already."""


def _defused(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows whose texts, and names of columns, no spreadsheet runs as a formula: an apostrophe stands before those.

    See OWASP, CSV injection.
    """
    texts = rows.select_dtypes(include=["str", "object", "category"]).columns
    mended = {name: rows[name].astype("str").str.replace(_FORMULA, r"'\g<0>", regex=True) for name in texts}
    return rows.assign(**mended).rename(columns=lambda name: re.sub(_FORMULA, r"'\g<0>", str(name)))


class _ParquetSink:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: pq.ParquetWriter | None = None

    def write(self, rows: pd.DataFrame) -> None:
        schema = self._writer.schema if self._writer else None
        try:
            table = pa.Table.from_pandas(rows, schema=schema, preserve_index=False)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise DataError(f"{rows.columns[0]}: changes its type within the file ({error}); correct it") from None
        self._writer = self._writer or pq.ParquetWriter(self._path, table.schema, compression="zstd")
        self._writer.write_table(table)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
