from __future__ import annotations

from datetime import timedelta
from functools import partial

import numpy as np
import pandas as pd

from evergreen import features, training
from evergreen.spec import ModelSpec

SPEC = ModelSpec.model_validate({"model": "m", "data": {"source": "s", "time": "t", "target": {"column": "y"}}})


def table(days: int = 90, rows_a_day: int = 20) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    n = days * rows_a_day
    time = pd.Series(pd.date_range("2026-01-05", periods=n, freq=f"{24 * 60 // rows_a_day}min", tz="UTC"))
    x = rng.normal(size=n)
    return pd.DataFrame(
        {
            "x": x,
            "__time": time.dt.as_unit("us"),
            "__cut_off": time.dt.as_unit("us"),
            "__known_at": (time + pd.Timedelta(days=1)).dt.as_unit("us"),
            "__target": (x + rng.normal(size=n) > 0).astype(float),
        }
    )


def roll(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    recipe = next(r for r in training.candidates("binary", ("linear",), 1000, 1, seed=0))
    problem = training.Problem(SPEC.training, "binary", ("0", "1"), partial(features.row_features, SPEC, ["x"]))
    codes = ((rows["__time"] - rows["__time"].min()) // pd.Timedelta(days=7)).to_numpy()
    return training.rolling_predictions(rows, codes, recipe, problem), codes


def test_the_oldest_third_is_only_fitted_on_and_the_rest_is_predicted() -> None:
    predictions, codes = roll(table())
    assert np.isnan(predictions[codes < 5]).all()
    assert np.isfinite(predictions[codes >= 5]).all()


def test_no_prediction_uses_a_label_that_came_later() -> None:
    rows = table()
    before, codes = roll(rows)
    changed = rows.copy()
    changed.loc[codes >= 7, "__target"] = 1 - changed.loc[codes >= 7, "__target"]
    after, _ = roll(changed)
    first_step = (codes >= 5) & (codes < 7)
    np.testing.assert_array_equal(before[first_step], after[first_step])
    assert not np.allclose(before[codes >= 11], after[codes >= 11])


def test_rows_without_a_label_are_predicted_and_never_fitted_on() -> None:
    rows = table()
    rows.loc[::7, "__target"] = np.nan
    predictions, codes = roll(rows)
    assert np.isfinite(predictions[(codes >= 5) & rows["__target"].isna()]).all()


def test_a_holdout_is_predicted_step_by_step_from_labels_that_were_known() -> None:
    rows = table()
    holdout = np.flatnonzero(rows["__time"] >= rows["__time"].max() - pd.Timedelta(days=21))
    recipe = next(r for r in training.candidates("binary", ("linear",), 1000, 1, seed=0))
    problem = training.Problem(SPEC.training, "binary", ("0", "1"), partial(features.row_features, SPEC, ["x"]))
    before = training.holdout_predictions(rows, holdout, recipe, problem, timedelta(days=7))
    assert np.isfinite(before).all()
    first_week = rows["__time"].iloc[holdout] < rows["__time"].iloc[holdout].min() + pd.Timedelta(days=7)
    changed = rows.copy()
    changed.loc[holdout, "__target"] = 1 - changed.loc[holdout, "__target"]
    after = training.holdout_predictions(changed, holdout, recipe, problem, timedelta(days=7))
    np.testing.assert_array_equal(before[first_week], after[first_week])
    assert not np.allclose(before[~first_week], after[~first_week])
    assert len(training.holdout_predictions(rows, holdout[:0], recipe, problem, timedelta(days=7))) == 0
