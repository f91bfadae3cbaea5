"""Which system finds the best model in the same time: one protocol, many tables, two threads, one table of results.

The newest quarter of the rows judges where there is a time, else a quarter of the groups or of the rows. Each system is
a process of its own; FLAML and AutoGluon live in environments that are made for them.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from benchmarks.dirt import TABLES, fetch, lay_down
from benchmarks.quality_systems import SYSTEMS
from evergreen.statistics import greater_is_better, metric_interval, paired_interval
from evergreen.training import encode_target

_METRIC = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}
_INSTALLED = {"flaml": ["flaml[automl]<3", "pyarrow"], "autogluon": ["autogluon.tabular[lightgbm,catboost,xgboost]"]}
#: The system that ours must never be significantly worse than, and times the budget from which a system is over it.
_PLAIN, _OVER = "lightgbm-stopped", 1.1
_SYSTEMS = Path(__file__).with_name("quality_systems.py")
#: Times the budget after which a system is ended, and seconds on top for its imports.
_ENDED, _IMPORTS = 3.0, 120.0


@dataclass(frozen=True)
class Job:
    """A table and what is true of it."""

    name: str
    frame: pd.DataFrame
    target: str
    task: str
    time: str = ""
    group: str = ""


@dataclass
class Tally:
    """What adds up over the tables: ranks by system; of ours where it is over the budget, where worse, how quick."""

    budget: float
    ranks: dict[str, list[float]]
    over: list[str] = field(default_factory=list)
    worse: list[str] = field(default_factory=list)
    speeds: list[float] = field(default_factory=list)


def main(arguments: Sequence[str]) -> None:
    """Compare the systems on each table; print each as it is done, and mean ranks at the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", default="", help="a folder with manifest.csv: file,target,task,time,group")
    parser.add_argument("--budget", type=float, default=60.0, help="seconds a system may take for a table")
    parser.add_argument("--only", default="", help="tables, separated by commas")
    parser.add_argument("--environments", default="", help="a folder that keeps the systems' environments")
    parser.add_argument("--systems", default=",".join(SYSTEMS), help="systems, separated by commas")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="quality-") as name:
        folder = Path(name)
        pythons = _environments(given.systems.split(","), Path(given.environments) if given.environments else folder)
        tally = Tally(given.budget, {system: [] for system in pythons})
        for job in manifest(Path(given.folder)) if given.folder else packaged(folder):
            if not given.only or job.name in given.only.split(","):
                _compare(job, folder / job.name, pythons, tally)
        _conclude(tally)


def _compare(job: Job, folder: Path, pythons: dict[str, str], tally: Tally) -> None:
    truth = lay_out(job, folder)
    metric = _METRIC[job.task]
    print(f"\n## {job.name}: {metric}, {len(job.frame):,} rows, {len(truth):,} judge", flush=True)
    print(f"{'system':24}{'value':>9}{'95 % interval':>22}{'seconds':>9}{'MiB':>7}{'rows/s':>10}")
    values, found_by = {}, {}
    for system, python in pythons.items():
        found = _run(system, python, folder, tally.budget)
        if isinstance(found, str):
            print(f"{system:24}{found}", flush=True)
            values[system] = -np.inf
            continue
        prediction, (seconds, peak, speed) = found
        found_by[system] = prediction, speed
        interval = metric_interval(metric, truth, prediction)
        values[system] = interval.value if greater_is_better(metric) else -interval.value
        over = " OVER BUDGET" if seconds > _OVER * tally.budget else ""
        tally.over += [job.name] if over and system == "ours" else []
        between = f"{interval.low:.4g} to {interval.high:.4g}"
        print(f"{system:24}{interval.value:9.4g}{between:>22}{seconds:9.1f}{peak:7.0f}{speed:10,.0f}{over}", flush=True)
    for system, rank in zip(values, stats.rankdata([-value for value in values.values()]), strict=True):
        tally.ranks[system].append(float(rank))
    if {"ours", _PLAIN} <= found_by.keys():
        gain = paired_interval(metric, truth, found_by["ours"][0], found_by[_PLAIN][0])
        tally.worse += [job.name] if gain.high < 0 else []
        print(f"ours gains {gain.value:.3g} over {_PLAIN} (95 % {gain.low:.3g} to {gain.high:.3g})", flush=True)
    if {"ours", "autogluon"} <= found_by.keys():
        tally.speeds.append(found_by["ours"][1] / found_by["autogluon"][1])


def _conclude(tally: Tally) -> None:
    ranks = tally.ranks
    count = len(next(iter(ranks.values()), []))
    if not count:
        raise SystemExit("no table was compared; look at --only and at the manifest")
    print(f"\n## mean rank over {count} tables (1 is best; p: Wilcoxon's signed ranks against ours)")
    for system in sorted(ranks, key=lambda name: float(np.mean(ranks[name]))):
        p = ""
        if system != "ours" and "ours" in ranks and ranks[system] != ranks["ours"]:
            p = f"  p {stats.wilcoxon(ranks['ours'], ranks[system]).pvalue:.3f}"
        print(f"{system:24}{np.mean(ranks[system]):6.2f}{p}")
    print(f"ours over budget: {', '.join(tally.over) or 'nowhere'}")
    print(f"ours significantly worse than {_PLAIN}: {', '.join(tally.worse) or 'nowhere'}")
    if tally.speeds:
        print(f"ours scores {np.median(tally.speeds):.1f} times AutoGluon's rows per second (median over tables)")


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


def _run(system: str, python: str, folder: Path, budget: float) -> tuple[NDArray[np.float64], list[float]] | str:
    """A system's predictions and its seconds, memory and speed; in words what went wrong."""
    limits = {f"{name}_NUM_THREADS": "2" for name in ("OMP", "OPENBLAS", "MKL")}
    environment = os.environ | limits | {"OMP_WAIT_POLICY": "passive", "LOKY_MAX_CPU_COUNT": "2"}
    environment["PYTHONPATH"] = str(_SYSTEMS.parents[1]) if system == "ours" else ""
    command = [python, str(_SYSTEMS), system, str(folder), str(budget)]
    try:
        ended = subprocess.run(
            command, cwd=folder, env=environment, timeout=_ENDED * budget + _IMPORTS, capture_output=True, text=True
        )
    except subprocess.TimeoutExpired:
        return f"ended after {_ENDED * budget + _IMPORTS:.0f} s"
    if ended.returncode:
        return f"failed: {(ended.stderr.strip().splitlines() or ['no message'])[-1][:100]}"
    with np.load(folder / f"{system}.npz") as found:
        return found["prediction"], found["costs"].tolist()


def _environments(systems: Sequence[str], folder: Path) -> dict[str, str]:
    """The Python of each system; one whose environment cannot be made is left out, and said so."""
    found = {}
    for system in systems:
        found[system] = sys.executable
        if system in _INSTALLED:
            home = folder / f"environment-{system}"
            found[system] = str(home / "bin" / "python")
            if Path(found[system]).exists():
                continue
            uv = [sys.executable, "-m", "uv"]
            made = subprocess.run([*uv, "venv", "--quiet", str(home)], capture_output=True, text=True)
            install = [*uv, "pip", "install", "--quiet", "--python", found[system], *_INSTALLED[system]]
            made = made if made.returncode else subprocess.run(install, capture_output=True, text=True)
            if made.returncode:
                why = (made.stderr.strip().splitlines() or ["no message"])[-1][:120]
                print(f"{system}: left out, it cannot be installed here: {why}", flush=True)
                del found[system]
    return found


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


if __name__ == "__main__":
    main(sys.argv[1:])
