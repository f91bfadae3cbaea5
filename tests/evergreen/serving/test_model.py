from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evergreen import features, training
from evergreen.errors import DataError
from evergreen.handoffs import ModelVersion
from evergreen.learning_tasks import TASKS
from evergreen.serving.casts import column_of
from evergreen.serving.model import OneRowModel
from evergreen.serving.rows import OneRow
from evergreen.spec import ModelSpec
from evergreen.training.families.catalogue import FAMILIES
from evergreen.training.families.family import Family, Shape

N = 300
INPUTS = ["number", "whole", "truth", "plan", "code", "digits", "town", "paid", "made", "note"]
CLASSES = {"binary": ("0", "1"), "multiclass": ("0", "1", "2"), "quantile": ("0.1", "0.5", "0.9")}
PAIRS = [
    pytest.param(family, task, id=f"{family}-{task}")
    for family in FAMILIES.values()
    for task in TASKS
    if family.can_learn(task, Shape(N, len(INPUTS), 3 if task == "multiclass" else 0))
]


def rows(n: int = N, seed: int = 0, task: str = "binary") -> pd.DataFrame:
    """A table of every kind of column."""
    rng = np.random.default_rng(seed)
    time = pd.Series(pd.Timestamp("2013-01-01", tz="UTC") + pd.to_timedelta(rng.integers(0, 9e5, n), unit="min"))
    number, plan = rng.normal(size=n), rng.choice(["free", "pro", "team"], n)
    words = rng.choice(["late", "good", "parcel", "never", "again", "thanks", "Zürich"], (n, 7))
    signal = 1.5 * number + (plan == "pro") + rng.normal(size=n) / 2
    count = rng.poisson(np.exp(np.clip(signal / 3, -2, 2)))
    target = {
        "binary": signal > 0, "multiclass": np.digitize(signal, [-1, 1]), "regression": signal, "quantile": signal,
        "count": count, "amount": count * rng.gamma(2.0, 1.0, n),
    }[task]  # fmt: skip
    return pd.DataFrame(
        {
            "__time": time.dt.as_unit("us"),
            "number": np.where(rng.random(n) < 0.1, np.nan, number),
            "whole": rng.integers(0, 9, n),
            "truth": rng.random(n) < 0.5,
            "plan": pd.Series(np.where(rng.random(n) < 0.1, None, plan)),
            "code": rng.integers(1, 4, n),
            "digits": pd.Series(rng.integers(100, 140, n)).astype("str"),
            "town": pd.Series([f"town {int(at)}" for at in np.floor(rng.exponential(20, n))]),
            "paid": (time - pd.to_timedelta(rng.integers(1, 9999, n), unit="s")).dt.as_unit("us"),
            "made": (time - pd.to_timedelta(rng.integers(1, 50, n), unit="D")).where(rng.random(n) < 0.9),
            "note": pd.Series([" ".join(line) for line in words]).where(rng.random(n) < 0.9),
            "exposure": rng.random(n) + 0.1,
            "__target": target,
        }
    )


def problem(task: str, asked: dict[str, Any] | None = None, **settings: Any) -> training.Problem:
    content = {
        "model": "m", "data": {"source": "s", "target": {"column": "y"}, "time": "t", "timezone": "America/New_York"},
        "features": {"categorical": ["code"], "min_level_rows": 2, "trend": "always", **(asked or {})},
        "training": {"task": task, **settings},
    }  # fmt: skip
    spec = ModelSpec.model_validate(content)
    transformer_for = partial(features.row_features, spec, INPUTS, task=task)
    return training.Problem(spec.training, task, CLASSES.get(task, ()), transformer_for)


def fitted(family: Family, task: str, asked: training.Problem) -> Any:
    recipe = training.candidates(task, [family.name], N, len(INPUTS), 0, n_classes=3 if task == "multiclass" else 0)[0]
    if "n_estimators" in recipe.params:
        recipe = recipe.with_params(n_estimators=150 if family.name == "lightgbm" else 20)
    recipe = training.fit_candidate(recipe, rows(task=task), rows(task=task, seed=1), asked).recipe
    if "n_estimators" in recipe.params:
        recipe = recipe.with_params(n_estimators=150)
    return training.refit(recipe, rows(task=task), asked)


def version(task: str) -> ModelVersion:
    moment = pd.Timestamp("2014-01-01", tz="UTC").to_pydatetime()
    return ModelVersion("m", 1, "", "", "", "{}", None, moment, task, CLASSES.get(task, ()))  # type: ignore[arg-type]


def plainly(value: Any) -> Any:
    """A cell as a request holds it."""
    if value is None or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return None
    return value if isinstance(value, pd.Timestamp) else value.item() if isinstance(value, np.generic) else value


def requests(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {name: plainly(value) for name, value in zip(frame.columns, line, strict=True)}
        for line in frame.itertuples(index=False, name=None)
    ]


