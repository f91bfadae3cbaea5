"""Finished candidates of a training, kept in the workspace: an interrupted search goes on from them."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from evergreen.cache import Arrays, Cache
from evergreen.handoffs import TARGET, TIME
from evergreen.training import Finished, Problem, Recipe, TrainingRows, encode_known, is_small


class Candidates:
    """What candidates showed on one split of one table; those of the model's earlier trainings are removed.

    Args:
        workspace: The workspace's folder.
        model: The model's name.
        digest: Names the rows, the labels, the split, what is learned and the programs: see ``search_digest``.
    """

    def __init__(self, workspace: Path, model: str, digest: str) -> None:
        folder = workspace / "candidates" / model
        for old in folder.glob("*"):
            if old.name != digest:
                shutil.rmtree(old, ignore_errors=True)
        self._cache = Cache(folder / digest)

    def recall(self, recipe: Recipe, to_beat: float | None) -> Finished | None:
        """What the same candidate showed before, with the same value to beat; None if it was never finished."""
        found = self._cache.read(_key(recipe, to_beat))
        if found is None:
            return None
        text = bytes(found["recipe"]).decode()
        return Finished(Recipe.from_json(text), found["tuning"], float(found["seconds"]))

    def keep(self, recipe: Recipe, to_beat: float | None, finished: Finished) -> None:
        """Keep what a candidate showed."""
        text = np.frombuffer(finished.recipe.to_json().encode(), dtype=np.uint8)
        arrays: Arrays = {"recipe": text, "tuning": finished.tuning, "seconds": np.array(finished.seconds)}
        self._cache.write(_key(recipe, to_beat), arrays)


def search_digest(
    table: str,
    parts: tuple[pd.DataFrame, pd.DataFrame],
    contest: TrainingRows,
    problem: Problem,
    program: Sequence[str],
) -> str:
    """All that the predictions of a candidate follow from, beside its recipe.

    Args:
        table: The digest of the feature table.
        parts: Its rows to fit on and to tune by, with the labels that count.
        contest: Its split.
        problem: What is learned.
        program: What it is learned with: ``evergreen.io.program.program``.
    """
    total = hashlib.sha256(table.encode())
    for places, rows in zip((contest.split.train, contest.split.tuning), parts, strict=True):
        total.update(np.ascontiguousarray(places, dtype=np.int64).tobytes())
        total.update(encode_known(rows[TARGET], contest.task, contest.classes).tobytes())
    transformer = sorted(problem.transformer_for("").get_params().items())
    settings = problem.settings
    n_rows = len(contest.split.train) + len(contest.split.tuning)
    folds = (is_small(n_rows, TIME in parts[0], problem), settings.seed, sorted(settings.monotone.items()))
    learned = (problem.task, problem.metric, problem.classes, settings.weight, settings.exposure, folds, transformer)
    total.update(repr((learned, list(program))).encode())
    return total.hexdigest()[:24]


def _key(recipe: Recipe, to_beat: float | None) -> str:
    return hashlib.sha256(f"{recipe.to_json()}\0{to_beat!r}".encode()).hexdigest()[:24]
