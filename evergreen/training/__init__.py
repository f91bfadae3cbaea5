"""Candidates, how they are fitted and compared, and the rows that each choice may see."""

from evergreen.training.candidates import Recipe, candidates, make_pipeline
from evergreen.training.fit import Fitted, fit_all, fit_candidate, predict, refit
from evergreen.training.importance import permutation_importance
from evergreen.training.splits import Split, split
from evergreen.training.targets import encode_target, find_task

__all__ = [
    "Fitted",
    "Recipe",
    "Split",
    "candidates",
    "encode_target",
    "find_task",
    "fit_all",
    "fit_candidate",
    "make_pipeline",
    "permutation_importance",
    "predict",
    "refit",
    "split",
]
