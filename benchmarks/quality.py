"""Which system finds the best model in the same time: one protocol, many tables, two threads, one table of results.

Each system is a process of its own; FLAML and AutoGluon live in environments that are made for them. What takes no
budget runs once a table. With ``--keep`` a comparison that was ended goes on where it was.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmarks.quality_systems import SEARCHING, SYSTEMS
from benchmarks.quality_tables import Job, lay_out, manifest, packaged
from evergreen.errors import EvergreenError
from evergreen.metrics import find_metric
from evergreen.statistics import metric_interval, paired_interval

_METRIC = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}
_INSTALLED = {"flaml": ["flaml[automl]<3", "pyarrow"], "autogluon": ["autogluon.tabular[lightgbm,catboost,xgboost]"]}
#: The system that ours must never be significantly worse than, and times the budget from which a system is over it.
_PLAIN, _OVER = "lightgbm-stopped", 1.1
_SYSTEMS = Path(__file__).with_name("quality_systems.py")
_OURS = Path(__file__).parents[1] / "evergreen"
#: Times the budget after which a system is ended, and seconds on top for its imports.
_ENDED, _IMPORTS = 3.0, 120.0


@dataclass
class Tally:
    """What adds up over the tables: ranks by system; of ours where it is over the budget, where worse, how quick."""

    budget: float
    ranks: dict[str, list[float]]
    over: list[str] = field(default_factory=list)
    worse: list[str] = field(default_factory=list)
    speeds: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Bench:
    """A folder for what is measured, and the Python of each system."""

    kept: Path
    pythons: dict[str, str]


def main(arguments: Sequence[str]) -> None:
    """Compare the systems on each table; print each as it is done, and mean ranks at the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", default="", help="a folder with manifest.csv: file,target,task,time,group")
    parser.add_argument("--budget", default="60", help="seconds a system may take for a table; several: 30,60,120")
    parser.add_argument("--only", default="", help="tables, separated by commas")
    parser.add_argument("--environments", default="", help="a folder that keeps the systems' environments")
    parser.add_argument("--systems", default=",".join(SYSTEMS), help="systems, separated by commas")
    parser.add_argument(
        "--keep",
        default="",
        help="a folder that keeps what is measured: none is measured again, ours when its code has changed",
    )
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="quality-") as name:
        folder = Path(name)
        kept = Path(given.keep).resolve() if given.keep else folder / "kept"
        kept.mkdir(parents=True, exist_ok=True)
        homes = Path(given.environments).resolve() if given.environments else folder
        bench = Bench(kept, _environments(given.systems.split(","), homes))
        ranks: list[dict[str, list[float]]] = [
            {system: [] for system in bench.pythons} for _ in given.budget.split(",")
        ]
        tallies = [Tally(float(b), rank) for b, rank in zip(given.budget.split(","), ranks, strict=True)]
        for number, job in enumerate(manifest(Path(given.folder)) if given.folder else packaged(folder)):
            if not given.only or job.name in given.only.split(","):
                table = folder / f"table-{number}"
                try:
                    truth = lay_out(job, table)
                except (ValueError, EvergreenError) as error:
                    print(f"\n## {job.name}: left out: {error}", flush=True)
                    continue
                for tally in tallies:
                    _compare(job, truth, table, bench, tally)
        for tally in tallies:
            _conclude(tally)


def _compare(job: Job, truth: NDArray[np.float64], table: Path, bench: Bench, tally: Tally) -> None:
    metric = _METRIC[job.task]
    print(f"\n## {job.name}: {metric}, {len(job.frame):,} rows, {len(truth):,} judge, {tally.budget:g} s", flush=True)
    print(f"{'system':24}{'value':>9}{'95 % interval':>24}{'seconds':>9}{'MiB':>7}{'rows/s':>10}")
    values, found_by = {}, {}
    for system in bench.pythons:
        found = _measured(system, bench, table, job.name, tally.budget)
        if isinstance(found, str):
            print(f"{system:24}{found}", flush=True)
            values[system] = -np.inf
            continue
        prediction, (seconds, peak, speed) = found
        found_by[system] = prediction, speed
        interval = metric_interval(metric, truth, prediction)
        values[system] = interval.value if find_metric(metric).greater_is_better else -interval.value
        over = " OVER BUDGET" if seconds > _OVER * tally.budget else ""
        tally.over += [job.name] if over and system == "ours" else []
        between = f"{interval.low:.4g} to {interval.high:.4g}"
        print(f"{system:24}{interval.value:9.4g}{between:>24}{seconds:9.1f}{peak:7.0f}{speed:10,.0f}{over}", flush=True)
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
    print(
        f"\n## mean rank over {count} tables, {tally.budget:g} s (1 is best; p: Wilcoxon's signed ranks against ours)"
    )
    for system in sorted(ranks, key=lambda name: float(np.mean(ranks[name]))):
        p = ""
        if system != "ours" and "ours" in ranks and ranks[system] != ranks["ours"]:
            p = f"  p {stats.wilcoxon(ranks['ours'], ranks[system]).pvalue:.3f}"
        print(f"{system:24}{np.mean(ranks[system]):6.2f}{p}")
    print(f"ours over budget: {', '.join(tally.over) or 'nowhere'}")
    print(f"ours significantly worse than {_PLAIN}: {', '.join(tally.worse) or 'nowhere'}")
    if tally.speeds:
        print(f"ours scores {np.median(tally.speeds):.1f} times AutoGluon's rows per second (median over tables)")


def _measured(
    system: str, bench: Bench, folder: Path, table: str, budget: float
) -> tuple[NDArray[np.float64], list[float]] | str:
    """A system's predictions and its seconds, memory and speed, kept or made now; in words what went wrong."""
    digest = hashlib.sha256()
    for part in ("train.parquet", "test.parquet", "meta.json"):
        digest.update((folder / part).read_bytes())
    for path in sorted(_OURS.rglob("*.py")) if system == "ours" else ():
        digest.update(path.read_bytes())
    seconds = f"{budget:g}" if system in SEARCHING else "any"
    path = bench.kept / f"{table}-{digest.hexdigest()[:8]}.{seconds}.{system}.npz"
    if not path.exists():
        problem = _run(system, bench.pythons[system], folder, budget)
        if problem:
            return problem
        shutil.copyfile(folder / f"{system}.npz", path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)
    with np.load(path) as found:
        return found["prediction"], found["costs"].tolist()


def _run(system: str, python: str, folder: Path, budget: float) -> str:
    """Let a system write its predictions and what they cost; in words what went wrong, if anything."""
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
    return ""


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


if __name__ == "__main__":
    main(sys.argv[1:])
