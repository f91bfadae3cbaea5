"""Candidates, how they are fitted and compared, and the rows that each choice may see."""

from evergreen.training.families.adjusted import exposures
from evergreen.training.families.recipe import Recipe
from evergreen.training.fit import Finished, Fitted, fit_candidate, predict, refit
from evergreen.training.insight.explanation import Contribution, Explanation, explain
from evergreen.training.insight.importance import (
    Dependence,
    TreeShap,
    partial_dependence,
    permutation_importance,
    tree_shap,
)
from evergreen.training.insight.lookback import Lookback, look_back
from evergreen.training.judges import Judges, choose_judges, is_thin, out_of_sample
from evergreen.training.problem import Problem, with_budget
from evergreen.training.rolling import holdout_predictions, rolling_predictions
from evergreen.training.rows.splits import Split, split
from evergreen.training.rows.targets import encode_known, encode_target, find_task
from evergreen.training.rows.training_rows import TrainingRows, known_rows, reserve, rolls, unseen
from evergreen.training.search.candidate_cache import CandidateCache
from evergreen.training.search.champion_recipe import still_does
from evergreen.training.search.folds import is_small
from evergreen.training.search.portfolio import candidates
from evergreen.training.search.recipe_search import Found, find_recipe

__all__ = [
    "CandidateCache",
    "Contribution",
    "Dependence",
    "Explanation",
    "Finished",
    "Fitted",
    "Found",
    "Judges",
    "Lookback",
    "Problem",
    "Recipe",
    "Split",
    "TrainingRows",
    "TreeShap",
    "candidates",
    "choose_judges",
    "encode_known",
    "encode_target",
    "explain",
    "exposures",
    "find_recipe",
    "find_task",
    "fit_candidate",
    "holdout_predictions",
    "is_small",
    "is_thin",
    "known_rows",
    "look_back",
    "out_of_sample",
    "partial_dependence",
    "permutation_importance",
    "predict",
    "refit",
    "reserve",
    "rolling_predictions",
    "rolls",
    "split",
    "still_does",
    "tree_shap",
    "unseen",
    "with_budget",
]
