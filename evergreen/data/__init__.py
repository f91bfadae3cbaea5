"""Raw rows and joined tables become one table that knows, row by row, what was known when."""

from evergreen.data.assembly import assemble, inputs
from evergreen.data.columns import columns_needed
from evergreen.data.times import to_utc

__all__ = ["assemble", "columns_needed", "inputs", "to_utc"]
