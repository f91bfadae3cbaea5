"""In which order the portfolio is tried: learned greedily from results on some tables, judged on tables left out.

``measure`` fits every recipe of the portfolio on every table and writes ``portfolio.csv`` beside this file; ``learn``
reads it and prints the order that follows, beside that which ``evergreen/training/portfolio.py`` holds (settled by
hand from it: kinds that complement each other come first), with what each is worth on tables left out.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.quality_ours import our_problem, our_rows
from benchmarks.quality_systems import tuning_rows
from benchmarks.quality_tables import Job, lay_out, manifest, packaged
from evergreen import training
from evergreen.metrics import find_metric
from evergreen.training.families.catalogue import FAMILIES
from evergreen.training.families.family import Shape

RESULTS = Path(__file__).with_name("portfolio.csv")
#: The order in which recipes are tried: of a table of moderate size, whose quantity is skewed.
_SHAPE = Shape(10_000, 20, skewed=True)
_ENTRIES = [entry for family in FAMILIES.values() for entry in family.recipes("regression", _SHAPE, 0)]
ORDER = [entry.name for entry in sorted(_ENTRIES, key=lambda entry: entry.place) if np.isfinite(entry.place)]
#: How many recipes a short run gets through: their mean loss is what an order is judged by.
_FIRST = (1, 2, 4, 8)


def main(arguments: Sequence[str]) -> None:
    """Measure recipes on tables, or learn an order from what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["measure", "learn"])
    parser.add_argument("folder", nargs="?", default="", help="a folder with manifest.csv: file,target,task,time,group")
    parser.add_argument("--only", default="", help="tables, separated by commas")
    parser.add_argument("--most", type=int, default=8000, help="training rows used; the newest, or a random choice")
    given = parser.parse_args(arguments)
    if given.what == "learn":
        _report(pd.read_csv(RESULTS))
        return
    with tempfile.TemporaryDirectory(prefix="portfolio-") as name:
        for job in manifest(Path(given.folder)) if given.folder else packaged(Path(name)):
            if not given.only or job.name in given.only.split(","):
                rows = pd.DataFrame(measured(job, Path(name) / job.name, given.most))
                known = pd.read_csv(RESULTS) if RESULTS.exists() else rows.head(0)
                pd.concat([known[known["table"] != job.name], rows]).to_csv(RESULTS, index=False, float_format="%.6g")
                print(f"{job.name}: {len(rows)} recipes", flush=True)


@dataclass(frozen=True)
class Laid:
    """One table as our search gets it: what it chooses by, all rows to fit on, those that judge, and their truth."""

    past: pd.DataFrame
    newest: pd.DataFrame
    table: pd.DataFrame
    test: pd.DataFrame
    truth: NDArray[np.float64]
    meta: dict[str, Any]


def laid(job: Job, folder: Path, most: int) -> Laid:
    """Lay a table out as ``benchmarks.quality`` does; at most so many rows to fit on, the newest or a random choice."""
    truth = lay_out(job, folder)
    meta = json.loads((folder / "meta.json").read_text())
    train, test = (pd.read_parquet(folder / f"{part}.parquet") for part in ("train", "test"))
    shuffled = np.arange(len(train)) if meta["time"] else np.random.default_rng(0).permutation(len(train))
    train = train.iloc[np.sort(shuffled[-most:])].reset_index(drop=True)
    table = our_rows(train, meta, train.pop("__y").to_numpy())
    past, newest = (table.iloc[part] for part in tuning_rows(meta, len(table)))
    return Laid(past, newest, table, our_rows(test, meta), truth, meta)


def measured(job: Job, folder: Path, most: int) -> list[dict[str, Any]]:
    """What each recipe of the portfolio shows on the tuning rows, and fitted again on rows that judge; less is better.

    Nothing depends on time: every candidate is fitted to its end.
    """
    here = laid(job, folder, most)
    problem = our_problem(here.meta, search="portfolio", ensemble="never", budget=timedelta(days=1))
    values: dict[str, float] = {}
    found = training.find_recipe(
        here.past, here.newest, problem, time.process_time,
        on_done=lambda finished, value: values.update({finished.recipe.name: value}),
    )  # fmt: skip
    sign = -find_metric(problem.metric).sign
    rows = []
    for one in found.finished:
        pipeline = training.refit(one.recipe, here.table, problem)
        prediction = training.predict(pipeline, problem.task, here.test, len(problem.classes))
        rows.append({
            "table": job.name, "task": job.task, "recipe": one.recipe.name,
            "tuning": sign * values[one.recipe.name],
            "unseen": sign * find_metric(problem.metric).value(here.truth, prediction),
            "cpu_seconds": round(one.seconds, 2),
        })  # fmt: skip
    return rows


def learned(results: pd.DataFrame) -> list[str]:
    """Recipes in the order in which each lowers the mean loss over tables most, given those before it.

    Feurer et al. 2022, Auto-sklearn 2.0: hands-free AutoML via meta-learning (portfolio building).
    """
    recipes, chosen = sorted(results["recipe"].unique()), list[str]()
    while len(chosen) < len(recipes):
        rest = [name for name in recipes if name not in chosen]
        losses = [_loss(results, [*chosen, name]) for name in rest]
        chosen.append(rest[int(np.argmin(losses))])
    return chosen


def _loss(results: pd.DataFrame, chosen: Sequence[str]) -> float:
    """The mean over tables of the unseen loss of the recipe best on the tuning rows: 0 best, 1 worst."""
    losses = []
    for _, rows in results.groupby("table"):
        low, high = rows["unseen"].min(), rows["unseen"].quantile(0.9)
        tried = rows[rows["recipe"].isin(chosen)]
        if tried.empty:  # a table that knows none of them: as bad as can be
            losses.append(1.0)
            continue
        best = tried.sort_values("tuning", kind="stable")["unseen"].iloc[0]
        losses.append(min(1.0, (best - low) / max(high - low, 1e-12)))
    return float(np.mean(losses))


def _report(results: pd.DataFrame) -> None:
    tables = sorted(results["table"].unique())
    print(f"learned from {len(tables)} tables: {', '.join(tables)}\n{', '.join(learned(results))}")
    aside: dict[int, list[tuple[float, float, float]]] = {count: [] for count in _FIRST}
    for table in tables:
        order = learned(results[results["table"] != table])
        out = results[results["table"] == table]
        for count in _FIRST:
            used = _loss(out, [name for name in ORDER if name in set(out["recipe"])][:count])
            aside[count].append((_loss(out, order[:count]), used, _by_chance(out, count)))
    print("loss on a table left out after so many recipes: in the order learned without it, as it is used, by chance")
    for count, losses in aside.items():
        print(f"{count:4}" + "".join(f"{value:8.3f}" for value in np.mean(losses, axis=0)))


def _by_chance(out: pd.DataFrame, count: int) -> float:
    rng, recipes = np.random.default_rng(0), sorted(out["recipe"].unique())
    return float(np.mean([_loss(out, list(rng.permutation(recipes)[:count])) for _ in range(20)]))


if __name__ == "__main__":
    main(sys.argv[1:])
