"""Models in a safe format, versions and aliases.

Models are stored by skops and loaded by a list of trusted types that stands here, in code: the list and the format
beside a stored model could be changed by whoever can write artifacts. The digest of a model's files is kept in the
database; files that differ from it are never opened.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import pandas as pd

from evergreen.errors import FunctionChanged, RegistryError, TamperedModel
from evergreen.handoffs import ModelVersion
from evergreen.io.program import not_comparable, stopped
from evergreen.io.recent import Recent
from evergreen.io.registry.entries import StoredVersion
from evergreen.io.registry.mlflow_client import TrackingClient, mlflow, writes
from evergreen.io.registry.stored_models import read_model
from evergreen.training.families.catalogue import FAMILIES, requirements

logger = logging.getLogger(__name__)

#: Types that every stored model may hold beside those that skops trusts by itself; its families bring their own.
_TRUSTED = (
    "collections.OrderedDict",
    "evergreen.features.rows.custom.Custom",
    "evergreen.features.rows.levels.Levels",
    "evergreen.features.rows.levels.Means",
    "evergreen.features.rows.numbers.Numbers",
    "evergreen.features.rows.plan.Column",
    "evergreen.features.rows.plan.Plan",
    "evergreen.features.rows.texts.Texts",
    "evergreen.features.rows.times.Times",
    "evergreen.features.rows.transformer.RowFeatures",
    "evergreen.training.families.adjusted.Adjusted",
    "evergreen.training.families.ensemble.Ensemble",
    "evergreen.training.families.quantiles.Quantiles",
    "evergreen.training.families.standardised.Standardised",
    "numpy.dtype",
    "sklearn.utils._bunch.Bunch",
)
_REQUIREMENTS = ("numpy", "pandas", "scikit-learn", "skops")
_DIGEST_TAG = "evergreen.sha256"


_loaded: Recent[Any] = Recent()


def trusted_types() -> list[str]:
    """Types that a stored model may hold, by their full names."""
    return sorted({*_TRUSTED, *(name for one in FAMILIES.values() for name in one.trusted)})


@cache
def _tell_once(notice: str) -> None:
    logger.warning(notice)


def _functions_in(pipeline: Any) -> list[str]:
    """The project's functions that a stored pipeline calls, as ``module:function``."""
    plan = getattr(getattr(pipeline, "named_steps", {}).get("rows"), "plan", None)
    return [by for _, by, _ in plan.transform if ":" in by] if plan else []


