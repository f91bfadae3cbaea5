"""Candidates, how they are fitted and compared, and the rows that each choice may see."""

from evergreen.training.adjusted import exposures
from evergreen.training.candidates import Recipe
from evergreen.training.contest import Contest, known_rows, reserve, rolls, unseen
from evergreen.training.explanation import Contribution, Explanation, explain
from evergreen.training.fit import Finished, Fitted, fit_candidate, predict, refit
from evergreen.training.folds import is_small
from evergreen.training.importance import Dependence, TreeShap, partial_dependence, permutation_importance, tree_shap
from evergreen.training.judges import Judges, choose_judges, is_thin, out_of_sample
from evergreen.training.lookback import Lookback, look_back
from evergreen.training.memory import Memory
from evergreen.training.portfolio import candidates
from evergreen.training.problem import Problem, with_budget
from evergreen.training.rolling import holdout_predictions, rolling_predictions
from evergreen.training.search import Found, find_recipe
from evergreen.training.splits import Split, split
from evergreen.training.targets import encode_target, encoded, find_task
from evergreen.training.warm import still_does

__all__ = [
    "Contest",
    "Contribution",
    "Dependence",
    "Explanation",
    "Finished",
    "Fitted",
    "Found",
    "Judges",
    "Lookback",
    "Memory",
    "Problem",
    "Recipe",
    "Split",
    "TreeShap",
    "candidates",
    "choose_judges",
    "encode_target",
    "encoded",
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
