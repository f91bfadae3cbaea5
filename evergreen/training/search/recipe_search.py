"""Find the best recipe within a budget: a portfolio, a search around its best, and a mix of what was fitted."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from evergreen.arrays import Floats
from evergreen.handoffs import InputSelection
from evergreen.learning_tasks import TASKS
from evergreen.metrics import find_metric
from evergreen.training.families.calibration import EVEN, calibrate, calibrated, cost, threshold_for
from evergreen.training.families.catalogue import family
from evergreen.training.families.quantiles import shifts_for
from evergreen.training.families.recipe import Recipe
from evergreen.training.fit import Finished
from evergreen.training.problem import Problem
from evergreen.training.search.amounts import powered
from evergreen.training.search.candidate_cache import CandidateCache, ScopedCandidateCache
from evergreen.training.search.champion_recipe import remembered
from evergreen.training.search.folds import Folds, may_take_turns
from evergreen.training.search.halving import ONE_PART, confirmed, is_large, ranked
from evergreen.training.search.input_selection import SelectedInputs, select_inputs
from evergreen.training.search.mixing import mix
from evergreen.training.search.portfolio import candidates, first_of_many, is_skewed
from evergreen.training.search.proposing import PATIENT, Proposing
from evergreen.training.search.race import Race

logger = logging.getLogger(__name__)


#: The share of the budget that choosing an ensemble may take.
_MIXING = 0.06
#: The share of the budget that fitting the best candidates several times may take, where each row is predicted in turn.
_BAGGING = 0.15


@dataclass(frozen=True)
class Found:
    """The best recipe, its value on the tuning rows, every candidate as it was finished, and what it looked at."""

    recipe: Recipe
    value: float
    finished: tuple[Finished, ...]
    looked: SelectedInputs = field(default_factory=lambda: SelectedInputs(InputSelection()))


def find_recipe(
    train: pd.DataFrame,
    tuning: pd.DataFrame,
    problem: Problem,
    clock: Callable[[], float],
    memory: CandidateCache | None = None,
    on_done: Callable[[Finished, float], None] = lambda finished, value: None,
    refits: int = 0,
    first: Recipe | None = None,
) -> Found:
    """Try candidates until the budget is spent or nothing better turns up, and choose by the tuning rows.

    The budget decides only which candidates of the portfolio finish and how many proposals follow them; from these the
    result follows to the bit. Where not even the first one fits in, it is kept as far as it came.

    Args:
        train: Rows to fit on.
        tuning: Rows to compare on.
        problem: What is learned, the budget, and how to search.
        clock: Seconds, e.g. ``time.monotonic``.
        memory: Of an earlier, interrupted search.
        on_done: Called with each finished candidate and its value.
        refits: How often the budget must also allow for fitting what is found on all rows.
        first: The champion's recipe, which is tried before all others.

    Raises:
        TrainingError: no family suits the table, the space names an unknown parameter, labels cannot be used.
    """
    settings = problem.settings
    began = clock()
    length = (1 - (_MIXING if settings.ensemble == "auto" else 0.0)) * settings.budget.total_seconds()
    race = Race(Folds(train, tuning, problem), clock, began + length, memory, on_done, refits)
    later = _later(race, train, tuning)
    if (later or race).bags:
        (later or race).reserve = _BAGGING * length
    if later:
        race.end, race.refits = began + ONE_PART * length, 0
    looked = select_inputs(train, tuning, problem)
    proposing = Proposing(race)
    recipes = _begin(race, train, tuning, looked.view.to_json(), first)
    race.run(recipes)
    if settings.search != "portfolio":
        proposing.go_on(1 if later else PATIENT)
    race = confirmed(race, later, proposing) if later else race
    race.bag()
    best = race.done[race.best]
    mixed = mix(race, len(train)) if settings.ensemble == "auto" else None
    recipe, predictions = mixed or (best.recipe, best.tuning)
    value = find_metric(problem.metric).value(race.target, predictions)
    return Found(_decided(race, recipe, predictions), value, tuple(race.done), looked)


def _later(race: Race, train: pd.DataFrame, tuning: pd.DataFrame) -> Race | None:
    """The race on every row in turn that follows one on a tuning part, where rows are few."""
    by_space = race.problem.settings.search in ("random", "grid")
    if by_space or race.folds.count > 1 or not may_take_turns(len(train) + len(tuning), race.timed, race.problem):
        return None
    folds = Folds(train, tuning, race.problem, in_turn=True)
    memory = race.memory and ScopedCandidateCache(race.memory, f"{len(folds.target)} rows in {folds.count} turns")
    return Race(folds, race.clock, race.end, memory, race.on_done, race.refits) if folds.count > 1 else None


def _decided(race: Race, recipe: Recipe, predictions: Floats) -> Recipe:
    """The recipe with what its predictions of unseen rows say of probabilities, thresholds and quantiles."""
    problem, settings = race.problem, race.problem.settings
    if TASKS[problem.task].levels and settings.conformal == "auto":
        return replace(
            recipe, shifts=shifts_for(settings.quantiles, problem.metric, race.target, predictions, race.blocks)
        )
    if not TASKS[problem.task].classes:
        return recipe
    if settings.calibrate == "auto":
        recipe = replace(recipe, calibration=calibrate(race.target, predictions, race.blocks))
    if not TASKS[problem.task].decides:
        return recipe
    if isinstance(settings.threshold, float):
        return replace(recipe, threshold=settings.threshold)
    if settings.costs:
        bent = calibrated(predictions, recipe.calibration)
        recipe = replace(recipe, threshold=threshold_for(race.target, bent, settings.costs, race.blocks))
        costs = [cost(race.target, bent, one, settings.costs) for one in (recipe.threshold, EVEN)]
        logger.info("class 1 is decided from %.3f on: errors cost %.4g a row, %.4g from %.1f on",
                    recipe.threshold, *costs, EVEN)  # fmt: skip
    return recipe


def _begin(race: Race, train: pd.DataFrame, tuning: pd.DataFrame, view: str, first: Recipe | None) -> Sequence[Recipe]:
    """What is tried first: the portfolio, one recipe a family of the spec's space, or what a part of the rows chose."""
    problem = race.problem
    settings = problem.settings
    by_space = settings.search in ("random", "grid")
    chosen = (list(settings.space) if by_space else []) or list(settings.families)
    if settings.monotone:
        chosen = [name for name in chosen if family(name).monotone]
    inputs = len(problem.transformer_for("").inputs)
    n_classes = len(problem.classes)
    large = is_large(len(train), inputs, n_classes if TASKS[problem.task].classes else 0, settings.budget)
    first_tried = first_of_many(len(train), inputs, n_classes, settings.budget) or ("large" if large else "")
    recipes = candidates(
        problem.task, chosen, len(train), inputs, settings.seed, problem.class_weight, settings.weight is not None,
        TASKS[problem.task].any_sign and is_skewed(race.target), first_tried, race.timed, n_classes,
    )  # fmt: skip
    known = recipes if by_space else remembered(first, recipes, problem)
    recipes = powered(race, [replace(recipe, view=view) for recipe in known])
    if by_space:
        return tuple({recipe.family: recipe for recipe in reversed(recipes)}.values())[::-1]
    return ranked(race, train, tuning, recipes) if large and len(recipes) > 1 else recipes
