"""How sure a figure is: intervals over blocks of rows, and paired gains."""

from evergreen.statistics.intervals import MIN_BLOCKS, bounded, metric_error, metric_interval, paired_interval

__all__ = ["MIN_BLOCKS", "bounded", "metric_error", "metric_interval", "paired_interval"]
