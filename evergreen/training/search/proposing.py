"""What is tried beyond the portfolio: proposals for the best families, in turn, each learned from those before it."""

from __future__ import annotations

import logging
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from evergreen.statistics import paired_interval
from evergreen.training.families.catalogue import family
from evergreen.training.families.recipe import Recipe
from evergreen.training.fit import Finished
from evergreen.training.search.race import SHARE, Race
from evergreen.training.search.space import proposals

logger = logging.getLogger(__name__)

#: How many times as many proposals may bring nothing better where nothing else is left to spend the budget on.
PATIENT = 4
#: Proposals in a row that take too long, after which no quicker one is hoped for.
_TOO_SLOW = 40
#: Families that are searched at once: the best ones, boosting always among them.
_SEARCHED = 2


@dataclass
class Line:
    """A family's proposals, the value that answers the last of them, and how many brought nothing better, or were slow.

    ``since`` and ``slow`` count from the last proposal that was better, and that was finished.
    """

    family: str
    proposed: Generator[Recipe, float, None]
    answer: float | None = None
    best: float | None = None
    since: int = 0
    slow: int = 0


class Proposing:
    """The proposals of one race.

    Args:
        race: What is finished there is learned from; what is proposed is fitted there.
    """

    def __init__(self, race: Race) -> None:
        self._race = race
        self._lines: list[Line] | None = None

    def go_on(self, patience: int = 1) -> None:
        """Try proposals of each family in turn, until none is left or hoped for.

        Args:
            patience: Times as many proposals as usual may bring nothing better.
        """
        race = self._race
        if self._lines is None:
            self._lines = [Line(name, self._proposed(name)) for name in self._searched()]
        for line in self._lines:
            line.slow = 0
        going = self._lines
        while going and not race.full:
            going = [line for line in going if not race.full and self._try_next(line, patience)]

    def _searched(self) -> list[str]:
        """The families that proposals are made for: those of the spec, or the best ones, boosting among them."""
        race, best = self._race, dict[str, Finished]()
        space = race.problem.settings.space
        for at in race.order:
            if not race.done[at].recipe.members:
                best.setdefault(race.done[at].recipe.family, race.done[at])
        known = [name for name in best if (name in space if space else family(name).space)]
        if space or not known:
            return known
        first = known[0]
        # What is behind by more than chance can serve an ensemble as it is, but no proposal will bring it to the front.
        near = [name for name in known if name == first or family(name).leads or not self._is_behind(best[name])]
        return sorted(near, key=lambda name: (name != first, not family(name).leads))[:_SEARCHED]

    def _is_behind(self, finished: Finished) -> bool:
        """Whether a candidate is worse than the best by more than chance."""
        race = self._race
        best = race.done[race.best]
        gain = paired_interval(race.problem.metric, race.target, best.tuning, finished.tuning, race.blocks)
        return bool(gain.low > 0)

    def _proposed(self, name: str) -> Generator[Recipe, float, None]:
        race = self._race
        settings = race.problem.settings
        space = settings.space.get(name) or family(name).space
        places = [at for at in race.order if race.done[at].recipe.family == name]
        base = race.done[places[0]].recipe
        known = [(race.done[at].recipe, race.values[at]) for at in places if not np.isnan(race.values[at])]
        return proposals(settings.search, base, space, known, race.sign > 0, settings.seed)

    def _try_next(self, line: Line, patience: int) -> bool:
        """Try a family's next proposal; whether another one may follow."""
        race = self._race
        known = [at for at in race.order if race.done[at].recipe.family == line.family]
        if race.left <= min(race.done[at].seconds for at in known):
            return False
        try:
            recipe = next(line.proposed) if line.answer is None else line.proposed.send(line.answer)
        except StopIteration:
            return False
        if race.attempt(recipe, SHARE) is None:
            # What takes too long is as bad as the worst: so the search keeps away from it.
            line.answer, better = race.values[known[-1]], False
            line.slow += 1
        else:
            line.answer, line.slow = race.values[-1], 0
            better = line.best is None or race.sign * line.answer > race.sign * line.best
        line.best, line.since = (line.answer, 0) if better else (line.best, line.since + 1)
        return not self._has_ended(line, patience)

    def _has_ended(self, line: Line, patience: int) -> bool:
        if line.slow >= _TOO_SLOW:
            logger.info("%s: %d proposals in a row would take too long", line.family, line.slow)
            return True
        ended = self._race.problem.settings.search == "bayes" and line.since >= patience * family(line.family).plateau
        if ended:
            logger.info("%s: %d proposals in a row brought nothing better", line.family, line.since)
        return ended
