"""Models of a small table fitted several times on rows of random weights, whose mean errs less than each of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evergreen.arrays import Floats
from evergreen.training.families.catalogue import family
from evergreen.training.families.recipe import Recipe

#: Fits of a bag, at most.
_FITS = 3


def bag(recipe: Recipe, most: int, seed: int) -> Recipe | None:
    """The recipe of the mean of several fits of one recipe; None for what is steady, or where one fit is allowed.

    Args:
        recipe: Of a single model, not stopped early yet.
        most: Fits at most.
        seed: Of the search; each fit has its own.
    """
    fits = min(_FITS, most)
    if recipe.members or not family(recipe.family).unsteady or fits < 2:
        return None
    members = [replace(recipe.with_params(random_state=seed + at), bag=at) for at in range(1, fits + 1)]
    return replace(Recipe.mixing(members, [1 / fits] * fits), name=f"{recipe.name}-bagged")


def bagged(weight: Floats | None, n: int, recipe: Recipe) -> Floats | None:
    """Weights of n rows for one fit of a bag; as they are where a recipe is in none.

    Weights are drawn, not rows: so no class and no level is lost, however rare (Clyde and Lee 2001, Bagging and the
    Bayesian bootstrap).
    """
    if not recipe.bag:
        return weight
    drawn: Floats = np.random.default_rng(recipe.bag).exponential(size=n)
    return drawn if weight is None else weight * drawn


def unbagged(recipe: Recipe, seed: int) -> Recipe:
    """A fit of a bag as the recipe that it was made of."""
    return replace(recipe.with_params(random_state=seed), bag=0) if recipe.bag else recipe
