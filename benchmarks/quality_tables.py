"""The tables of ``benchmarks.quality``: packaged ones and those that a manifest names, and how one is dealt out.

The newest quarter of the rows judges where there is a time, else a quarter of the groups or of the rows.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.dirt import TABLES, fetch, lay_down
from evergreen.training import encode_target


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
    """The tables that a folder's ``manifest.csv`` names."""
    with (folder / "manifest.csv").open(encoding="utf-8-sig", newline="") as file:
        rows: list[dict[str, Any]] = list(csv.DictReader(file))
    for row in rows:
        name, target, task, time, group = (
            (row.get(k) or "").strip() for k in ("file", "target", "task", "time", "group")
        )
        path = folder / name
        frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, low_memory=False)
        yield Job(path.name.split(".")[0], frame, target, task, time, group)


def lay_out(job: Job, folder: Path) -> NDArray[np.float64]:
    """Write the parts as every system gets them; the truth of the judging rows."""
    folder.mkdir()
    frame = job.frame[job.frame[job.target].notna()].reset_index(drop=True)
    if job.time:
        frame = frame.assign(**{job.time: pd.to_datetime(frame[job.time], utc=True)})
        frame = frame.sort_values(job.time, kind="stable", ignore_index=True)
    y, classes = encode_target(frame[job.target], job.task)  # type: ignore[arg-type]
    test = _judging(job, frame)
    inputs = [str(name) for name in frame if name not in (job.target, job.group)]
    texts = [name for name in inputs if not _is_plain(frame[name])]
    levels = {name: sorted(frame.loc[~test, name].dropna().astype("str").unique()) for name in texts}
    meta = {"task": job.task, "time": job.time, "inputs": inputs, "levels": levels, "classes": len(classes)}
    (folder / "meta.json").write_text(json.dumps(meta))
    kept = frame[inputs].assign(**{name: frame[name].astype("str").where(frame[name].notna()) for name in texts})
    kept[~test].assign(__y=y[~test]).to_parquet(folder / "train.parquet")
    kept[test].to_parquet(folder / "test.parquet")
    return y[test]


def _judging(job: Job, frame: pd.DataFrame) -> NDArray[np.bool_]:
    rng, rows = np.random.default_rng(1), np.arange(len(frame))
    if job.time:
        return rows >= len(frame) - len(frame) // 4
    codes = pd.factorize(frame[job.group])[0] if job.group else rows
    chosen = rng.permutation(codes.max() + 1)[: (codes.max() + 1) // 4]
    return np.isin(codes, chosen)


def _is_plain(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_datetime64_any_dtype(values.dtype)
