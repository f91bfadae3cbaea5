"""What a candidate is going to take, before it is begun: by what those before it took."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evergreen.training.families.catalogue import family
from evergreen.training.families.family import Shape
from evergreen.training.families.recipe import Recipe
from evergreen.training.fit import Finished

#: How much longer than in proportion to its rows a fit on all of them takes.
_LONGER = 1.5


def expected_way(recipe: Recipe, done: Sequence[Finished]) -> float:
    """How far fits of this family went at least, in rounds of a learning rate of 1; 0 where that is not known."""
    ways = [family(one.recipe.family).way(one.recipe.params) for one in _alike(recipe, done)]
    known = [way for way in ways if way is not None]
    return min(known, default=0.0)


def expected_seconds(
    recipe: Recipe, done: Sequence[Finished], shape: Shape, all_rows: Shape | None = None
) -> float | None:
    """Seconds that a fit is going to take at least; None where nothing of its family is finished, and of an ensemble.

    Args:
        recipe: What is going to be fitted, not stopped yet.
        done: What is finished, on the same rows.
        shape: Of the rows that are fitted on.
        all_rows: The table of which these rows are a part, if the fit on that is meant: more rows deserve more rounds.
    """
    alike = _alike(recipe, done)
    if not alike:
        return None
    kind = family(recipe.family)
    if all_rows:
        seconds = expected_seconds(recipe, done, shape)
        way = expected_way(recipe, done)
        ratio = kind.effort(recipe.params, all_rows, way) / kind.effort(recipe.params, shape, way)
        return _LONGER * (seconds or 0.0) * (all_rows.rows / shape.rows if ratio == 1 else ratio)
    rates = [one.seconds / kind.effort(one.recipe.params, shape, kind.way(one.recipe.params) or 0.0) for one in alike]
    return float(np.median(rates)) * kind.effort(recipe.params, shape, expected_way(recipe, done))


def _alike(recipe: Recipe, done: Sequence[Finished]) -> list[Finished]:
    if recipe.members:
        return []
    return [one for one in done if one.recipe.family == recipe.family and not one.cut]
