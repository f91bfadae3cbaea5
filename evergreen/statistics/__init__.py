"""How sure a figure is: values of metrics, intervals over blocks of rows, and paired gains."""

from evergreen.statistics.estimates import (
    COST,
    METRIC_NAMES,
    base_name,
    greater_is_better,
    metric_value,
    quantile_levels,
)
from evergreen.statistics.intervals import MIN_BLOCKS, bounded, metric_error, metric_interval, paired_interval
from evergreen.statistics.sums import DEVIANCES, decide_class

__all__ = [
    "COST",
    "DEVIANCES",
    "METRIC_NAMES",
    "MIN_BLOCKS",
    "base_name",
    "bounded",
    "decide_class",
    "greater_is_better",
    "metric_error",
    "metric_interval",
    "metric_value",
    "paired_interval",
    "quantile_levels",
]
