"""Candidates, how they are fitted and compared, and the rows that each choice may see."""

from evergreen.training.candidates import Recipe, make_pipeline
from evergreen.training.contest import Contest, known_rows, reserve, rolls, unseen
from evergreen.training.explanation import Contribution, Explanation, explain
from evergreen.training.fit import Finished, Fitted, fit_candidate, predict, refit
from evergreen.training.importance import Dependence, TreeShap, partial_dependence, permutation_importance, tree_shap
from evergreen.training.judges import Judges, choose_judges, out_of_sample
from evergreen.training.portfolio import candidates
from evergreen.training.problem import Problem
from evergreen.training.rolling import holdout_predictions, rolling_predictions
from evergreen.training.search import Found, Memory, find_recipe
from evergreen.training.splits import Split, split
from evergreen.training.targets import encode_target, encoded, find_task

__all__ = [
    "Contest",
    "Contribution",
    "Dependence",
    "Explanation",
    "Finished",
    "Fitted",
    "Found",
    "Judges",
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
    "find_recipe",
    "find_task",
    "fit_candidate",
    "holdout_predictions",
    "known_rows",
    "make_pipeline",
    "out_of_sample",
    "partial_dependence",
    "permutation_importance",
    "predict",
    "refit",
    "reserve",
    "rolling_predictions",
    "rolls",
    "split",
    "tree_shap",
    "unseen",
]
