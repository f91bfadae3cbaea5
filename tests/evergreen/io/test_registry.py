from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from evergreen.errors import RegistryError, TamperedModel
from evergreen.handoffs import ModelVersion
from evergreen.io.registry import Registry
from evergreen.training.families.adjusted import pipeline_of
from evergreen.workspace import Workspace

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FACTS = ModelVersion("churn", 0, "", "", "", "{}", NOON, NOON)
ROWS = pd.DataFrame({"a": np.linspace(-1, 1, 60), "b": np.tile([0.0, 1.0, 2.0], 20)})


@pytest.fixture
def registry(new_workspace: Workspace) -> Registry:
    return new_workspace.registry


def fitted() -> Pipeline:
    return Pipeline([("rows", StandardScaler()), ("model", LogisticRegression())]).fit(ROWS, ROWS["a"] > 0)


def stored(registry: Registry) -> ModelVersion:
    pipeline = fitted()
    with registry.run("churn", "train", {}) as run_id:
        model_id = registry.log_model(run_id, pipeline, ROWS.head(5), pipeline.predict_proba(ROWS.head(5)), FACTS)
    return registry.register(registry.describe(model_id, FACTS), {})


def files_of(tmp_path: Path, version: ModelVersion) -> Path:
    return next((tmp_path / "workspace" / "artifacts").rglob(version.model_id)) / "artifacts"


def test_a_stored_model_predicts_the_same_bits(registry: Registry) -> None:
    version = stored(registry)
    assert version.version == 1
    np.testing.assert_array_equal(registry.load(version).predict_proba(ROWS), fitted().predict_proba(ROWS))


def test_a_tampered_model_is_refused_and_its_code_does_not_run(registry: Registry, tmp_path: Path) -> None:
    version = stored(registry)
    folder = files_of(tmp_path, version)
    witness = tmp_path / "ran"
    import cloudpickle

    class Attack:
        def __reduce__(self) -> tuple[object, tuple[object, ...]]:
            return Path.touch, (witness,)

    (folder / "model.skops").write_bytes(cloudpickle.dumps(Attack()))
    with pytest.raises(TamperedModel, match="were not loaded"):
        registry.load(version)
    assert not witness.exists()


def test_a_widened_list_beside_the_model_is_tampering_too(registry: Registry, tmp_path: Path) -> None:
    version = stored(registry)
    with (files_of(tmp_path, version) / "MLmodel").open("a") as file:
        file.write("# skops_trusted_types: everything\n")
    with pytest.raises(TamperedModel):
        registry.load(version)


def test_a_model_that_is_gone_is_named(registry: Registry, tmp_path: Path) -> None:
    import shutil

    version = stored(registry)
    shutil.rmtree(files_of(tmp_path, version))
    with pytest.raises(RegistryError, match="churn version 1"):
        registry.load(version)


def test_a_type_outside_the_trusted_list_is_not_stored(registry: Registry) -> None:
    pipeline = Pipeline([("rows", FunctionTransformer(np.negative)), ("model", logging.Filter())])
    with registry.run("churn", "train", {}) as run_id, pytest.raises(RegistryError, match="safely"):
        registry.log_model(run_id, pipeline, ROWS.head(5), np.zeros(5), FACTS)


def test_a_run_that_fails_ends_as_failed_with_its_error(registry: Registry) -> None:
    import mlflow

    with pytest.raises(ValueError, match="boom"), registry.run("churn", "train", {}) as run_id:
        raise ValueError("boom")
    run = mlflow.MlflowClient(registry.uri).get_run(run_id)
    assert (run.info.status, run.data.tags["evergreen.error"]) == ("FAILED", "boom")


def test_an_undefined_metric_is_left_out(registry: Registry) -> None:
    with registry.run("churn", "train", {}) as run_id:
        registry.log(run_id, metrics={"roc_auc": float("nan"), "f1/a b": 0.5})
    assert registry.metrics(run_id) == {"f1/a b": 0.5}


def test_an_alias_is_set_and_read_as_a_number(registry: Registry) -> None:
    version = stored(registry)
    assert registry.alias("churn", "champion") is None
    registry.set_alias("churn", "champion", version.version)
    assert registry.alias("churn", "champion") == 1


def test_mlflow_itself_serves_a_quantity_as_it_is_and_classes_as_probabilities(registry: Registry) -> None:
    import mlflow

    line = pipeline_of(StandardScaler(), Ridge()).fit(ROWS, 2 * ROWS["a"])
    sides = pipeline_of(StandardScaler(), LogisticRegression()).fit(ROWS, ROWS["a"] > 0)
    for model, own in ((line, line.predict), (sides, sides.predict_proba)):
        with registry.run("churn", "train", {}) as run_id:
            model_id = registry.log_model(run_id, model, ROWS.head(5), own(ROWS.head(5)), FACTS)
        served = mlflow.pyfunc.load_model(f"models:/{model_id}")
        np.testing.assert_array_equal(served.predict(ROWS), own(ROWS))


def test_a_run_that_was_removed_has_no_candidates_and_no_folder(registry: Registry) -> None:
    assert registry.candidates("gone") == []
    assert registry.folder("gone") == ""
