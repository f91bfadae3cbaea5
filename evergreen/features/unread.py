"""What a model's inputs hold that it cannot read: counted, so that nothing is taken for missing in silence."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evergreen.features.rows import RowFeatures
from evergreen.features.signature import SignatureRows
from evergreen.handoffs.unread import Lost, Unread


def readable(frame: pd.DataFrame, learned: RowFeatures) -> tuple[pd.DataFrame, Unread]:
    """The rows without values that are not of their column's kind, and what was lost; unknown levels stay as they are.

    Args:
        frame: Rows with the inputs, or some of them, as they are scored; not changed.
        learned: What the model makes of rows; inputs of which it makes nothing do not count.
    """
    used = {*learned.sources_, *(name for names, *_ in learned.plan.transform for name in names)}
    kinds = {name: kind for name, kind in learned.kinds_.items() if name in used and name in frame}
    rows, levels, columns = SignatureRows(frame, kinds), learned.levels_, {}
    for name, kind in kinds.items():
        if kind == "text" and name not in levels:
            continue
        values = frame[name]
        present = values.notna().to_numpy()
        if kind == "text":
            lost = present & ~rows[name].isin(list(levels[name])).to_numpy()
        else:
            lost = np.zeros(len(values), bool) if _is_read(values, kind) else present & rows[name].isna().to_numpy()
        example = str(values[lost].iloc[0]) if lost.any() else ""
        columns[name] = Lost("level" if kind == "text" else kind, int(present.sum()), int(lost.sum()), example)
    mended = {name: rows[name] for name, column in columns.items() if column.lost and column.kind != "level"}
    return frame.assign(**mended), Unread(columns)


def _is_read(values: pd.Series, kind: str) -> bool:
    """Whether the type of a column says already that each value is read."""
    if kind == "time":
        return bool(pd.api.types.is_datetime64_any_dtype(values.dtype))
    return isinstance(values.dtype, np.dtype) and values.dtype.kind in "biufm"