class Models(TrackingClient):
    """The models of one workspace."""

    @writes
    def log_model(self, run_id: str, pipeline: Any, example: pd.DataFrame, prediction: Any, facts: ModelVersion) -> str:
        """Store a fitted pipeline in the safe format.

        Args:
            run_id: The run that fitted it.
            pipeline: A fitted scikit-learn pipeline.
            example: A few input rows, cast as the pipeline sees them.
            prediction: The pipeline's prediction for them.
            facts: What is known of the version but its identifiers.

        Returns:
            The model's identifier.

        Raises:
            RegistryError: the pipeline holds a type that is not trusted.
        """
        package = mlflow()
        signature = package.models.infer_signature(example, prediction)
        classifier = hasattr(pipeline, "classes_")
        needed = sorted({*_REQUIREMENTS, *requirements()})
        with package.start_run(run_id=run_id, log_system_metrics=False, nested=True):
            try:
                info = package.sklearn.log_model(
                    pipeline,
                    name="model",
                    serialization_format="skops",
                    skops_trusted_types=trusted_types(),
                    pip_requirements=[f"{name}=={installed(name)}" for name in needed],
                    signature=signature,
                    input_example=example.head(5),
                    pyfunc_predict_fn="predict_proba" if classifier else "predict",
                    tags={"evergreen.fitted_as_of": facts.fitted_as_of.isoformat()},
                )
            except package.MlflowException as error:
                raise RegistryError(f"{facts.model}: the model cannot be stored safely: {error}") from None
        model_id = str(info.model_id)
        self._client.set_logged_model_tags(model_id, {_DIGEST_TAG: self._digest(self._folder(model_id))})
        return model_id

    def describe(self, model_id: str, facts: ModelVersion) -> ModelVersion:
        """The version's handoff, with its identifiers and digest."""
        logged = self._client.get_logged_model(model_id)
        return replace(facts, model_id=model_id, run_id=str(logged.source_run_id), sha256=logged.tags[_DIGEST_TAG])

    @writes
    def register(self, version: ModelVersion, tags: Mapping[str, str], description: str = "") -> ModelVersion:
        """Give a stored model a version number under its model's name; MLflow shows ``description`` (Markdown)."""
        package = mlflow()
        try:
            self._client.create_registered_model(version.model)
        except package.MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        made = self._client.create_model_version(
            version.model,
            source=f"models:/{version.model_id}",
            run_id=version.run_id,
            model_id=version.model_id,
            tags={"evergreen.recipe": version.recipe[:5000], **tags},
            description=description,
        )
        return replace(version, version=int(made.version))

    def load(self, version: ModelVersion) -> Any:
        """Load a model after its files, and the project's functions that it uses, were compared with what was logged.

        A version from before 0.2.0 holds no digest of functions: it is loaded, and a line of the log says so.

        Raises:
            TamperedModel: the files differ; nothing of them was run.
            FunctionChanged: a function differs; the message says both ways out.
            RegistryError: the model is not there.
        """
        if why := stopped(version, self.project):
            raise FunctionChanged(why)
        with tempfile.TemporaryDirectory(prefix="evergreen-model-") as folder:
            try:
                path = mlflow().artifacts.download_artifacts(f"models:/{version.model_id}", dst_path=folder)
            except (mlflow().MlflowException, OSError) as error:
                raise RegistryError(f"{version.model} version {version.version}: cannot be read: {error}") from None
            if self._digest(Path(path)) != version.sha256:
                raise TamperedModel(
                    f"{version.model} version {version.version}: its stored files differ from what was logged; they "
                    "were not loaded. Restore the artifacts, or train again"
                )
            pipeline = _loaded.get(version.sha256, lambda: read_model(Path(path) / "model.skops", trusted_types()))
        if notice := not_comparable(version, _functions_in(pipeline)):
            _tell_once(notice)
        return pipeline

    @writes
    def set_alias(self, model: str, alias: str, version: int) -> None:
        """Project a fact of the champion history onto MLflow's aliases."""
        self._client.set_registered_model_alias(model, alias, str(version))

    def alias(self, model: str, alias: str) -> int | None:
        """The version that an alias names, or None."""
        try:
            return int(self._client.get_model_version_by_alias(model, alias).version)
        except mlflow().MlflowException:
            return None

    def versions(self, model: str) -> list[StoredVersion]:
        """Every version of a model, newest first."""
        found = self._client.search_model_versions(f"name='{model}'")
        return [
            StoredVersion(
                int(v.version),
                v.model_id or str(v.source).removeprefix("models:/"),  # a search leaves it out
                v.run_id,
                dict(v.tags),
            )
            for v in sorted(found, key=lambda v: -int(v.version))
        ]

    @writes
    def delete_model(self, model: str, model_id: str, version: int | None = None) -> None:
        """Delete a stored model, and the version that it has; files are left to the caller."""
        if version is not None:
            self._client.delete_model_version(model, str(version))
        self._client.delete_logged_model(model_id)

    def _folder(self, model_id: str) -> Path:
        location = self._client.get_logged_model(model_id).artifact_location
        return Path(str(location).removeprefix("file://"))

    @staticmethod
    def _digest(folder: Path) -> str:
        """SHA-256 over the names and contents of a model's files."""
        total = hashlib.sha256()
        for file in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "registered_model_meta"):
            total.update(file.relative_to(folder).as_posix().encode() + b"\0")
            total.update(hashlib.sha256(file.read_bytes()).digest())
        return total.hexdigest()
