from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from evergreen.features import RowFeatures
from evergreen.features.rows import Plan

RNG = np.random.default_rng(0)
N = 4000
SHOPS = pd.Series(RNG.integers(0, 200, N)).map("shop{}".format)
WORTH = SHOPS.str.removeprefix("shop").astype(float) / 200
LABELS = {
    "binary": (RNG.random(N) < WORTH).astype(float),
    "multiclass": np.floor(3 * np.clip(WORTH + 0.1 * RNG.normal(size=N), 0, 0.999)),
    "regression": WORTH + 0.3 * RNG.normal(size=N),
}


def fitted(task: Any, **changed: object) -> tuple[RowFeatures, np.ndarray]:
    rows = RowFeatures(["shop"], Plan(task=task, levels="target", **changed))  # type: ignore[arg-type]
    return rows, rows.fit_transform(pd.DataFrame({"shop": SHOPS}), LABELS[task])


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_many_levels_become_their_mean_label(task: Any) -> None:
    rows, matrix = fitted(task)
    assert matrix.shape[1] == (3 if task == "multiclass" else 1)
    later = rows.transform(pd.DataFrame({"shop": [f"shop{at}" for at in range(200)]}))
    assert np.corrcoef(later[:, -1], np.arange(200))[0, 1] > 0.8


def test_a_rows_own_label_does_not_reach_it_in_training() -> None:
    # Pure noise: a mean that held its row's own label would tell it.
    noise = RNG.random(N) < 0.5
    rows = RowFeatures(["shop"], Plan(task="binary", levels="target"))
    frame = pd.DataFrame({"shop": pd.Series(RNG.integers(0, 1500, N)).map("s{}".format)})
    means = rows.fit_transform(frame, noise.astype(float))[:, 0]
    assert abs(np.corrcoef(means, noise)[0, 1]) < 0.06
    assert np.corrcoef(rows.transform(frame)[:, 0], noise)[0, 1] > 0.2


def test_groups_and_stretches_of_time_stay_together_when_means_are_learned() -> None:
    # A customer's rows share a label and a card: only other customers' rows may speak for a card.
    customers = RNG.integers(0, 300, N)
    labels = (customers % 2).astype(float)
    frame = pd.DataFrame({"card": pd.Series(customers).map("card{}".format), "__group": customers})
    rows = RowFeatures(["card"], Plan(task="binary", levels="target"))
    means = rows.fit_transform(frame, labels)[:, 0]
    assert abs(np.corrcoef(means, labels)[0, 1]) < 0.2
    alone = RowFeatures(["card"], Plan(task="binary", levels="target")).fit_transform(frame[["card"]], labels)[:, 0]
    assert np.corrcoef(alone, labels)[0, 1] > 0.9


def test_unseen_and_missing_levels_have_a_mean_of_their_own() -> None:
    shops = SHOPS.where(RNG.random(N) > 0.1)
    labels = np.where(shops.isna(), 1.0, LABELS["binary"])
    rows = RowFeatures(["shop"], Plan(task="binary", levels="target")).fit(pd.DataFrame({"shop": shops}), labels)
    unseen, null = rows.transform(pd.DataFrame({"shop": ["never seen", None]}))[:, 0]
    assert unseen == pytest.approx(labels.mean(), abs=1e-6)
    assert null > 0.95


def test_levels_are_counted_where_the_spec_says_so_and_where_classes_are_too_many() -> None:
    counted = RowFeatures(["shop"], Plan(task="binary", levels="counts")).fit(
        pd.DataFrame({"shop": SHOPS}), LABELS["binary"]
    )
    value = counted.transform(pd.DataFrame({"shop": ["shop7"]}))[0, 0]
    assert value == pytest.approx(np.log1p((SHOPS == "shop7").sum()))
    labels = RNG.integers(0, 50, N).astype(float)
    many = RowFeatures(["shop"], Plan(task="multiclass", levels="target")).fit(pd.DataFrame({"shop": SHOPS}), labels)
    assert many.feature_names_ == ["shop_count"]


def test_fifty_thousand_levels_take_two_columns_and_a_few_megabytes() -> None:
    import skops.io

    n = 100_000
    frame = pd.DataFrame({"id": pd.Series(RNG.integers(0, 50_000, n)).map("level-{}".format)})
    rows = RowFeatures(["id"], Plan(task="binary"))
    matrix = rows.fit_transform(frame, (RNG.random(n) < 0.5).astype(float))
    assert matrix.shape == (n, 2)
    assert len(skops.io.dumps(rows)) < 5_000_000


def test_a_mean_rate_weighs_what_it_is_a_rate_of_and_trusts_little_exposure_little() -> None:
    exposure = RNG.gamma(0.5, 1.0, N) + 0.01
    claims = RNG.poisson(exposure * (0.1 + 0.4 * WORTH))
    rows = RowFeatures(["shop"], Plan(task="count", levels="target"))
    made = rows.fit_transform(pd.DataFrame({"shop": SHOPS}), claims / exposure, exposure)[:, 0]
    shops = pd.DataFrame({"shop": [f"shop{at}" for at in range(200)]})
    told, true = rows.transform(shops)[:, 0], 0.1 + 0.4 * np.arange(200) / 200
    plain = RowFeatures(["shop"], Plan(task="count", levels="target"))
    plain.fit_transform(pd.DataFrame({"shop": SHOPS}), claims / exposure)
    assert np.abs(told - true).mean() < 0.7 * np.abs(plain.transform(shops)[:, 0] - true).mean()
    assert abs(told.mean() - claims.sum() / exposure.sum()) < 0.03
    noise = RNG.poisson(0.3 * exposure) / exposure
    alone = RowFeatures(["shop"], Plan(task="count", levels="target", drop=False))
    own = alone.fit_transform(pd.DataFrame({"shop": SHOPS}), noise, exposure)[:, 0]
    assert abs(np.corrcoef(own, noise)[0, 1]) < 0.06
    assert np.isfinite(made).all()
