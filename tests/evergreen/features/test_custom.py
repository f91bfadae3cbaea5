from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io

from evergreen.errors import DataError, EvergreenError, SpecError
from evergreen.features import RowFeatures, build
from evergreen.features.rows import TRANSFORMERS, Plan
from evergreen.functions import use_project
from evergreen.io.registry import trusted_types
from evergreen.spec import Features, ModelSpec

RNG = np.random.default_rng(0)
ROWS = pd.DataFrame({"a": RNG.random(300), "b": RNG.random(300), "city": RNG.choice(["Rome", "Oslo", "Bonn"], 300)})
LABELS = (ROWS["a"] + ROWS["b"] > 1).to_numpy(dtype=float)
OPTIONS: dict[str, dict[str, Any]] = {
    "LinearDiscriminantAnalysis": {},
    "SimpleImputer": {"strategy": "mean"},
    "MissingIndicator": {"features": "all"},
    "GaussianRandomProjection": {"n_components": 2, "random_state": 0},
    "KMeans": {"n_clusters": 3, "random_state": 0},
    "TruncatedSVD": {"n_components": 2, "random_state": 0},
}


def fitted(columns: list[str], by: str, options: dict[str, Any] | None = None) -> RowFeatures:
    plan = Plan(transform=((tuple(columns), by, json.dumps(options or {})),), drop=False)
    return RowFeatures(list(ROWS), plan).fit(ROWS, LABELS)


@pytest.mark.parametrize("by", TRANSFORMERS)
def test_every_transformer_that_may_be_named_is_stored_and_read_safely(by: str) -> None:
    columns = ["city"] if by.endswith(("OneHotEncoder", "OrdinalEncoder")) else ["a", "b"]
    rows = fitted(columns, by, OPTIONS.get(by.rsplit(".", 1)[-1]))
    stored = skops.io.dumps(rows)
    loaded = skops.io.loads(stored, trusted=trusted_types())
    assert loaded.transform(ROWS).tobytes() == rows.transform(ROWS).tobytes()
    alone = np.vstack([loaded.transform(ROWS.iloc[[at]]) for at in range(3)])
    np.testing.assert_allclose(alone, rows.transform(ROWS)[:3], rtol=1e-5, atol=1e-6)


def test_what_was_made_of_one_column_counts_for_it_and_of_several_for_itself() -> None:
    one = fitted(["a"], "sklearn.preprocessing.PolynomialFeatures", {"degree": 3, "include_bias": False})
    assert set(one.sources_) == {"a", "b", "city"}
    two = fitted(["a", "b"], "sklearn.decomposition.PCA")
    assert "PCA(a, b)" in two.sources_
    assert "PCA(a, b)_0" in two.feature_names_


@pytest.mark.parametrize("by", ["os.system", "sklearn.preprocessing.FunctionTransformer", "sklearn.decomposition.PCB"])
def test_a_name_that_is_not_trusted_is_refused(by: str) -> None:
    with pytest.raises(SpecError, match="is not among the transformers"):
        fitted(["a"], by)


def test_options_that_do_not_fit_are_named() -> None:
    with pytest.raises(SpecError, match=r"PCA\(a, b\): .*n_compnents"):
        fitted(["a", "b"], "sklearn.decomposition.PCA", {"n_compnents": 1})


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "deployments").mkdir()
    use_project(tmp_path)
    (tmp_path / "ours.py").write_text(
        textwrap.dedent(
            """
            def product(frame, power=1):
                return (frame["a"] * frame["b"]) ** power

            def centred(frame):
                return frame["a"] - frame["a"].mean()

            def broken(frame):
                raise RuntimeError("no luck")

            def words(frame):
                return frame["city"]
            """
        )
    )
    return tmp_path


def test_a_function_of_the_project_makes_columns(project: Path) -> None:
    rows = fitted(["a", "b"], "ours:product", {"power": 2})
    at = rows.feature_names_.index("product(a, b)")
    np.testing.assert_allclose(rows.transform(ROWS)[:, at], (ROWS["a"] * ROWS["b"]) ** 2, rtol=1e-6)
    loaded = skops.io.loads(skops.io.dumps(rows), trusted=trusted_types())
    assert loaded.transform(ROWS).tobytes() == rows.transform(ROWS).tobytes()


def test_a_function_that_looks_at_other_rows_is_refused(project: Path) -> None:
    with pytest.raises(SpecError, match="says something else of a row alone"):
        fitted(["a"], "ours:centred")


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("ours:broken", "raised RuntimeError: no luck"),
        ("ours:words", "something else than numbers"),
        ("ours:prodct", "no function prodct; did you mean product"),
        ("theirs:product", "no module theirs"),
    ],
)
def test_a_function_that_cannot_be_used_is_named(project: Path, by: str, said: str) -> None:
    with pytest.raises(EvergreenError, match=said):
        fitted(["a", "b", "city"], by)


def test_a_function_that_is_gone_when_rows_are_scored_is_named(project: Path) -> None:
    rows = fitted(["a", "b"], "ours:product")
    (project / "ours.py").write_text("def other(frame):\n    return frame\n")
    import sys

    del sys.modules["ours"]
    with pytest.raises(DataError, match="no function product"):
        rows.transform(ROWS)


def test_a_transformation_that_cannot_be_is_refused_before_anything_is_fitted() -> None:
    def spec(**changed: Any) -> ModelSpec:
        asked = {"columns": ["a"], "with": "sklearn.preprocessing.KBinsDiscretizer", **changed}
        return ModelSpec.model_validate(
            {"model": "m", "data": {"source": "s", "target": {"column": "y"}}, "features": {"transform": [asked]}}
        )

    build(ROWS.assign(__target=LABELS), spec())
    with pytest.raises(SpecError, match="cty: the table has no such column; did you mean city"):
        build(ROWS.assign(__target=LABELS), spec(columns=["cty"]))
    with pytest.raises(SpecError, match="is not among the transformers"):
        build(ROWS.assign(__target=LABELS), spec(**{"with": "pickle.loads"}))
    for asked in ({"text": ["cty"]}, {"missing": {"columns": {"cty": 0}}}):
        wrong = spec().model_copy(update={"features": Features.model_validate(asked)})
        with pytest.raises(SpecError, match="cty: the table has no such column; did you mean city"):
            build(ROWS.assign(__target=LABELS), wrong)
