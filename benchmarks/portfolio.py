"""What the parts of our own search bring: each is left out in turn, on the tables of ``benchmarks.quality``.

Candidates that variants share are fitted once. Nothing depends on time: every candidate of the portfolio is fitted.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.portfolio_order import laid
from benchmarks.quality_ours import our_problem
from benchmarks.quality_tables import Job, manifest, packaged
from evergreen import training
from evergreen.metrics import find_metric

_TREES_AND_LINES = ["lightgbm", "random_forest", "extra_trees", "linear"]
_VARIANTS: dict[str, dict[str, Any]] = {
    "all": {},
    "no ensemble": {"ensemble": "never"},
    "trees and lines only": {"families": _TREES_AND_LINES},
    "one tuning part": {"cross_validate": "never"},
    "none of these": {"families": _TREES_AND_LINES, "cross_validate": "never", "ensemble": "never"},
}


class Shared:
    """Finished candidates of one way to split, shared by the variants."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, float | None], training.Finished] = {}

    def recall(self, recipe: training.Recipe, to_beat: float | None) -> training.Finished | None:
        """What the same candidate showed before."""
        return self._found.get((recipe.to_json(), to_beat))

    def keep(self, recipe: training.Recipe, to_beat: float | None, finished: training.Finished) -> None:
        """Keep what a candidate showed."""
        self._found[recipe.to_json(), to_beat] = finished


def main(arguments: Sequence[str]) -> None:
    """Print each table's values on unseen rows, and how often each variant is worse and better than all parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", default="", help="a folder with manifest.csv: file,target,task,time,group")
    parser.add_argument("--only", default="", help="tables, separated by commas")
    parser.add_argument("--most", type=int, default=8000, help="training rows used; the newest, or a random choice")
    given = parser.parse_args(arguments)
    losses: dict[str, list[float]] = {name: [] for name in _VARIANTS}
    print("table, metric: " + ", ".join(_VARIANTS))
    with tempfile.TemporaryDirectory(prefix="portfolio-") as name:
        for job in manifest(Path(given.folder)) if given.folder else packaged(Path(name)):
            if not given.only or job.name in given.only.split(","):
                _measure(job, Path(name) / job.name, given.most, losses)
    for variant in list(_VARIANTS)[1:]:
        worse = np.asarray(losses[variant]) - np.asarray(losses["all"])
        print(f"{variant}: worse on {(worse > 0).sum()} tables, better on {(worse < 0).sum()}, equal on the others")


def _measure(job: Job, folder: Path, most: int, losses: dict[str, list[float]]) -> None:
    here = laid(job, folder, most)
    shared = {"auto": Shared(), "never": Shared()}
    line = []
    for name, settings in _VARIANTS.items():
        problem = our_problem(here.meta, search="portfolio", budget=timedelta(days=1), **settings)
        kept = shared[problem.settings.cross_validate]
        found = training.find_recipe(here.past, here.newest, problem, lambda: 0.0, kept)
        pipeline = training.refit(found.recipe, here.table, problem)
        prediction = training.predict(pipeline, job.task, here.test, len(problem.classes))
        value = find_metric(problem.metric).value(here.truth, prediction)
        losses[name].append(-value if find_metric(problem.metric).greater_is_better else value)
        line.append(f"{value:.5g} ({'+'.join(one.name for one in found.recipe.members) or found.recipe.name})")
    print(f"{job.name}, {problem.metric}: {', '.join(line)}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
