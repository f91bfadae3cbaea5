"""What the loss of a row depends on beside its prediction: small boosted trees on the inputs (direct loss estimation).

The inputs are looked at in the cells of the reference profile, so that no value of a row is stored. The trees are
LightGBM's own text, which is read and never run. They are kept only where they say more about windows that they have
not seen than the prediction alone does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.arrays import Floats, Matrix
from evergreen.monitoring.cells import ColumnProfile, cells_of

#: Fewer reference rows teach the prediction's curve alone.
MIN_ROWS = 2_000
#: Trees are fitted on so many evenly spaced rows at most.
_ENOUGH = 20_000
_ROUNDS = 40
_SMALL: dict[str, Any] = {
    "objective": "regression", "num_leaves": 8, "learning_rate": 0.1, "lambda_l2": 1.0, "max_bin": 63,
    "min_data_per_group": 100, "num_threads": 2, "deterministic": True, "force_row_wise": True, "seed": 0,
    "verbosity": -1,
}  # fmt: skip


@dataclass(frozen=True)
class LossModel:
    """For each quantity that a metric needs, trees that say by how much a row's mean differs from its prediction's.

    ``columns`` are the cells of the inputs, without their counts; ``trees`` has one text of LightGBM's a quantity.
    """

    columns: tuple[ColumnProfile, ...]
    trees: tuple[str, ...]

    def corrections(self, inputs: Matrix) -> list[Floats]:
        """By how much each quantity differs from its curve, (n,) each.

        Args:
            inputs: From ``inputs_of``, (n, columns + 1).
        """
        import lightgbm as lgb

        return [np.asarray(lgb.Booster(model_str=text).predict(inputs, num_threads=2)) for text in self.trees]


def inputs_of(frame: pd.DataFrame, columns: Sequence[ColumnProfile], scores: Floats) -> Matrix:
    """The cells of each row's inputs, and its prediction: (n, columns + 1).

    Args:
        frame: The inputs of each row; a column that is not there counts as missing throughout.
        columns: Their cells.
        scores: (n,): the predictions.
    """
    cells = [cells_of(frame.get(column.name), column, len(frame)) for column in columns]
    return np.column_stack([*cells, scores]).astype(np.float32)


def fit_losses(
    inputs: Matrix, rests: Sequence[Floats], columns: Sequence[ColumnProfile], parts: NDArray[np.intp]
) -> LossModel | None:
    """Learn what the curves of the prediction leave unsaid.

    Args:
        inputs: From ``inputs_of``.
        rests: Each quantity less its curve, (n,) each; the first is the loss.
        columns: The cells of the inputs.
        parts: (n,): each row's window; half of the windows judge what the others teach.

    Returns:
        None where there are too few rows, or where the inputs say nothing about windows that the trees have not seen.
    """
    if len(inputs) < MIN_ROWS or not columns:
        return None
    levels = [place for place, column in enumerate(columns) if column.kind == "category"]
    judges = parts % 2 == 1
    if min(judges.sum(), (~judges).sum()) < MIN_ROWS / 4:
        return None
    half = _fit(inputs[~judges], rests[0][~judges], levels)
    said, rest = np.asarray(half.predict(inputs[judges], num_threads=2)), rests[0][judges]
    if np.mean((rest - said) ** 2) >= np.mean(rest**2):
        return None
    bare = tuple(replace(column, counts=(), rare=None) for column in columns)
    return LossModel(bare, tuple(_fit(inputs, rest, levels).model_to_string() for rest in rests))


def _fit(inputs: Matrix, rest: Floats, levels: list[int]) -> Any:
    import lightgbm as lgb

    some = slice(None, None, -(-len(inputs) // _ENOUGH))
    rows = lgb.Dataset(inputs[some], rest[some], categorical_feature=levels, params={"verbosity": -1})
    least = max(50, len(rest[some]) // 100)
    return lgb.train({**_SMALL, "min_data_in_leaf": least}, rows, num_boost_round=_ROUNDS)
