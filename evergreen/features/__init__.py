"""What a model looks at: expressions and history as columns of a table, row features inside its Pipeline."""

from __future__ import annotations

import pandas as pd

from evergreen.features.expressions import add_expressions
from evergreen.features.history import add_history, history_name
from evergreen.features.rows import RowFeatures, check_named, listed, row_features, summarised
from evergreen.features.signature import signature_frame
from evergreen.features.unread import readable
from evergreen.handoffs import KNOWN_AT, RESERVED, TARGET
from evergreen.spec import ModelSpec

#: The columns that a table of features holds besides the raw ones and the inputs.
COLUMNS = RESERVED

__all__ = [
    "COLUMNS",
    "RowFeatures",
    "add_expressions",
    "add_history",
    "build",
    "history_name",
    "listed",
    "readable",
    "row_features",
    "signature_frame",
    "summarised",
]


def build(frame: pd.DataFrame, spec: ModelSpec) -> pd.DataFrame:
    """Add the expressions and the history features of a model.

    Rows are neither dropped nor moved: putting aside the run-up is the caller's part.

    Args:
        frame: An assembled table, run-up included.
        spec: The model's description.

    Returns:
        A new frame with the added columns; history may aggregate an expression, if all that it uses is known in time.

    Raises:
        SpecError: an expression, a rule or a transformation that does not fit the table.
    """
    target = spec.data.target.column
    table = add_expressions(frame, spec.features.expressions)
    known_at = {**spec.data.later, target: KNOWN_AT}
    wanted = any(rule.of == target for rule in spec.features.history) and target not in table
    rows = table.assign(**{target: table[TARGET]}) if wanted else table
    check_named(rows, spec.features)
    built = add_history(rows, spec.features.history, known_at, spec.data.timezone, spec.data.target.delay)
    return built.drop(columns=target) if wanted else built
