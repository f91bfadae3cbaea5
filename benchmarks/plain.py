"""What a LightGBM with its defaults says about the rows that judge a recipe of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from evergreen.training import TrainingRows


def plain_predictions(
    rows: pd.DataFrame, contest: TrainingRows, inputs: list[str], in_turn: bool
) -> tuple[pd.DataFrame, Any]:
    """The rows that judged, and what a plain LightGBM says about them from the rows that our recipe was fitted on."""
    from evergreen.handoffs import CUT_OFF, DAY, KEY, KNOWN_AT, TARGET
    from evergreen.training.rows.splits import hash_shares

    split = contest.split
    pairs = [(rows.iloc[np.concatenate([split.train, split.tuning])], rows.iloc[split.holdout])]
    if in_turn:  # as evergreen.training.judges.out_of_sample leaves them out
        table = rows.iloc[np.sort(np.concatenate([contest.choosing, split.holdout]))]
        if DAY in table:
            days = table[DAY].to_numpy()
            codes = np.searchsorted(np.quantile(days, np.linspace(0, 1, 13)[1:-1]), days, side="right")
            windows = np.unique(codes)
            later = [table[np.isin(codes, step)] for step in np.array_split(windows[-(-len(windows) // 3) :], 4)]
            pairs = [(table[table[KNOWN_AT] <= part[CUT_OFF].min()], part) for part in later if len(part)]
        else:
            folds = (hash_shares(table[KEY]) * 5000).astype(int) % 5
            pairs = [(table[folds != fold], table[folds == fold]) for fold in np.unique(folds)]
        pairs = [(past, part) for past, part in pairs if past[TARGET].notna().any()]
    found = [_plain(past, part, inputs, contest.task, contest.classes) for past, part in pairs]
    return pd.concat([part for _, part in pairs]), np.concatenate(found)


def _plain(past: pd.DataFrame, holdout: pd.DataFrame, inputs: list[str], task: str, classes: tuple[str, ...]) -> Any:
    """LightGBM with its defaults on the same inputs, texts as categories, times as numbers."""
    from lightgbm import LGBMClassifier, LGBMRegressor

    from evergreen import training
    from evergreen.handoffs import TARGET, TIME

    both = pd.concat([past, holdout])
    inputs = [*inputs, *([TIME] if TIME in both else [])]
    columns = {}
    for name in inputs:
        values = both[name]
        if pd.api.types.is_datetime64_any_dtype(values.dtype):
            values = values.astype("int64").where(values.notna())
        elif not pd.api.types.is_numeric_dtype(values.dtype):
            values = values.astype("category")
        columns[name] = values
    frame = pd.DataFrame(columns).set_axis([f"f{at}" for at in range(len(inputs))], axis=1)
    train, test = frame.iloc[: len(past)], frame.iloc[len(past) :]
    target, _ = training.encode_target(past[TARGET], task, classes)
    if task == "regression":
        return LGBMRegressor(verbose=-1, n_jobs=2).fit(train, target).predict(test)
    model = LGBMClassifier(verbose=-1, n_jobs=2).fit(train, target.astype(int))
    found = model.predict_proba(test)
    full = np.zeros((len(test), len(classes)))
    full[:, model.classes_.astype(int)] = found
    return full[:, 1] if task == "binary" else full
