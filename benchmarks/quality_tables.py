"""The tables of ``benchmarks.quality``: packaged ones and those that a manifest names, and how one is dealt out.

The newest quarter of the rows judges where there is a time, else a quarter of the groups or of the rows.
"""

from __future__ import annotations

import csv
import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.dirt import TABLES, fetch, lay_down
from evergreen.training import encode_target, find_task

_KEYS = ("file", "target", "task", "time", "group")
#: Tasks as a manifest says them, and those that leave open which one is meant.
_TASKS = ("", "binary", "multiclass", "regression", "classification")
_OPEN = ("", "classification")


@dataclass(frozen=True)
class Job:
    """A table and what is true of it."""

    name: str
    frame: pd.DataFrame
    target: str
    task: str
    time: str = ""
    group: str = ""


def packaged(folder: Path) -> Iterator[Job]:
    """The tables of ``benchmarks.dirt``, as they were before they were made dirty, without the columns that leak."""
    packages = folder / "packages"
    fetch(packages)
    for table in TABLES:
        frame = lay_down(table, packages, folder / "dirty.csv")
        target = table.target if table.target in frame else "target"
        if target not in frame:
            continue
        frame = frame.drop(columns=[table.leak] if table.leak in frame else [])
        time = table.time if table.time in frame else ""
        group = table.group if table.group in frame else ""
        yield Job(table.name, frame, target, table.task, time, group)


def manifest(folder: Path) -> Iterator[Job]:
    """The tables that a folder's ``manifest.csv`` names; a task that it leaves open is found by the target.

    Raises:
        SystemExit: a line names no file, or a task that is none, said before the first table is given.
    """
    with (folder / "manifest.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = [[(row.get(key) or "").strip() for key in _KEYS] for row in csv.DictReader(file)]
    for number, (name, _, task, *_) in enumerate(rows, start=2):
        if not (name and (folder / name).is_file()):
            raise SystemExit(f"{folder / 'manifest.csv'}, line {number}: no file {name or 'is named'}")
        if task not in _TASKS:
            raise SystemExit(
                f"{folder / 'manifest.csv'}, line {number}: task {task}: {', '.join(_TASKS[1:])} or nothing"
            )
    for name, target, task, time, group in rows:
        path = folder / name
        frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, low_memory=False)
        if task in _OPEN and target in frame:
            task = find_task(frame[target]) if not task else "binary" if frame[target].nunique() == 2 else "multiclass"
        yield Job(path.name.split(".")[0], frame, target, task, time, group)


def lay_out(job: Job, folder: Path) -> NDArray[np.float64]:
    """Write the parts as every system gets them; the truth of the judging rows.

    Nobody can learn a class that only the judging rows have, nor anything from a column that has no value before: such
    rows do not judge, and such columns are left out.

    Raises:
        ValueError: a column is missing, cannot be read as what the manifest says of it, or a part would be empty.
    """
    folder.mkdir()
    frame = _labelled(job)
    test = _judging(job, frame)
    if job.task != "regression":
        known = set(frame.loc[~test, job.target])
        kept = ~test | frame[job.target].isin(known).to_numpy()
        frame, test = frame[kept].reset_index(drop=True), test[kept]
    if not test.any() or test.all():
        raise ValueError(f"{len(frame):,} labelled rows cannot be dealt out")
    y, classes = encode_target(frame[job.target], job.task)
    filled = frame[~test].notna().any().to_numpy(dtype=bool)
    inputs = [str(name) for name in frame.columns[filled] if name not in (job.target, job.group)]
    texts = [name for name in inputs if not _is_plain(frame[name])]
    levels = {name: sorted(frame.loc[~test, name].dropna().astype("str").unique()) for name in texts}
    meta = {"task": job.task, "time": job.time, "inputs": inputs, "levels": levels, "classes": len(classes)}
    (folder / "meta.json").write_text(json.dumps(meta))
    written = frame[inputs].assign(**{name: frame[name].astype("str").where(frame[name].notna()) for name in texts})
    written[~test].assign(__y=y[~test]).to_parquet(folder / "train.parquet")
    written[test].to_parquet(folder / "test.parquet")
    return y[test]


def _labelled(job: Job) -> pd.DataFrame:
    """The rows with a label, and with a moment where there is a time, in its order."""
    absent = [name for name in (job.target, job.time, job.group) if name and name not in job.frame]
    if absent:
        raise ValueError(f"no column {', '.join(absent)}; it has {', '.join(map(str, job.frame))}"[:300])
    frame = job.frame[job.frame[job.target].notna()]
    if not job.time:
        return frame.reset_index(drop=True)
    moments = _moments(frame[job.time])
    frame = frame.assign(**{job.time: moments})[moments.notna()]
    return frame.sort_values(job.time, kind="stable", ignore_index=True)


def _moments(values: pd.Series) -> pd.Series:
    """Times as written: by one form where one fits all, else the day before the month where both are possible."""
    try:
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # of days that may be months
            return pd.to_datetime(values, utc=True)
    except ValueError:
        return pd.to_datetime(values, utc=True, format="mixed", dayfirst=True)


def _judging(job: Job, frame: pd.DataFrame) -> NDArray[np.bool_]:
    rng, rows = np.random.default_rng(1), np.arange(len(frame))
    if job.time:
        return rows >= len(frame) - len(frame) // 4
    codes = pd.factorize(frame[job.group])[0] if job.group else rows
    chosen = rng.permutation(codes.max() + 1)[: (codes.max() + 1) // 4]
    return np.isin(codes, chosen)


def _is_plain(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_datetime64_any_dtype(values.dtype)
