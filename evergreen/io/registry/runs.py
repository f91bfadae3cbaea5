"""Runs of a model's experiment: what was done, with which figures, files and links."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from evergreen.errors import StoreError
from evergreen.handoffs import Snapshot
from evergreen.io.registry.entries import StoredRun
from evergreen.io.registry.mlflow_client import TrackingClient, mlflow, writes


class Runs(TrackingClient):
    """The runs of one workspace."""

    @contextmanager
    def run(self, model: str, name: str, tags: Mapping[str, str]) -> Iterator[str]:
        """Open a run of a model's experiment; it ends FINISHED, FAILED on an error, KILLED on Ctrl-C."""
        with self.writing():
            run = self._client.create_run(self._experiment(model), run_name=name, tags=dict(tags))
        run_id = str(run.info.run_id)
        try:
            yield run_id
        except KeyboardInterrupt:
            self._client.set_terminated(run_id, "KILLED")
            raise
        except BaseException as error:
            with suppress(StoreError), self.writing():  # what stopped the run matters more than noting it
                self._client.set_tag(run_id, "evergreen.error", str(error)[:5000])
                self._client.set_terminated(run_id, "FAILED")
            raise
        with self.writing():
            self._client.set_terminated(run_id, "FINISHED")

    @writes
    def log(
        self,
        run_id: str,
        *,
        params: Mapping[str, object] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Log parameters, metrics (NaN is left out) and tags in one request."""
        entities = mlflow().entities
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

    @writes
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

    @writes
    def log_dataset(self, run_id: str, snapshot: Snapshot, source: str, context: str) -> None:
        """Name the rows of a run by our digest of all of them."""
        entities = mlflow().entities
        dataset = entities.Dataset(
            name=source,
            digest=snapshot.digest[:36],
            source_type="evergreen",
            source=json.dumps({"uri": snapshot.uri, "as_of": snapshot.as_of.isoformat()}),
            profile=json.dumps({"num_rows": snapshot.rows}),
        )
        tag = entities.InputTag("mlflow.data.context", context)
        self._client.log_inputs(run_id, datasets=[entities.DatasetInput(dataset, [tag])])

    @writes
    def log_files(self, run_id: str, texts: Mapping[str, str], figures: Mapping[str, Any]) -> None:
        """Log reports by path and matplotlib figures by name."""
        for path, text in texts.items():
            self._client.log_text(run_id, text, path)
        for name, figure in figures.items():
            self._client.log_figure(run_id, figure, f"plots/{name}.png")

    def read_text(self, run_id: str, path: str) -> str | None:
        """A text that a run logged, or None where it logged none of that path."""
        try:
            return str(mlflow().artifacts.load_text(f"runs:/{run_id}/{path}"))
        except (mlflow().MlflowException, OSError):
            return None

    def seconds(self, run_id: str) -> float:
        """How long a finished run took."""
        info = self._client.get_run(run_id).info
        return (info.end_time - info.start_time) / 1000 if info.end_time else 0.0

    def metrics(self, run_id: str) -> dict[str, float]:
        """The metrics of a run."""
        return dict(self._client.get_run(run_id).data.metrics)

    def candidates(self, run_id: str) -> list[tuple[str, dict[str, float]]]:
        """The candidates that a run fitted: the name of each, and its metrics; none where the run is gone."""
        found = self._found(run_id)
        if found is None:
            return []
        experiment = found.info.experiment_id
        children = f"tags.`mlflow.parentRunId` = '{run_id}'"
        runs = _all(lambda token: self._client.search_runs([experiment], children, max_results=1000, page_token=token))
        return [(str(run.data.tags["evergreen.candidate"]), dict(run.data.metrics)) for run in runs]

    def folder(self, run_id: str) -> str:
        """Where the files are that a run logged: a path, the address of a store elsewhere, or "" where it is gone."""
        found = self._found(run_id)
        return "" if found is None else str(found.info.artifact_uri).removeprefix("file://")

    def _found(self, run_id: str) -> Any:
        """A run; None where it was removed since."""
        try:
            return self._client.get_run(run_id)
        except mlflow().MlflowException:
            return None

    def tags(self, run_id: str) -> dict[str, str]:
        """The tags of a run."""
        return dict(self._client.get_run(run_id).data.tags)

    def tagged(self, model: str, tag: str) -> list[dict[str, str]]:
        """The tags of a model's runs that carry ``tag``, the newest run first; ``run_id`` beside them."""
        runs = self._client.search_runs(
            [self._experiment(model)], f"tags.`{tag}` LIKE '%'", order_by=["attributes.start_time DESC"]
        )
        return [{**run.data.tags, "run_id": str(run.info.run_id)} for run in runs]

    def runs(self, model: str) -> list[StoredRun]:
        """Every run of a model but the candidates."""
        experiment = self._experiment(model)
        runs = _all(lambda token: self._client.search_runs([experiment], max_results=1000, page_token=token))
        models: dict[str, dict[str, str]] = {}
        for one in _all(lambda token: self._client.search_logged_models([experiment], page_token=token)):
            models.setdefault(str(one.source_run_id), {})[str(one.model_id)] = str(one.artifact_location)
        return [
            StoredRun(
                str(run.info.run_id),
                datetime.fromtimestamp((run.info.end_time or run.info.start_time) / 1000, UTC),
                str(run.info.artifact_uri).removesuffix("/artifacts"),
                (
                    *(json.loads(one.dataset.source)["uri"] for one in run.inputs.dataset_inputs),
                    *(value for tag, value in run.data.tags.items() if tag == "evergreen.feature_table"),
                ),
                models.get(str(run.info.run_id), {}),
            )
            for run in runs
            if "mlflow.parentRunId" not in run.data.tags
        ]

    @writes
    def delete_run(self, model: str, run_id: str) -> None:
        """Delete a run and its candidates; files are left to the caller."""
        children = self._client.search_runs([self._experiment(model)], f"tags.`mlflow.parentRunId` = '{run_id}'")
        for run in [*(str(child.info.run_id) for child in children), run_id]:
            self._client.delete_run(run)

    def page(self, run_id: str) -> str:
        """Where MLflow's UI shows a run, after the server's address."""
        return f"#/experiments/{self._client.get_run(run_id).info.experiment_id}/runs/{run_id}"

    def _experiment(self, model: str) -> str:
        found = self._client.get_experiment_by_name(model)
        if found:
            return str(found.experiment_id)
        # An explicit location: one made through a server could not be read without it.
        return str(self._client.create_experiment(model, artifact_location=f"{self._artifacts}/{model}"))


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
