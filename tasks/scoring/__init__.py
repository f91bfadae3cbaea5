"""Score the rows that are due, and enter what was said about them in the prediction ledger."""

from tasks.scoring.application import Scored, apply, enter_nothing
from tasks.scoring.due import Due, Turn, find_due, read_due, shadows

__all__ = ["Due", "Scored", "Turn", "apply", "enter_nothing", "find_due", "read_due", "shadows"]
