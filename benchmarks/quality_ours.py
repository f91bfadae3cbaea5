"""Our own search as one of the systems of ``benchmarks.quality``."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import pandas as pd

from evergreen import features, training
from evergreen.handoffs import TARGET, TIME
from evergreen.spec import ModelSpec
from evergreen.threads import usable_threads


def our_problem(meta: dict[str, Any], **settings: Any) -> Any:
    """What our search learns of a table, with these settings of ``training``."""
    data = {"source": "t", "target": {"column": "__y"}} | ({"time": meta["time"]} if meta["time"] else {})
    spec = ModelSpec.model_validate({"model": "bench", "data": data, "training": settings})
    transformer_for = partial(features.row_features, spec, tuple(meta["inputs"]))
    classes = tuple(str(code) for code in range(meta["classes"]))
    return training.Problem(spec.training, meta["task"], classes, transformer_for, usable_threads())


def our_rows(frame: Any, meta: dict[str, Any], y: Any = None) -> Any:
    """Rows as our features take them, with labels where there are any."""
    rows = frame[meta["inputs"]]
    if meta["time"]:
        rows = rows.assign(**{TIME: pd.to_datetime(frame[meta["time"]], utc=True).astype("datetime64[us, UTC]")})
    if y is None:
        return rows
    return rows.assign(**{TARGET: y if meta["task"] == "regression" else y.astype(int).astype(str)})


@dataclass(frozen=True)
class Ours:
    """What predicts rows, and the metric's value that the rows told which chose it."""

    pipeline: Any
    meta: dict[str, Any]
    n_classes: int
    told: float

    def __call__(self, rows: Any) -> Any:
        """Predictions as all systems hand them in."""
        return training.predict(self.pipeline, self.meta["task"], our_rows(rows, self.meta), self.n_classes)


def ours(frame: Any, y: Any, meta: dict[str, Any], budget: float, past: Any, newest: Any) -> Ours:
    """The search of ``evergreen train``, then the best recipe on all rows; it takes the rows as they are.

    Args:
        frame: The rows.
        y: What is predicted, as codes or numbers.
        meta: What is true of the table.
        budget: Seconds.
        past: Positions to fit on.
        newest: Positions to tune by.
    """
    began = time.monotonic()
    table = our_rows(frame, meta, y)
    left = timedelta(seconds=budget - (time.monotonic() - began))
    problem = our_problem(meta, budget=left, seed=meta["seed"])
    found = training.find_recipe(table.iloc[past], table.iloc[newest], problem, time.monotonic, refits=1)
    pipeline = training.refit(found.recipe, table, problem)
    return Ours(pipeline, meta, len(problem.classes), found.value)
