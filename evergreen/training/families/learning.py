"""Let a recipe's estimator learn: with rows to stop by, within a time, or for the rounds that the recipe has fixed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from evergreen.spec import Task
from evergreen.training.families.catalogue import family
from evergreen.training.families.ensemble import Ensemble
from evergreen.training.families.family import Learned
from evergreen.training.families.fold import Fold
from evergreen.training.families.quantiles import Quantiles
from evergreen.training.families.recipe import Recipe, canonical
from evergreen.training.families.standardised import Standardised
from evergreen.training.problem import Problem
from evergreen.training.watch import Watch


def make_estimator(recipe: Recipe, task: Task, metric: str | None = None) -> Any:
    """The recipe's estimator, unfitted, for labels as ``encode_target`` gives them.

    Args:
        recipe: What to make.
        task: What is predicted.
        metric: The primary metric; some estimators have a loss of their own for it.
    """
    if recipe.members:
        return Ensemble([make_estimator(one, task, metric) for one in recipe.members], list(recipe.shares))
    return family(recipe.family).make(recipe.params, task, metric)


def unstopped(recipe: Recipe) -> Recipe:
    """The recipe as it was before early stopping said how many rounds are best."""
    if recipe.members:
        return recipe
    return replace(recipe, params_json=canonical(family(recipe.family).unstopped(recipe.params)))


def fit_estimator(
    recipe: Recipe, model: Any, rows: Any, parts: tuple[Fold, Fold], problem: Problem, watch: Watch
) -> Learned:
    """Fit a single model on the first part, stopping by the second; of several quantiles each.

    Args:
        recipe: What the model was made from.
        model: The unfitted estimator.
        rows: The fitted transformer that made the matrices.
        parts: To fit on, and to stop by.
        problem: What is learned.
        watch: The time there is, and what is to beat.

    Raises:
        OutOfTime: the time is over.
    """
    kind = family(recipe.family)
    if isinstance(model, Quantiles):
        each = [fit_estimator(recipe, one, rows, parts, problem, watch) for one in model.members]
        fixed = kind.of_quantiles([one.fixed for one in each])
        return Learned(Quantiles([one.model for one in each]), fixed, any(one.cut for one in each))
    if isinstance(model, Standardised):
        model.layout = rows.layout()
    return kind.fit(recipe, model, rows, parts, problem, watch)


def refit_estimator(recipe: Recipe, model: Any, rows: Any, train: Fold, scale: float = 1.0) -> None:
    """Fit a single model on all rows for the rounds that its recipe has fixed; ``scale`` multiplies boosting's."""
    kind = family(recipe.family)
    if isinstance(model, Quantiles):
        for number, one in enumerate(model.members):
            refit_estimator(kind.of_quantile(recipe, number), one, rows, train, scale)
        return
    if isinstance(model, Standardised):
        model.layout = rows.layout()
    kind.refit(recipe, model, rows, train, scale)