@pytest.mark.parametrize(("family", "task"), PAIRS)
def test_a_row_alone_is_predicted_as_by_batch_to_the_bit(family: Family, task: str) -> None:
    exposure = {"exposure": "exposure"} if task == "count" else {}
    asked = problem(task, **exposure)
    pipeline, unseen = fitted(family, task, asked), rows(40, seed=2, task=task)
    unseen.loc[0, "town"], unseen.loc[1, "plan"], unseen.loc[2, "number"] = "never seen", "unseen", np.inf
    model = OneRowModel(pipeline, version(task))
    said = [model.predict(row) for row in requests(unseen)]
    for at, values in enumerate(said):
        alone = training.predict(pipeline, task, unseen[at : at + 1], len(asked.classes))
        assert values.tobytes() == alone.tobytes()
    together = training.predict(pipeline, task, unseen, len(asked.classes))
    if not family.scaled:
        assert np.concatenate(said).tobytes() == np.ascontiguousarray(together).tobytes()
    np.testing.assert_allclose(np.concatenate(said), together, rtol=1e-5, atol=1e-6)


def test_text_is_read_in_the_general_way_which_is_said() -> None:
    pipeline = fitted(FAMILIES["lightgbm"], "binary", problem("binary"))
    assert OneRowModel(pipeline, version("binary")).general == ["free text note"]


@pytest.mark.parametrize(
    "asked",
    [
        {"levels": "target"}, {"levels": "counts"}, {"levels": "codes"}, {"clip": 0.05}, {"drop": "never"},
        {"dates": "hours"}, {"text": "never"}, {"trend": "never"}, {"max_levels": 2},
        {"transform": [{"columns": ["number", "whole"], "with": "sklearn.preprocessing.PolynomialFeatures"}]},
        {"transform": [{"columns": ["plan"], "with": "sklearn.preprocessing.OneHotEncoder",
                        "options": {"handle_unknown": "ignore"}}]},
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_every_option_of_row_features_gives_the_same_matrix(asked: dict[str, Any], task: str) -> None:
    train, unseen = rows(task=task), rows(60, seed=3, task=task)
    transformer = problem(task, asked).transformer_for("")
    transformer.fit(train, train["__target"].astype(float))
    alone = OneRow(transformer)
    made = np.concatenate([alone.matrix(row) for row in requests(unseen)])
    assert made.tobytes() == transformer.transform(unseen).tobytes()


ODD: list[Any] = [
    None, True, False, 0, -0.0, 3, 3.0, 2.5, 1e300, -1e300, 1e-300, float("nan"), float("inf"), 2**53 + 1, 2**63,
    -(2**70), "", " ", "3", " 3 ", "3.0", "1e3", "inf", "-inf", "nan", "NaN", "None", "true", "True", "abc", "52,000",
    "١٢", "1_000", "0x10", "2013-02-30", "2013-03-10", "2013-03-10 02:30", "2013-03-10T02:30:00Z",
    "2013-03-10T02:30:00.123456789-05:00", "1500-01-01", "9999-12-31", "20130310", "10.03.2013", "2013-W10", "now",
    "12:30", "pro", "free", "Pro", "100", "\x00", "a" * 300,
]  # fmt: skip


@pytest.mark.parametrize("name", [*INPUTS, "__time"])
def test_odd_values_are_cast_as_by_batch(name: str) -> None:
    train = rows()
    transformer = problem("binary").transformer_for("")
    transformer.fit(train, train["__target"].astype(float))
    alone, row = OneRow(transformer), requests(train[5:6])[0]
    for value in ODD:
        frame = train[5:6].reset_index(drop=True).assign(**{name: column_of(name, value)[name]})
        assert alone.matrix(row | {name: value}).tobytes() == transformer.transform(frame).tobytes(), value


def test_a_row_that_lacks_an_input_is_refused_in_the_words_of_predict() -> None:
    pipeline = fitted(FAMILIES["linear"], "binary", problem("binary"))
    row = requests(rows(1))[0]
    del row["number"]
    with pytest.raises(DataError, match="number: the rows have no such column, but the model needs it") as ours:
        OneRowModel(pipeline, version("binary")).predict(row)
    with pytest.raises(DataError) as theirs:
        training.predict(pipeline, "binary", rows(1).drop(columns="number"), 2)
    assert str(ours.value).split(";")[0] == str(theirs.value).split(";")[0]


def test_an_exposure_that_is_not_above_zero_is_refused_in_the_words_of_predict() -> None:
    pipeline = fitted(FAMILIES["linear"], "count", problem("count", exposure="exposure"))
    row = requests(rows(1))[0]
    with pytest.raises(DataError, match="rows hold no number above 0"):
        OneRowModel(pipeline, version("count")).predict(row | {"exposure": 0})
    with pytest.raises(DataError, match="no such column"):
        OneRowModel(pipeline, version("count")).predict({k: v for k, v in row.items() if k != "exposure"})
