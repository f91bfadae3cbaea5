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
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality_report import PEERS, PLAIN, Compared, Tally, behind, conclude, loss_of
from benchmarks.quality_systems import SEARCHING, SEEDED, SYSTEMS
from benchmarks.quality_tables import Job, lay_out, manifest, packaged
from evergreen.errors import EvergreenError
from evergreen.statistics import metric_interval, paired_interval

_METRIC = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}
_INSTALLED = {"flaml": ["flaml[automl]<3", "pyarrow"], "autogluon": ["autogluon.tabular[lightgbm,catboost,xgboost]"]}
#: Times the budget from which a system is over it.
_OVER = 1.1
_SYSTEMS = Path(__file__).with_name("quality_systems.py")
_OURS = Path(__file__).parents[1] / "evergreen"
#: Times the budget after which a system is ended, and seconds on top for its imports.
_ENDED, _IMPORTS = 3.0, 120.0


@dataclass(frozen=True)
class Bench:
    """A folder for what is measured, and the Python of each system."""

    kept: Path
    pythons: dict[str, str]
    seeds: int = 1

    def seeds_of(self, system: str) -> range:
        """Seeds that a system is run with."""
        return range(self.seeds if system in SEEDED else 1)


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
    parser.add_argument("--seeds", type=int, default=1, help=f"seeds of {' and '.join(SEEDED)}, averaged")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="quality-") as name:
        folder = Path(name)
        kept = Path(given.keep).resolve() if given.keep else folder / "kept"
        kept.mkdir(parents=True, exist_ok=True)
        homes = Path(given.environments).resolve() if given.environments else folder
        bench = Bench(kept, _environments(given.systems.split(","), homes), given.seeds)
        tallies = [Tally(float(budget)) for budget in given.budget.split(",")]
        jobs = [
            job
            for job in (manifest(Path(given.folder)) if given.folder else packaged(folder))
            if not given.only or job.name in given.only.split(",")
        ]
        print(f"{len(jobs)} tables: at most {_hours(len(jobs), bench, tallies):.1f} hours, less what is kept already")
        for number, job in enumerate(jobs):
            table = folder / f"table-{number}"
            try:
                truth = lay_out(job, table)
            except (ValueError, EvergreenError) as error:
                print(f"\n## {job.name}: left out: {error}", flush=True)
                continue
            for tally in tallies:
                _compare(job, truth, table, bench, tally)
        for tally in tallies:
            conclude(tally)


def _hours(n_tables: int, bench: Bench, tallies: Sequence[Tally]) -> float:
    """How long all runs take at most, if each takes its whole budget."""
    longest = max(tally.budget for tally in tallies)
    every = sum(tally.budget for tally in tallies)
    seconds = sum((every if one in SEARCHING else longest) * len(bench.seeds_of(one)) for one in bench.pythons)
    return n_tables * seconds / 3600


def _compare(job: Job, truth: NDArray[np.float64], table: Path, bench: Bench, tally: Tally) -> None:
    metric = _METRIC[job.task]
    print(f"\n## {job.name}: {metric}, {len(job.frame):,} rows, {len(truth):,} judge, {tally.budget:g} s", flush=True)
    print(f"{'system':24}{'value':>9}{'95 % interval':>24}{'seconds':>9}{'MiB':>7}{'rows/s':>10}")
    compared = Compared(job.name, {system: [] for system in bench.pythons})
    found_by = dict[str, tuple[NDArray[np.float64], float]]()
    for system in bench.pythons:
        for seed in bench.seeds_of(system):
            found = _measured(system, bench, table, job.name, tally.budget, seed)
            if isinstance(found, str):
                print(f"{system:24}{found}", flush=True)
                compared.losses[system].append(np.inf)
                continue
            prediction, (seconds, peak, speed, told) = found
            found_by.setdefault(system, (prediction, speed))
            interval = metric_interval(metric, truth, prediction)
            loss = loss_of(metric, interval.value)
            compared.losses[system].append(loss)
            compared.gaps += [float(np.log(loss / loss_of(metric, told)))] if np.isfinite(told) else []
            over = " OVER BUDGET" if seconds > _OVER * tally.budget else ""
            tally.over += [job.name] if over and system == "ours" else []
            between = f"{interval.low:.4g} to {interval.high:.4g}"
            print(
                f"{system:24}{interval.value:9.4g}{between:>24}{seconds:9.1f}{peak:7.0f}{speed:10,.0f}{over}",
                flush=True,
            )
    tally.tables.append(compared)
    if {"ours", PLAIN} <= found_by.keys():
        gain = paired_interval(metric, truth, found_by["ours"][0], found_by[PLAIN][0])
        tally.worse += [job.name] if gain.high < 0 else []
        print(f"ours gains {gain.value:.3g} over {PLAIN} (95 % {gain.low:.3g} to {gain.high:.3g})", flush=True)
    for peer in PEERS:
        if {"ours", peer} <= found_by.keys():
            gain = paired_interval(metric, truth, found_by["ours"][0], found_by[peer][0])
            if np.isfinite(gain.low):
                compared.p_behind[peer] = behind(gain.value, gain.low, compared.mean_losses[peer])
    if {"ours", "autogluon"} <= found_by.keys():
        tally.speeds.append(found_by["ours"][1] / found_by["autogluon"][1])


def _measured(
    system: str, bench: Bench, folder: Path, table: str, budget: float, seed: int
) -> tuple[NDArray[np.float64], list[float]] | str:
    """A system's predictions with its seconds, memory, speed and what it told of itself; in words what went wrong."""
    digest = hashlib.sha256()
    for part in ("train.parquet", "test.parquet", "meta.json"):
        digest.update((folder / part).read_bytes())
    for path in sorted(_OURS.rglob("*.py")) if system == "ours" else ():
        digest.update(path.read_bytes())
    seconds = f"{budget:g}" if system in SEARCHING else "any"
    which = f"{system}.seed{seed}" if seed else system
    path = bench.kept / f"{table}-{digest.hexdigest()[:8]}.{seconds}.{which}.npz"
    if not path.exists():
        problem = _run(system, bench.pythons[system], folder, budget, seed)
        if problem:
            return problem
        shutil.copyfile(folder / f"{system}.npz", path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)
    with np.load(path) as found:
        costs = found["costs"].tolist()
        return found["prediction"], [
            *costs,
            *[np.nan] * (4 - len(costs)),
        ]  # what was kept before tells nothing of itself


def _run(system: str, python: str, folder: Path, budget: float, seed: int) -> str:
    """Let a system write its predictions and what they cost; in words what went wrong, if anything."""
    limits = {f"{name}_NUM_THREADS": "2" for name in ("OMP", "OPENBLAS", "MKL")}
    environment = os.environ | limits | {"OMP_WAIT_POLICY": "passive", "LOKY_MAX_CPU_COUNT": "2"}
    environment["PYTHONPATH"] = str(_SYSTEMS.parents[1]) if system == "ours" else ""
    command = [python, str(_SYSTEMS), system, str(folder), str(budget), str(seed)]
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
