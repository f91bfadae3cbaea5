"""How good a model is: values, contests on the same rows, and figures."""

from evergreen.evaluation.contest import Terms, paired
from evergreen.evaluation.decisions import Decisions, decisions_of
from evergreen.evaluation.influence import dependence_figure, shap_figure
from evergreen.evaluation.metrics import evaluate, trivial_prediction
from evergreen.evaluation.plots import curve_figure, figures
from evergreen.evaluation.rows import against_trivial, paired_rows, trivial_rows
from evergreen.evaluation.summary import summary

__all__ = [
    "Decisions",
    "Terms",
    "against_trivial",
    "curve_figure",
    "decisions_of",
    "dependence_figure",
    "evaluate",
    "figures",
    "paired",
    "paired_rows",
    "shap_figure",
    "summary",
    "trivial_prediction",
    "trivial_rows",
]
