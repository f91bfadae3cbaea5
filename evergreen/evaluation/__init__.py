"""How good a model is: values, contests on the same rows, and figures."""

from evergreen.evaluation.contest import paired
from evergreen.evaluation.metrics import METRICS, Metric, Values, check_metric, evaluate, trivial_prediction
from evergreen.evaluation.plots import figures
from evergreen.evaluation.summary import summary

__all__ = [
    "METRICS",
    "Metric",
    "Values",
    "check_metric",
    "evaluate",
    "figures",
    "paired",
    "summary",
    "trivial_prediction",
]
