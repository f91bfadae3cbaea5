"""How sure a figure is: values of metrics, intervals over blocks of rows, and paired gains."""

from evergreen.statistics.estimates import METRIC_NAMES, decide_class, greater_is_better, metric_value
from evergreen.statistics.intervals import MIN_BLOCKS, metric_error, metric_interval, paired_interval

__all__ = [
    "METRIC_NAMES",
    "MIN_BLOCKS",
    "decide_class",
    "greater_is_better",
    "metric_error",
    "metric_interval",
    "metric_value",
    "paired_interval",
]
