"""The only door to MLflow: runs, models in a safe format, versions and aliases.

Models are stored by skops and loaded by a list of trusted types that stands here, in code: the list and the format
beside a stored model could be changed by whoever can write artifacts. The digest of a model's files is kept in the
database; files that differ from it are never opened.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache, wraps
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import pandas as pd

from evergreen.errors import RegistryError, StoreError, TamperedModel
from evergreen.handoffs import ModelVersion, Snapshot
from evergreen.io.disk import FAILURES, cause, unwritable
from evergreen.settings import Settings

logger = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

#: Types that a stored model may hold beside those that skops trusts by itself.
TRUSTED = (
    "collections.OrderedDict",
    "evergreen.features.rows.RowFeatures",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "lightgbm.sklearn.LGBMRegressor",
    "numpy.dtype",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
)
_REQUIREMENTS = ("lightgbm", "numpy", "pandas", "scikit-learn", "skops")
_DIGEST_TAG = "evergreen.sha256"


@cache
def _mlflow() -> Any:
    """MLflow, quiet: no telemetry, no git probing, no bars."""
    for name, value in {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "GIT_PYTHON_REFRESH": "quiet",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_RECORD_ENV_VARS_IN_MODEL_LOGGING": "false",
    }.items():
        os.environ.setdefault(name, value)
    import mlflow
    import mlflow.sklearn

    for noisy in ("mlflow", "alembic"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    return mlflow


def warm_up() -> None:
    """Import MLflow now: two seconds that a command can spend while it waits for something else."""
    _mlflow()


def _writes(method: Callable[P, R]) -> Callable[P, R]:
    """Let a method of the registry refuse by name where the disk does not take what it writes."""

    @wraps(method)
    def writing(*args: P.args, **kwargs: P.kwargs) -> R:
        with cast(Registry, args[0])._writing():
            return method(*args, **kwargs)

    return writing


class Registry:
    """Runs and models of one workspace: ``mlflow.db`` and ``artifacts/`` in it."""

    def __init__(self, settings: Settings) -> None:
        """Open the workspace's MLflow store; it is created on the first use.

        Raises:
            StoreError: the workspace cannot be written.
        """
        self.workspace = settings.workspace
        with self._writing():
            settings.workspace.mkdir(parents=True, exist_ok=True)
            # MLflow would try to open a file that it cannot open for two minutes.
            with closing(sqlite3.connect(settings.workspace / "mlflow.db", timeout=30)) as database:
                database.execute("PRAGMA user_version")
        self.uri = f"sqlite:///{settings.workspace / 'mlflow.db'}"
        self._artifacts = (settings.workspace / "artifacts").as_uri()
        _mlflow().set_tracking_uri(self.uri)
        _mlflow().set_registry_uri(self.uri)
        self._client = _mlflow().MlflowClient(self.uri, self.uri)

    # Runs

    @contextmanager
    def run(self, model: str, name: str, tags: Mapping[str, str]) -> Iterator[str]:
        """Open a run of a model's experiment; it ends FINISHED, FAILED on an error, KILLED on Ctrl-C."""
        with self._writing():
            run = self._client.create_run(self._experiment(model), run_name=name, tags=dict(tags))
        run_id = str(run.info.run_id)
        try:
            yield run_id
        except KeyboardInterrupt:
            self._client.set_terminated(run_id, "KILLED")
            raise
        except BaseException as error:
            with suppress(StoreError), self._writing():  # what stopped the run matters more than noting it
                self._client.set_tag(run_id, "evergreen.error", str(error)[:5000])
                self._client.set_terminated(run_id, "FAILED")
            raise
        with self._writing():
            self._client.set_terminated(run_id, "FINISHED")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Turn what a full or broken disk raises into a refusal that says what to do."""
        try:
            yield
        except (*FAILURES, _mlflow().MlflowException) as error:
            failure = cause(error) or ("sqlite3." in str(error) and error)
            if failure:
                raise unwritable(self.workspace, failure) from error
            raise

    @_writes
    def log(
        self,
        run_id: str,
        *,
        params: Mapping[str, object] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Log parameters, metrics (NaN is left out) and tags in one request."""
        entities = _mlflow().entities
        now = int(datetime.now().timestamp() * 1000)
        self._client.log_batch(
            run_id,
            metrics=[
                entities.Metric(_plain(key), float(value), now, 0)
                for key, value in (metrics or {}).items()
                if value == value
            ],
            params=[entities.Param(_plain(key), str(value)[:6000]) for key, value in (params or {}).items()],
            tags=[entities.RunTag(key, str(value)) for key, value in (tags or {}).items()],
        )

    @_writes
    def log_child(
        self, run_id: str, name: str, params: Mapping[str, object], metrics: Mapping[str, float], seconds: float
    ) -> None:
        """Log one candidate as a finished child run."""
        parent = self._client.get_run(run_id)
        child = self._client.create_run(
            parent.info.experiment_id, run_name=name, tags={"mlflow.parentRunId": run_id, "evergreen.candidate": name}
        )
        self.log(child.info.run_id, params=params, metrics={**metrics, "fit_seconds": seconds})
        self._client.set_terminated(child.info.run_id, "FINISHED")

    @_writes
    def log_dataset(self, run_id: str, snapshot: Snapshot, source: str, context: str) -> None:
        """Name the rows of a run by our digest of all of them."""
        entities = _mlflow().entities
        dataset = entities.Dataset(
            name=source,
            digest=snapshot.digest[:36],
            source_type="evergreen",
            source=json.dumps({"uri": snapshot.uri, "as_of": snapshot.as_of.isoformat()}),
            profile=json.dumps({"num_rows": snapshot.rows}),
        )
        tag = entities.InputTag("mlflow.data.context", context)
        self._client.log_inputs(run_id, datasets=[entities.DatasetInput(dataset, [tag])])

    @_writes
    def log_files(self, run_id: str, texts: Mapping[str, str], figures: Mapping[str, Any]) -> None:
        """Log reports by path and matplotlib figures by name."""
        for path, text in texts.items():
            self._client.log_text(run_id, text, path)
        for name, figure in figures.items():
            self._client.log_figure(run_id, figure, f"plots/{name}.png")

    def read_text(self, run_id: str, path: str) -> str | None:
        """A text that a run logged, or None where it logged none of that path."""
        try:
            return str(_mlflow().artifacts.load_text(f"runs:/{run_id}/{path}"))
        except (_mlflow().MlflowException, OSError):
            return None

    # Models

    @_writes
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
        mlflow = _mlflow()
        signature = mlflow.models.infer_signature(example, prediction)
        classifier = hasattr(pipeline, "predict_proba")
        with mlflow.start_run(run_id=run_id, log_system_metrics=False, nested=True):
            try:
                info = mlflow.sklearn.log_model(
                    pipeline,
                    name="model",
                    serialization_format="skops",
                    skops_trusted_types=list(TRUSTED),
                    pip_requirements=[f"{name}=={installed(name)}" for name in _REQUIREMENTS],
                    signature=signature,
                    input_example=example.head(5),
                    pyfunc_predict_fn="predict_proba" if classifier else "predict",
                    tags={"evergreen.fitted_as_of": facts.fitted_as_of.isoformat()},
                )
            except mlflow.MlflowException as error:
                raise RegistryError(f"{facts.model}: the model cannot be stored safely: {error}") from None
        model_id = str(info.model_id)
        self._client.set_logged_model_tags(model_id, {_DIGEST_TAG: self._digest(self._folder(model_id))})
        return model_id

    def describe(self, model_id: str, facts: ModelVersion) -> ModelVersion:
        """The version's handoff, with its identifiers and digest."""
        logged = self._client.get_logged_model(model_id)
        return replace(facts, model_id=model_id, run_id=str(logged.source_run_id), sha256=logged.tags[_DIGEST_TAG])

    @_writes
    def register(self, version: ModelVersion, tags: Mapping[str, str]) -> ModelVersion:
        """Give a stored model a version number under its model's name."""
        entity = _mlflow()
        try:
            self._client.create_registered_model(version.model)
        except entity.MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        made = self._client.create_model_version(
            version.model,
            source=f"models:/{version.model_id}",
            run_id=version.run_id,
            model_id=version.model_id,
            tags={"evergreen.recipe": version.recipe[:5000], **tags},
        )
        return replace(version, version=int(made.version))

    def load(self, version: ModelVersion) -> Any:
        """Load a model after its files were compared with the digest that was kept when it was logged.

        Raises:
            TamperedModel: the files differ; nothing of them was run.
            RegistryError: the model is not there.
        """
        import skops.io

        with tempfile.TemporaryDirectory(prefix="evergreen-model-") as folder:
            try:
                path = _mlflow().artifacts.download_artifacts(f"models:/{version.model_id}", dst_path=folder)
            except (_mlflow().MlflowException, OSError) as error:
                raise RegistryError(f"{version.model} version {version.version}: cannot be read: {error}") from None
            if self._digest(Path(path)) != version.sha256:
                raise TamperedModel(
                    f"{version.model} version {version.version}: its stored files differ from what was logged; they "
                    "were not loaded. Restore the artifacts, or train again"
                )
            return skops.io.load(Path(path) / "model.skops", trusted=list(TRUSTED))

    @_writes
    def set_alias(self, model: str, alias: str, version: int) -> None:
        """Project a fact of the champion history onto MLflow's aliases."""
        self._client.set_registered_model_alias(model, alias, str(version))

    def alias(self, model: str, alias: str) -> int | None:
        """The version that an alias names, or None."""
        try:
            return int(self._client.get_model_version_by_alias(model, alias).version)
        except _mlflow().MlflowException:
            return None

    def versions(self, model: str) -> Sequence[dict[str, Any]]:
        """Every version of a model, newest first."""
        found = self._client.search_model_versions(f"name='{model}'")
        return [
            {
                "version": int(v.version),
                "model_id": v.model_id or str(v.source).removeprefix("models:/"),  # a search leaves it out
                "run_id": v.run_id,
                "tags": dict(v.tags),
            }
            for v in sorted(found, key=lambda v: -int(v.version))
        ]

    def seconds(self, run_id: str) -> float:
        """How long a finished run took."""
        info = self._client.get_run(run_id).info
        return (info.end_time - info.start_time) / 1000 if info.end_time else 0.0

    def metrics(self, run_id: str) -> dict[str, float]:
        """The metrics of a run."""
        return dict(self._client.get_run(run_id).data.metrics)

    def tagged(self, model: str, tag: str) -> list[dict[str, str]]:
        """The tags of a model's runs that carry ``tag``, the newest run first; ``run_id`` beside them."""
        runs = self._client.search_runs(
            [self._experiment(model)], f"tags.`{tag}` LIKE '%'", order_by=["attributes.start_time DESC"]
        )
        return [{**run.data.tags, "run_id": str(run.info.run_id)} for run in runs]

    def runs(self, model: str) -> list[dict[str, Any]]:
        """Every run of a model but the candidates.

        Returns:
            ``run_id``, ``at`` (its end), ``folder`` with its files, ``tables`` that it names, and ``models`` that it
            stored (identifiers with their folders).
        """
        experiment = self._experiment(model)
        runs = _all(lambda token: self._client.search_runs([experiment], max_results=1000, page_token=token))
        models: dict[str, dict[str, str]] = {}
        for one in _all(lambda token: self._client.search_logged_models([experiment], page_token=token)):
            models.setdefault(str(one.source_run_id), {})[str(one.model_id)] = str(one.artifact_location)
        return [
            {
                "run_id": str(run.info.run_id),
                "at": datetime.fromtimestamp((run.info.end_time or run.info.start_time) / 1000, UTC),
                "folder": str(run.info.artifact_uri).removesuffix("/artifacts"),
                "tables": [json.loads(one.dataset.source)["uri"] for one in run.inputs.dataset_inputs]
                + [value for tag, value in run.data.tags.items() if tag == "evergreen.feature_table"],
                "models": models.get(str(run.info.run_id), {}),
            }
            for run in runs
            if "mlflow.parentRunId" not in run.data.tags
        ]

    @_writes
    def delete_run(self, model: str, run_id: str) -> None:
        """Delete a run and its candidates; files are left to the caller."""
        children = self._client.search_runs([self._experiment(model)], f"tags.`mlflow.parentRunId` = '{run_id}'")
        for run in [*(str(child.info.run_id) for child in children), run_id]:
            self._client.delete_run(run)

    @_writes
    def delete_model(self, model: str, model_id: str, version: int | None = None) -> None:
        """Delete a stored model, and the version that it has; files are left to the caller."""
        if version is not None:
            self._client.delete_model_version(model, str(version))
        self._client.delete_logged_model(model_id)

    def page(self, run_id: str) -> str:
        """Where MLflow's UI shows a run, after the server's address."""
        return f"#/experiments/{self._client.get_run(run_id).info.experiment_id}/runs/{run_id}"

    def _experiment(self, model: str) -> str:
        found = self._client.get_experiment_by_name(model)
        if found:
            return str(found.experiment_id)
        # An explicit location: one made through a server could not be read without it.
        return str(self._client.create_experiment(model, artifact_location=f"{self._artifacts}/{model}"))

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


def _all(search: Callable[[str | None], Any]) -> Iterator[Any]:
    """Everything that MLflow lists in pages."""
    token = None
    while True:
        page = search(token)
        yield from page
        token = page.token
        if not token:
            return


def _plain(name: str) -> str:
    """A name that MLflow accepts."""
    return "".join(c if c.isalnum() or c in "_-./ " else "_" for c in name)
