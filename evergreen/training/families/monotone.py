"""Directions that predictions must keep: they only rise, or only fall, with an input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evergreen.errors import TrainingError, did_you_mean


def constrain(model: Any, rows: Any, monotone: Mapping[str, int]) -> None:
    """Hold boosting, or each member of an ensemble, to directions.

    Args:
        model: An unfitted estimator.
        rows: The fitted transformer that makes its matrix.
        monotone: 1 or -1 by input.

    Raises:
        TrainingError: there is no such input, or it holds categories, which have no order.
    """
    if not monotone:
        return
    sources, sets = list(rows.sources_), set(rows.categorical_indices_)
    for name in monotone:
        places = [at for at, source in enumerate(sources) if source == name]
        if not places:
            raise TrainingError(f"training.monotone.{name}: no such input{did_you_mean(name, sources)}")
        if rows.kinds_.get(name) != "number" or sets.intersection(places):
            raise TrainingError(f"training.monotone.{name}: holds no numbers, so that it cannot rise; leave it out")
    directions = [monotone.get(source, 0) for source in sources]
    for one in getattr(model, "members", [model]):
        one.set_params(monotone_constraints=directions)
