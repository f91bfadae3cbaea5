from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge

from evergreen import features
from evergreen.features.rows import RowFeatures
from evergreen.spec import ModelSpec
from evergreen.training.families.standardised import Standardised

SPEC = ModelSpec.model_validate({"model": "m", "data": {"source": "s", "target": {"column": "y"}, "time": "at"}})


def rows(n: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    times = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(rng.integers(0, 90 * 24, n), unit="h")
    x = np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n))
    return pd.DataFrame({"x": x, "city": rng.choice([*"abc", None], n), "__time": times.sort_values()})


def test_gaps_are_filled_and_marked_levels_get_columns_cycles_become_waves_and_all_is_scaled() -> None:
    codes: RowFeatures = features.row_features(SPEC, ["x", "city"])
    frame = rows()
    matrix = codes.fit_transform(frame)
    model = Standardised(Ridge(), codes.layout())
    wide = model.learn(matrix, np.zeros(300))
    # x, two parts of the calendar with two waves each, three cities, and two marks.
    assert wide.shape == (300, 1 + 6 + 3 + 2)
    assert [codes.sources_[at] for at in model.origins] == [
        "x", *["minute_of_day"] * 3, *["weekday"] * 3, *["city"] * 3, "x", "city",
    ]  # fmt: skip
    np.testing.assert_allclose(wide.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(wide.std(axis=0), 1, atol=1e-3)
    back = wide[:, 0] * model.scales_[0] + model.means_[0]
    np.testing.assert_allclose(back, frame["x"].fillna(frame["x"].median()), atol=1e-5)


def test_a_quantity_is_scaled_and_scaled_back_and_wild_values_are_bounded() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2)).astype(np.float32)
    y = 1e6 + 1e5 * x[:, 0]
    model = Standardised(Ridge(0.001), [(0, 0.0, 0.0, False)] * 2, clip=3.0, quantity=True).fit(x, y)
    assert np.abs(model.predict(x) - y).max() < 1e5
    wild = model.predict(np.array([[1e9, 0.0]], dtype=np.float32))
    assert 1e6 < wild[0] < 1.5e6


def test_a_level_that_fitting_never_saw_has_no_column() -> None:
    codes = np.array([[0], [1], [2], [np.nan]], dtype=np.float32)
    model = Standardised(Ridge(), [(2, 0.0, float("nan"), False)])
    model.learn(codes, np.zeros(4))
    unknown, null = model.widened(codes)[2:]
    assert (unknown == null).all()
