"""How much a model leans on each of its inputs, and how its prediction moves with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from evergreen.arrays import Floats
from evergreen.spec import Task
from evergreen.training.families.adjusted import adjusted
from evergreen.training.families.catalogue import family_of
from evergreen.training.families.prediction import predict_matrix
from evergreen.training.families.quantiles import Quantiles
from evergreen.training.insight.explanation import sources

Score = Callable[[NDArray[Any], NDArray[Any]], float]

#: Leaves visited: what bounds the cost of TreeSHAP, which grows with the leaves of all trees and with their depth.
_MOST_LEAVES = 5_000_000
#: Trees with more leaves than this are so deep that a leaf costs more.
_SHALLOW = 31
#: Trees visited: what bounds the cost of partial dependence.
_MOST_TREES = 12_000_000
#: The same for permutation importance.
_MOST_TREES_SHUFFLED = 40_000_000
_FEWEST_SHUFFLED = 500
#: Below, a mean over the rows says little.
_FEWEST_ROWS = 60
#: Levels of a category drawn: beyond, the labels cannot be read.
_MOST_LEVELS = 12


@dataclass(frozen=True)
class TreeShap:
    """TreeSHAP values of a sample of n rows and k columns.

    ``contributions`` (n, k) are to the raw score: of class 1, of each row's likeliest class, or to the quantity.
    ``values`` (n, k) are the columns' own; NaN for nulls and for categories, whose codes have no order.
    """

    names: tuple[str, ...]
    values: Floats
    contributions: Floats


@dataclass(frozen=True)
class Dependence:
    """The mean prediction when one input has the same value in every row.

    ``grid`` holds g numbers, or g levels of a category; ``means`` is (g,), or (g, k) for k classes.
    """

    name: str
    grid: tuple[float, ...] | tuple[str, ...]
    means: Floats


def permutation_importance(
    pipeline: Pipeline,
    task: Task,
    frame: pd.DataFrame,
    target: NDArray[np.float64],
    score: Score,
    seed: int = 0,
    repeats: int = 3,
    max_rows: int = 5000,
) -> dict[str, float]:
    """The mean loss in the score when one input is shuffled among the rows (Breiman 2001, Random Forests, section 10).

    Inputs are columns of the table, as people know them, and parts of the calendar; all numbers that were made of one
    are shuffled together. Inputs that did not vary in fitting are left out.

    Args:
        pipeline: A fitted model.
        task: What it predicts.
        frame: Rows that it was not fitted on, with its inputs.
        target: Their labels, of shape (n,), as ``encode_target`` gives them.
        score: A function of labels and predictions; larger is better.
        seed: Seed of the shuffles.
        repeats: Shuffles an input.
        max_rows: Rows looked at; a random choice of them where there are more, fewer for many trees.

    Returns:
        The importance by input, in the unit of the score, largest first; near zero or below means of no use.
    """
    if frame.empty:
        return {}
    rng = np.random.default_rng(seed)
    transformer, model = pipeline.named_steps["rows"], pipeline.named_steps["model"]
    groups = _columns(transformer)
    size = min(max_rows, max(_FEWEST_SHUFFLED, _MOST_TREES_SHUFFLED // (_trees(model) * len(groups) * repeats)))
    kept = np.sort(rng.permutation(len(frame))[:size])
    matrix, labels = transformer.transform(frame.iloc[kept]), target[kept]
    finish = partial(adjusted, pipeline, frame=frame.iloc[kept])
    full = score(labels, finish(values=predict_matrix(model, task, matrix)))
    losses = {}
    for name, columns in groups.items():
        values = []
        for _ in range(repeats):
            shuffled = matrix.copy()
            shuffled[:, columns] = matrix[rng.permutation(len(matrix))][:, columns]
            values.append(full - score(labels, finish(values=predict_matrix(model, task, shuffled))))
        losses[name] = float(np.mean(values))
    return dict(sorted(losses.items(), key=lambda item: (-item[1], item[0])))


def tree_shap(pipeline: Pipeline, frame: pd.DataFrame, seed: int = 0, max_rows: int = 2000) -> TreeShap | None:
    """TreeSHAP values of boosted trees on a sample of rows; None for other models and for no rows.

    Args:
        pipeline: A fitted model.
        frame: Rows with its inputs.
        seed: Seed of the sample.
        max_rows: Rows looked at; fewer for many large trees.
    """
    transformer, model = pipeline.named_steps["rows"], pipeline.named_steps["model"]
    model = model.middle if isinstance(model, Quantiles) else model
    kind = family_of(model)
    leaves = kind.leaves(model)
    if frame.empty or leaves is None:
        return None
    cost = _trees(model) * leaves * max(leaves, _SHALLOW) // _SHALLOW
    matrix = transformer.transform(_sample(frame, min(max_rows, max(_FEWEST_ROWS, _MOST_LEAVES // cost)), seed))
    parts = kind.parts(model, matrix)
    assert parts is not None
    several = parts.amounts.shape[1] > 1
    chosen = parts.scores.argmax(axis=1) if several else np.zeros(len(matrix), dtype=int)
    values = np.asarray(matrix, dtype=float)
    values[:, [at for at, (levels, *_) in enumerate(transformer.layout()) if levels]] = np.nan
    return TreeShap(tuple(transformer.feature_names_), values, parts.amounts[np.arange(len(matrix)), chosen])


def partial_dependence(
    pipeline: Pipeline,
    task: Task,
    frame: pd.DataFrame,
    columns: Sequence[str],
    n_classes: int = 0,
    seed: int = 0,
    most: int = 4,
    points: int = 20,
    max_rows: int = 1000,
) -> list[Dependence]:
    """The mean prediction over a sample of rows as one input takes each value of a grid (Friedman 2001, section 8.2).

    Numbers run from their 2nd to their 98th percentile, categories over their most frequent levels.

    Args:
        pipeline: A fitted model.
        task: What it predicts.
        frame: Rows with its inputs.
        columns: Inputs, the most important first; those that do not vary, and
            those that became several numbers, are passed over.
        n_classes: Number of classes of a multiclass task.
        seed: Seed of the sample.
        most: Inputs looked at.
        points: Values a number takes.
        max_rows: Rows looked at; fewer for many trees.
    """
    transformer, model = pipeline.named_steps["rows"], pipeline.named_steps["model"]
    if frame.empty:
        return []
    size = min(max_rows, max(_FEWEST_ROWS, _MOST_TREES // (_trees(model) * most * points)))
    matrix = transformer.transform(_sample(frame, size, seed))
    found: list[Dependence] = []
    for name in columns:
        places = _columns(transformer).get(name, [])
        labels, values = _grid(transformer, name, matrix[:, places], points)
        if len(found) == most or len(labels) < 2:
            continue
        several = np.tile(matrix, (len(labels), 1))
        several[:, places] = values.repeat(len(matrix), axis=0)
        predicted = predict_matrix(model, task, several, n_classes)
        means = predicted.reshape(len(labels), len(matrix), *predicted.shape[1:]).mean(axis=1)
        found.append(Dependence(name, labels, means))
    return found


def _trees(model: Any) -> int:
    """Trees that a prediction visits; 1 for a model without any."""
    if hasattr(model, "members"):
        return sum(_trees(member) for member in model.members)
    return family_of(model).trees(model)


def _columns(transformer: Any) -> dict[str, list[int]]:
    """The matrix's columns that were made of each input."""
    places: dict[str, list[int]] = {}
    for at, name in enumerate(sources(transformer)):
        places.setdefault(name, []).append(at)
    return places


def _grid(transformer: Any, name: str, own: Floats, points: int) -> tuple[tuple[float, ...] | tuple[str, ...], Floats]:
    """A grid's points as people read them, and what the input's own columns of the matrix (n, j) hold there (g, j)."""
    if name in transformer.levels_:
        levels = tuple(transformer.levels_[name][:_MOST_LEVELS])
        return levels, np.asarray(transformer.level_values(name, levels), dtype=float)
    if own.shape[1] != 1 or not len(own):  # an input that became several numbers cannot be drawn along one of them
        return (), own
    known = own[:, 0][np.isfinite(own[:, 0])].astype(float)
    grid = np.unique(known)
    if len(grid) > points:
        low, high = np.quantile(known, [0.02, 0.98]).tolist()
        grid = np.unique(np.linspace(low, high, points))
    return tuple(grid.tolist()), grid[:, None]


def _sample(frame: pd.DataFrame, size: int, seed: int) -> pd.DataFrame:
    kept = np.sort(np.random.default_rng(seed).permutation(len(frame))[:size])
    return frame.iloc[kept].reset_index(drop=True)
