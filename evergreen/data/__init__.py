"""Raw rows and joined tables become one table that knows, row by row, what was known when."""

from evergreen.data.assembly import assemble, inputs
from evergreen.data.cleaning import clean
from evergreen.data.columns import check_named, columns_needed, refuse_infinities
from evergreen.data.difference import Difference, difference
from evergreen.data.measures import MEASURES, with_measures
from evergreen.data.times import to_utc

__all__ = [
    "MEASURES",
    "Difference",
    "assemble",
    "check_named",
    "clean",
    "columns_needed",
    "difference",
    "inputs",
    "refuse_infinities",
    "to_utc",
    "with_measures",
]
