"""Metrics: one object each, in one table; every stage asks the object, none compares a name."""

from __future__ import annotations

from evergreen.errors import SpecError, did_you_mean
from evergreen.metrics.cost import Cost
from evergreen.metrics.decisions import F1, Accuracy, BalancedAccuracy, Mcc, Precision, Recall, decide_class
from evergreen.metrics.deviances import Bias, Deviance, GammaDeviance, PoissonDeviance, TweedieDeviance
from evergreen.metrics.metric import Metric, Watched
from evergreen.metrics.probabilities import Brier, LogLoss
from evergreen.metrics.quantiles import Coverage, Pinball, Width
from evergreen.metrics.quantities import R2, Mae, Mape, Rmse
from evergreen.metrics.ranks import PrAuc, RocAuc

__all__ = ["METRICS", "Cost", "Deviance", "Metric", "Pinball", "Watched", "decide_class", "find_metric"]

#: Every metric by name; ``find_metric`` knows those with parameters in their names, too.
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Accuracy(), BalancedAccuracy(), Precision(), Recall(), F1(), Mcc(), RocAuc(), PrAuc(), LogLoss(), Brier(),
        Mae(), Rmse(), R2(), Mape(), Pinball(), Coverage(), Width(), PoissonDeviance(), TweedieDeviance(),
        GammaDeviance(), Bias(), Cost(),
    )
}  # fmt: skip


def find_metric(name: str) -> Metric:
    """The metric of that name.

    Raises:
        SpecError: there is none.
    """
    if name in METRICS:
        return METRICS[name]
    named = next((metric for known in METRICS.values() if (metric := known.named(name))), None)
    if named is None:
        raise SpecError(f"metric {name!r}: unknown{did_you_mean(name, METRICS)}")
    return named
