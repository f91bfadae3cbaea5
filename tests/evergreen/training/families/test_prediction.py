from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import lightgbm
import numpy as np
import pytest

from evergreen.training.families.prediction import predict_matrix

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5000, 6)).astype(np.float32)
SCORE = X[:, 0] * X[:, 1] + X[:, 2] + RNG.normal(size=5000)


def fitted(task: Any, objective: str) -> Any:
    settings: dict[str, Any] = {
        "n_estimators": 150,
        "num_leaves": 63,
        "verbosity": -1,
        "n_jobs": 1,
    }
    y = {"binary": SCORE > 0, "multiclass": np.digitize(SCORE, [-1, 1]), "count": np.exp(SCORE / 2)}.get(task, SCORE)
    kind = lightgbm.LGBMClassifier if task in ("binary", "multiclass") else lightgbm.LGBMRegressor
    return kind(objective=objective, **settings).fit(X, np.asarray(y, dtype=float))


@pytest.mark.parametrize(
    ("task", "objective"),
    [
        ("binary", "binary"), ("multiclass", "multiclass"), ("regression", "regression"), ("count", "poisson"),
        ("regression", "regression_l1"), ("count", "tweedie"), ("count", "gamma"), ("regression", "huber"),
    ],
)  # fmt: skip
def test_boosting_predicts_some_rounds_at_a_time_what_it_predicts_itself(task: Any, objective: str) -> None:
    model = fitted(task, objective)
    own = model.predict_proba(X) if task in ("binary", "multiclass") else model.predict(X)
    own = own[:, 1] if task == "binary" else own
    assert predict_matrix(model, task, X, 3 if task == "multiclass" else 0) == pytest.approx(own, rel=1e-9)


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_the_bits_of_a_prediction_do_not_depend_on_the_rows_beside_it(task: Any) -> None:
    model = fitted(task, task)
    all_at_once = predict_matrix(model, task, X)
    assert np.array_equal(all_at_once[:700], predict_matrix(model, task, X[:700]))
    assert np.array_equal(all_at_once[4321:4322], predict_matrix(model, task, X[4321:4322]))


def test_threads_that_ask_one_model_at_once_do_not_disturb_each_other() -> None:
    model = fitted("binary", "binary")
    alone = predict_matrix(model, "binary", X)
    with ThreadPoolExecutor(4) as pool:
        for one in pool.map(lambda _: predict_matrix(model, "binary", X), range(8)):
            assert np.array_equal(one, alone)


def test_boosting_that_stopped_early_predicts_by_its_best_rounds() -> None:
    y = (SCORE > 0).astype(float)
    stop = lightgbm.early_stopping(5, verbose=False)
    model: Any = lightgbm.LGBMClassifier(n_estimators=500, num_leaves=63, verbosity=-1, n_jobs=1)
    model.fit(X[:3000], y[:3000], eval_X=X[3000:], eval_y=y[3000:], callbacks=[stop])
    assert model.best_iteration_ < 100
    assert predict_matrix(model, "binary", X) == pytest.approx(model.predict_proba(X)[:, 1], rel=1e-9)
