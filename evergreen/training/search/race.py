"""Candidates fitted one after the other on one split, within one budget."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import numpy as np

from evergreen.metrics import find_metric
from evergreen.training.families.bagging import bag
from evergreen.training.families.catalogue import family
from evergreen.training.families.family import Shape
from evergreen.training.families.learning import unstopped
from evergreen.training.families.recipe import ENSEMBLE, Recipe
from evergreen.training.fit import Finished
from evergreen.training.search.candidate_cache import CandidateCache
from evergreen.training.search.cost import expected_seconds, expected_way
from evergreen.training.search.folds import Folds
from evergreen.training.watch import OutOfTime, Watch

logger = logging.getLogger(__name__)

#: The share of what is left of the budget that one candidate of the portfolio may take: the first, and later ones.
_FIRST_SHARE, SHARE = 0.75, 0.5
#: What a fit has cost before it first looks at the clock, as a share of the longest one.
_BEGINNING = 0.1
#: The share of the budget that is set apart, at most, for fitting the members of an ensemble once more, and how many
#: members there are as a rule.
_APART, _LIKELY = 0.2, 3
#: Candidates that a bag is made of, at most.
_BAGGED = 2
#: Candidates that an ensemble is chosen from, and bags among them.
_POOL, _BAGS = 16, 3
#: How much longer a fit on all rows takes than one on those of the split: there are more of them. What stopped early
#: does without looking at the others, and without the rounds that brought nothing.
_GROWTH, _STOPPED = 1.2, 0.9


class Race:
    """Candidates fitted one after the other on one split, until a time.

    Args:
        folds: The rows to fit on and to compare on, and what is learned.
        clock: Seconds.
        end: The clock's value at which the last candidate ends.
        memory: Of an earlier, interrupted search.
        on_done: Called with each finished candidate and its value.
        refits: How often what is found is fitted once more, on all rows, before ``end``: no candidate may be so slow
            that this is not possible.
    """

    def __init__(
        self, folds: Folds, clock: Callable[[], float], end: float, memory: CandidateCache | None = None,
        on_done: Callable[[Finished, float], None] = lambda finished, value: None, refits: int = 0,
    ) -> None:  # fmt: skip
        self.folds, self.problem, self.clock, self.end = folds, folds.problem, clock, end
        self.memory, self.on_done, self.refits = memory, on_done, refits
        self.target, self.timed, self.blocks = folds.target, folds.timed, folds.blocks
        self.sign, self.reserve = find_metric(self.problem.metric).sign, 0.0
        self.done, self.values = list[Finished](), list[float]()
        #: Of a part of a table: the whole, and the seconds that a fit on it may take.
        self.all_rows: tuple[Shape, float] | None = None

    @property
    def best(self) -> int:
        """The place of the best candidate, the first of equal ones."""
        return int(np.argmax(np.nan_to_num(self.sign * np.asarray(self.values), nan=-np.inf)))

    @property
    def order(self) -> list[int]:
        """The places of all candidates, the best first."""
        return sorted(range(len(self.done)), key=lambda at: (-self.sign * np.nan_to_num(self.values[at]), at))

    @property
    def pool(self) -> list[Finished]:
        """The best candidates, of each family a few, the best first: those of one search are much alike."""
        counts: dict[str, int] = {}
        found = []
        for at in self.order:
            name = self.done[at].recipe.family
            counts[name] = counts.get(name, 0) + 1
            most = _BAGS if name == ENSEMBLE else family(name).pool
            if counts[name] <= most and not self.done[at].cut:
                found.append(self.done[at])
        return found[:_POOL]

    @property
    def to_beat(self) -> float | None:
        """The best value so far."""
        return self.values[self.best] if self.done else None

    @property
    def full(self) -> bool:
        """Whether as many candidates are done as the spec allows."""
        most = self.problem.settings.max_candidates
        return most is not None and len(self.done) >= most

    @property
    def left(self) -> float:
        """Seconds for candidates; those for bags, and for fitting what is found once more, are set apart."""
        return self.end - self.clock() - self._apart - self.reserve

    @property
    def _apart(self) -> float:
        if not self.refits or not self.done:
            return 0.0
        best = self.again(self.done[self.best])
        if self.problem.settings.ensemble == "never":
            return best
        mixed = sum(self.again(one) for one in self.pool[:_LIKELY])
        return max(best, min(mixed, _APART * self.problem.settings.budget.total_seconds()))

    def again(self, finished: Finished) -> float:
        """Seconds that fitting a finished candidate on all rows takes, as often as it is asked for."""
        alone = not finished.recipe.members
        stopped = alone and bool(family(finished.recipe.family).stopped_by) and not finished.cut
        return self.refits * (_STOPPED if stopped else _GROWTH) * finished.seconds / self.folds.count

    def run(self, recipes: Sequence[Recipe]) -> None:
        """Fit the recipes in their order; one that takes more than its share of the time is dropped."""
        for recipe in recipes:
            if self.full:
                break
            # Even beginning costs something, in proportion to what the table has cost so far.
            beginning = _BEGINNING * max((one.seconds for one in self.done), default=0.0)
            if self.done and self.left <= beginning and self._recalled(recipe) is None:
                logger.info("%s: not begun, %.0f s of the budget are left", recipe.name, max(self.left, 0.0))
                continue
            self.attempt(recipe, SHARE if self.done else _FIRST_SHARE)

    @property
    def bags(self) -> bool:
        """Whether the best candidates are fitted several times in the end."""
        settings = self.problem.settings
        allowed = settings.max_candidates is None and "never" not in (settings.bagging, settings.ensemble)
        several = self.folds.count > 1 and not self.timed and self._most_fits >= 2
        return allowed and several and any(family(name).unsteady for name in settings.families)

    def bag(self) -> None:
        """Fit the best candidates several times, each time on other folds, where there is time for it."""
        settings, self.reserve = self.problem.settings, 0.0
        if not self.bags:
            return
        for one in self.pool[:_BAGGED]:
            recipe = bag(unstopped(one.recipe), self._most_fits, settings.seed)
            if recipe and len(recipe.members) * one.seconds <= self.left:
                self.attempt(recipe)

    @property
    def _most_fits(self) -> int:
        """Fits that a bag may hold."""
        settings = self.problem.settings
        return min(settings.max_members, int(settings.max_scoring_factor))

    def attempt(self, recipe: Recipe, share: float = 1.0) -> Finished | None:
        """Fit one candidate, or remember it; None where time ran out."""
        to_beat, found = self.to_beat, self._recalled(recipe)
        if found is None:
            # What has to be fitted once more on all rows may take its own part of the time only.
            part = min(share, 1 / (1 + self.refits * _GROWTH / self.folds.count)) * max(self.left, 0.0)
            if not self._fits_in(recipe, part):
                return None
            try:
                way = expected_way(recipe, self.done)
                watch = Watch(self.clock, self.clock() + part, not self.done, to_beat, way)
                found = self.folds.fit(recipe, watch)
            except OutOfTime:
                logger.info("%s: dropped, its share of the budget ran out", recipe.name)
                return None
            if found.cut:
                logger.warning(
                    "%s: its part of the budget of %s ran out in the first candidate, which is kept as far as it came; "
                    "give training.budget more", recipe.name, self.problem.settings.budget,
                )  # fmt: skip
            if self.memory and not found.cut:
                self.memory.keep(recipe, to_beat, found)
        self.done.append(found)
        self.values.append(find_metric(self.problem.metric).value(self.target, found.tuning))
        logger.info("%s: fitted in %.1f s", recipe.name, found.seconds)
        self.on_done(found, self.values[-1])
        return found

    def _fits_in(self, recipe: Recipe, part: float) -> bool:
        """Whether a candidate is going to be done in so many seconds, and on all rows in what these leave it."""
        for_rows = [(None, part)] + ([self.all_rows] if self.all_rows else [])
        for shape, seconds in for_rows:
            expected = expected_seconds(recipe, self.done, self.folds.shape, shape)
            if expected is not None and expected > seconds:
                where = "on all rows " if shape else ""
                logger.info("%s: not begun, it would %stake %.1f s of %.1f", recipe.name, where, expected, seconds)
                return False
        return True

    def _recalled(self, recipe: Recipe) -> Finished | None:
        return self.memory.recall(recipe, self.to_beat) if self.memory else None
