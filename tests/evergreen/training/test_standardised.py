from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge

from evergreen import features
from evergreen.features.rows import RowFeatures
from evergreen.spec import ModelSpec
from evergreen.training.standardised import Standardised

SPEC = ModelSpec.model_validate({"model": "m", "data": {"source": "s", "target": {"column": "y"}, "time": "at"}})


def rows(n: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    times = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(rng.integers(0, 90 * 24, n), unit="h")
    x = np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n))
    return pd.DataFrame({"x": x, "city": rng.choice([*"abc", None], n), "__time": times.sort_values()})


def test_codes_become_the_same_columns_as_the_encoding_for_linear_models() -> None:
    make = partial(features.row_features, SPEC, ["x", "city"])
    codes: RowFeatures = make("codes")
    matrix, wanted = codes.fit_transform(rows()), make("onehot").fit_transform(rows())
    model = Standardised(Ridge(), codes.layout())
    ours = model.learn(matrix, np.zeros(300))
    assert ours.shape == wanted.shape
    # The same columns in another order: each is found once.
    found = [int(np.argmin(np.abs(ours - column[:, None]).max(axis=0))) for column in wanted.T]
    assert sorted(found) == list(range(wanted.shape[1]))
    np.testing.assert_allclose(ours[:, found], wanted, atol=1e-4)


def test_a_quantity_is_scaled_and_scaled_back_and_wild_values_are_bounded() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2)).astype(np.float32)
    y = 1e6 + 1e5 * x[:, 0]
    model = Standardised(Ridge(0.001), [(0, 0.0), (0, 0.0)], clip=3.0, quantity=True).fit(x, y)
    assert np.abs(model.predict(x) - y).max() < 1e5
    wild = model.predict(np.array([[1e9, 0.0]], dtype=np.float32))
    assert 1e6 < wild[0] < 1.5e6


def test_a_level_that_fitting_never_saw_has_no_column() -> None:
    codes = np.array([[0], [1], [2], [np.nan]], dtype=np.float32)
    model = Standardised(Ridge(), [(2, 0.0)])
    model.learn(codes, np.zeros(4))
    unknown, null = model.widened(codes)[2:]
    assert (unknown == null).all()
