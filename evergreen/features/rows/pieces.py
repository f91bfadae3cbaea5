"""What every kind of row feature has: a plan, the inputs that it takes, and the columns that it has made of them."""

from __future__ import annotations

from collections.abc import Sequence

from evergreen.features.rows.plan import Column, Plan


class Piece:
    """Some inputs, of which columns of the matrix are made in one way.

    Args:
        plan: What is to be made of them.
        names: The inputs.

    Attributes:
        columns: One entry a column made; filled while it learns.
    """

    def __init__(self, plan: Plan, names: Sequence[str]) -> None:
        self.plan = plan
        self.names = list(names)
        self.columns: list[Column] = []
