"""A kind of model: all that the rest of the program asks of it, and what holds where a kind says nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from evergreen.arrays import Floats
from evergreen.learning_tasks import TASKS
from evergreen.spec import Task
from evergreen.threads import one_thread
from evergreen.training.families.fold import Fold
from evergreen.training.families.loglinear import LogLinear, StandardisedRows
from evergreen.training.families.recipe import Recipe, canonical
from evergreen.training.families.standardised import Standardised
from evergreen.training.problem import Problem
from evergreen.training.watch import Watch

#: A parameter's values: two numbers are a range, anything else are the choices.
Values = Sequence[int | float | str]
Space = Mapping[str, Values]

#: Rows from which a fit that nothing can interrupt is tried out on a tenth of them first.
_PROBED_ROWS = 20_000


@dataclass(frozen=True)
class Shape:
    """What is known of a table before anything is fitted on it.

    ``classes`` counts them, 0 for a quantity. ``weighted`` says that rows count differently, ``skewed`` that a quantity
    is never negative and a few of its values are far above the others.
    """

    rows: int
    inputs: int
    classes: int = 0
    weighted: bool = False
    skewed: bool = False


@dataclass(frozen=True)
class Entry:
    """A recipe of the portfolio: its name, its parameters, and when its turn comes.

    ``place`` orders the recipes of all families, the lowest first; without one (infinity) a recipe is tried only where
    ``early`` says so. ``early`` gives its place among those that begin in a situation: rows are ``timed``, classes are
    ``many`` or ``very many``, the table is ``large``.
    """

    name: str
    params: dict[str, Any]
    place: float = np.inf
    early: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Learned:
    """A fitted estimator, the parameters that early stopping has fixed, and whether time cut it short."""

    model: Any
    fixed: dict[str, Any] = field(default_factory=dict)
    cut: bool = False


@dataclass(frozen=True)
class Parts:
    """Raw scores as parts: ``amounts`` of shape (n, c, k) and ``expected`` of shape (c,) for c scores, k columns."""

    amounts: Floats
    expected: Floats

    @property
    def scores(self) -> Floats:
        """The raw scores, of shape (n, c): log-odds of class 1, a score a class, or the quantity."""
        total: Floats = self.expected + self.amounts.sum(axis=2)
        return total


class Family:
    """A kind of model. Attributes and methods that a kind leaves alone suit any estimator of scikit-learn.

    Attributes:
        name: As the spec and recipes write it.
        requirements: Packages that a stored model of this kind needs, beside those of every model.
        trusted: Types that it brings into a stored model, by their full names.
        estimators: Full names of the types of its fitted estimators.
        scaled: It needs numbers of one scale without gaps (see ``Standardised``).
        clip: Standard deviations beyond which a scaled value counts as so many; 0 for no bound.
        largest: The most rows, and values of the matrix, with which it is tried: beyond, it costs more than it wins.
        space: What a search varies where the spec does not say.
        stopped_by: Parameters that early stopping fixes; none where it does not stop early.
        leads: It wins on most tables: it is always searched, and goes first on many rows.
        pool: Candidates that an ensemble is chosen from.
        plateau: Proposals in a row without a better one after which its search ends.
        unsteady: Its fits differ so much from sample to sample that their mean is better than each.
        monotone: It can hold its predictions to a direction.
        powered: Its loss of an amount has a power (parameter ``power``).
        explains: How ``parts`` come about, in words; empty where there are none.
    """

    name: str
    requirements: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()
    estimators: tuple[str, ...] = ()
    scaled: bool = False
    clip: float = 0.0
    largest: tuple[float, float] = (np.inf, np.inf)
    space: ClassVar[Space] = {}
    stopped_by: tuple[str, ...] = ()
    leads: bool = False
    pool: int = 3
    plateau: int = 10
    unsteady: bool = False
    monotone: bool = False
    powered: bool = False
    explains: str = ""

    def __str__(self) -> str:
        return self.name

    # What it can learn, and what is tried.

    def can_learn(self, task: Task, shape: Shape) -> bool:
        """Whether it can learn a task, and is worth trying on a table of this size."""
        rows, values = self.largest
        return shape.rows <= rows and shape.rows * shape.inputs <= values and self.learns(task, shape)

    def learns(self, task: Task, shape: Shape) -> bool:
        """Whether it can learn a task, whatever the size of the table."""
        return not TASKS[task].levels and not TASKS[task].rises

    def recipes(self, task: Task, shape: Shape, seed: int) -> Sequence[Entry]:
        """Its part of the portfolio."""
        raise NotImplementedError

    def unstopped(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters as they were before early stopping."""
        return dict(params)

    def proposed(self, params: Mapping[str, Any], point: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters at a point of a search's space."""
        return self.unstopped(params) | dict(point)

    def probe(self, rounds: int, shape: Shape, seed: int) -> Recipe | None:
        """A quick recipe whose model knows which inputs it uses (``used``); None where there is none."""
        return None

    # How it is made and fitted.

    def make(self, params: dict[str, Any], task: Task, metric: str | None) -> Any:
        """The unfitted estimator, of several quantiles ``Quantiles``.

        Args:
            params: A recipe's.
            task: What is predicted.
            metric: The primary metric; some estimators have a loss of their own for it.
        """
        raise NotImplementedError

    def encoded(self, estimator: Any, task: Task, **how: Any) -> Any:
        """An estimator behind the scaling that the kind needs; ``how`` are options of ``Standardised``."""
        if not self.scaled:
            return estimator
        kind = StandardisedRows if isinstance(estimator, LogLinear) else Standardised
        return kind(estimator, clip=self.clip, quantity=not TASKS[task].classes, **how)

    def fit(
        self, recipe: Recipe, model: Any, rows: Any, parts: tuple[Fold, Fold], problem: Problem, watch: Watch
    ) -> Learned:
        """Fit on the first part, stopping by the second where the kind stops early.

        Args:
            recipe: What the model was made from.
            model: The unfitted estimator, of one quantile where there are several.
            rows: The fitted transformer that made the matrices.
            parts: To fit on, and to stop by.
            problem: What is learned.
            watch: The time there is, and what is to beat.

        Raises:
            OutOfTime: the time is over.
        """
        _try_out(model, parts[0], watch)
        fit_plainly(model, parts[0])
        return Learned(model)

    def refit(self, recipe: Recipe, model: Any, rows: Any, train: Fold, scale: float) -> None:
        """Fit on all rows as the recipe has fixed it; ``scale`` multiplies the rounds of what grows with the rows."""
        fit_plainly(model, train)

    def of_quantile(self, recipe: Recipe, number: int) -> Recipe:
        """The recipe of one of several quantiles."""
        return recipe

    def of_quantiles(self, fixed: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """What stopping has fixed for several quantiles, as parameters of one recipe."""
        return {}

    # What it costs.

    def scoring_cost(self, params: Mapping[str, Any], n_rows: int, n_classes: int) -> float:
        """About how long scoring a row of many takes, in microseconds on one core, its matrix left out.

        Args:
            params: A recipe's, as it was fitted.
            n_rows: Rows that it is fitted on.
            n_classes: Of the task.
        """
        return 0.5

    def effort(self, params: Mapping[str, Any], shape: Shape, way: float) -> float:
        """What a fit takes beside others of its kind on the same rows: a ratio; 1 where parameters matter little.

        Args:
            params: A recipe's.
            shape: Of the rows that are fitted on.
            way: How far the fit goes (see ``way``); 0 where that is not known.
        """
        return 1.0

    def way(self, params: Mapping[str, Any]) -> float | None:
        """How far a fit went, in rounds of a learning rate of 1; None where there are no rounds."""
        return None

    # What a fitted estimator predicts, and why.

    def predict(self, model: Any, predict: Callable[[Any], Any], matrix: Any) -> Floats:
        """What ``predict``, a method of the fitted estimator, gives for a matrix: a row's bits hang on no other row."""
        with one_thread("blas") if self.scaled else nullcontext():
            return np.asarray(predict(matrix), dtype=float)

    def parts(self, model: Any, matrix: Any) -> Parts | None:
        """The raw scores as exact parts, one a column of the matrix; None where there is no cheap exact way."""
        return None

    def logs(self, model: Any) -> bool:
        """Whether the raw score is the logarithm of what is predicted."""
        return False

    def trees(self, model: Any) -> int:
        """Trees that a prediction visits; 1 for a model without any."""
        return 1

    def leaves(self, model: Any) -> int | None:
        """Leaves of each tree, where ``parts`` come from trees; else None."""
        return None

    def used(self, model: Any) -> NDArray[np.bool_] | None:
        """Which columns of the matrix it looks at: (k,); None where that is not known."""
        return None


def named(family: Family, name: str, params: Mapping[str, Any], class_weight: str = "none") -> Recipe:
    """A recipe of a family."""
    return Recipe(name, family.name, canonical(params), class_weight)


def fit_plainly(model: Any, train: Fold) -> None:
    """Fit at once, on one thread."""
    with one_thread():
        model.fit(train.x, train.y, **train.weights)


def _try_out(model: Any, train: Fold, watch: Watch) -> None:
    """Give up before a fit that nothing can interrupt, where a tenth of the rows says that it takes too long."""
    watch.check()
    if len(train.y) < _PROBED_ROWS or np.isinf(watch.deadline):
        return
    from sklearn.base import clone

    began, some = watch.clock(), slice(None, None, 10)
    weight = None if train.weight is None else train.weight[some]
    try:
        fit_plainly(clone(model), replace(train, x=train.x[some], y=train.y[some], weight=weight))
    except ValueError:  # a class that the tenth lacks: the time says nothing
        return
    watch.check_room((watch.clock() - began) * 10)
