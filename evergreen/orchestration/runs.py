"""Where a run begins: its model's file, its clock, its place in both UIs."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from prefect import runtime
from prefect.artifacts import create_link_artifact
from prefect.client.orchestration import get_client

from evergreen.errors import AnswerAwaited, EvergreenError, UsageError
from evergreen.handoffs import FeatureTable, Snapshot
from evergreen.io.locks import ANSWER, APPROVAL
from evergreen.io.program import program
from evergreen.io.provenance import provenance
from evergreen.monitoring import window_of, windows_between
from evergreen.spec import ModelSpec, load_spec
from evergreen.workspace import Workspace

#: The tag of an MLflow run that holds its feature table's URI.
TABLE_TAG = "evergreen.feature_table"


def find_spec(workspace: Workspace, model: str) -> ModelSpec:
    """The model's file in the project; from here on the run's log holds what our loggers say.

    Raises:
        SpecError: there is no such file, or it is not understood.
    """
    for name in ("evergreen", "tasks", "flows"):  # Prefect collects them, and leaves their level at that of warnings
        if logging.getLogger(name).level == logging.NOTSET:
            logging.getLogger(name).setLevel(logging.INFO)
    return load_spec(workspace.deployments / f"{model}.yaml")


def scheduled_time(as_of: datetime | None) -> datetime:
    """The run's clock, read once: as given, or the time for which the run was scheduled. UTC."""
    chosen = as_of or runtime.flow_run.scheduled_start_time or datetime.now(UTC)
    # Prefect's own kind of datetime loses its zone when a span is added to it in UTC: make it a plain one.
    plain = datetime.fromisoformat(chosen.isoformat())
    return plain.replace(tzinfo=UTC) if plain.tzinfo is None else plain.astimezone(UTC)


def run_name() -> str:
    """A flow run's name: what it does, for which model, as of when; for Prefect, which calls it inside the run."""
    given = runtime.flow_run.parameters
    as_of = scheduled_time(given.get("as_of"))
    return f"{runtime.flow_run.flow_name} {given.get('model', '')} as of {as_of:%Y-%m-%d %H:%M}"


def run_key(workspace: Workspace, spec: ModelSpec, snapshot: Snapshot, recipe: str | None = None) -> str:
    """The identity of a run's inputs: what the model is, the rows, their suite, released rows, and the program.

    To the program belongs every line of the project's own functions that the model calls.
    """
    suite = workspace.expectations / f"{spec.validation.suite}.yaml" if spec.validation else None
    parts = (
        spec.digest,
        snapshot.digest,
        recipe or "",
        suite.read_text(encoding="utf-8") if suite and suite.is_file() else "",
        *sorted(workspace.champions.released(spec.model)),
        *program(spec, workspace.project),
    )
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


@contextmanager
def answering(workspace: Workspace, model: str, cause: str, as_of: datetime) -> Iterator[None]:
    """Close a retraining decision that this run answers, whatever becomes of it; a verdict closes it by itself.

    No two runs answer at once. One that is killed leaves it open, and so does one that does not begin because a person
    is waited for: the next monitor run starts the training again.

    Raises:
        UsageError: the decision was closed already.
    """
    if not cause:
        yield
        return
    watching = workspace.monitoring

    def close(why: str) -> None:
        if cause in {firing.cause for firing in watching.pending(model)}:
            watching.close(model, cause, as_of, why)

    with workspace.locks.alone(ANSWER, model):
        if closed := watching.closed(model).get(cause):
            raise UsageError(
                f"{model}: the training for {cause} has ended without a verdict already ({closed[1]}); to train "
                f"nevertheless, run: evergreen train {model}"
            )
        try:
            yield
        except AnswerAwaited:
            raise
        except EvergreenError as error:
            close(str(error))
            raise
        close("nothing was new: rows, spec and program are those of an earlier verdict")


def refuse_while_asked(workspace: Workspace, spec: ModelSpec) -> None:
    """End a training that would ask a person while an earlier one of its model still waits: each keeps a process.

    Raises:
        AnswerAwaited: one waits.
    """
    if spec.approval and (waiting := workspace.locks.holder(APPROVAL, spec.model)):
        raise AnswerAwaited(
            f"{spec.model}: a training waits for a person's answer already ({waiting}), and no other begins before; "
            "answer that one (Resume on the page of its run), then train again"
        )


@contextmanager
def logged_run(workspace: Workspace, spec: ModelSpec, kind: str, as_of: datetime, reason: str = "") -> Iterator[str]:
    """Open the MLflow run of a flow, linked both ways with the Prefect run."""
    tags = {
        "evergreen.kind": kind,
        "evergreen.as_of": as_of.isoformat(),
        "evergreen.reason": reason,
        "evergreen.spec": spec.digest,
        "prefect.flow_run_id": str(runtime.flow_run.id or ""),
        "prefect.flow_run_name": str(runtime.flow_run.name or ""),
        **provenance(workspace.project),
    }
    registry = workspace.registry
    with registry.run(spec.model, f"{kind} {as_of:%Y-%m-%d %H:%M}", tags) as run_id:
        places = links(workspace, run_id)
        registry.log(run_id, params=parameters(spec), tags={"prefect.flow_run_url": places.get("Prefect run", "")})
        if runtime.flow_run.id:
            key = f"{spec.model}-mlflow-run"
            create_link_artifact(places["MLflow run"], f"MLflow run {run_id}", key, f"{kind} of {spec.model}")
            _tag(spec.model, run_id)
        yield run_id


def _tag(model: str, run_id: str) -> None:
    """Name the model and the MLflow run among the Prefect run's tags, by which its list of runs can be filtered."""
    tags = dict.fromkeys([*runtime.flow_run.tags, f"model:{model}", f"mlflow-run:{run_id}"])
    with get_client(sync_client=True) as client:
        client.update_flow_run(UUID(str(runtime.flow_run.id)), tags=list(tags))


def links(workspace: Workspace, run_id: str) -> dict[str, str]:
    """Where both UIs show this run; without a flow run around it, MLflow's alone."""
    found = {"MLflow run": f"{workspace.mlflow_url}/{workspace.registry.page(run_id)}"}
    if runtime.flow_run.id:
        found["Prefect run"] = f"{workspace.prefect_url}/runs/flow-run/{runtime.flow_run.id}"
    return found


def parameters(spec: ModelSpec) -> dict[str, str]:
    """The spec as flat parameters such as ``training.metric``; what is left to its default of nothing is left out."""
    flat: dict[str, str] = {}

    def add(name: str, value: object) -> None:
        if isinstance(value, dict) and value:
            for key, inner in value.items():
                add(f"{name}.{key}" if name else str(key), inner)
        elif isinstance(value, list) and all(isinstance(one, str) for one in value):
            add(name, ", ".join(value))
        elif value not in (None, "", [], {}):
            flat[name] = json.dumps(value) if isinstance(value, list) else str(value)

    add("", spec.model_dump(mode="json"))
    return flat


def note_table(workspace: Workspace, run_id: str, table: FeatureTable) -> None:
    """Name a run's feature table in MLflow, so that ``explain`` finds its rows, and count its inputs."""
    registry = workspace.registry
    registry.log(run_id, params={"features.count": len(table.inputs)}, tags={TABLE_TAG: table.uri})


def monitor_steps(spec: ModelSpec, start: datetime, end: datetime) -> list[datetime]:
    """When a monitor that follows the windows runs: once a window, when the labels of its last rows are due."""
    length = spec.monitoring.window
    windows = windows_between(window_of(start, length, spec.data.timezone)[0], end, length, spec.data.timezone)
    due = [last + spec.data.target.delay for _, last in windows]
    return [step for step in due if start < step <= end]


def month_starts(spec: ModelSpec, start: datetime, end: datetime) -> list[datetime]:
    """The first moments of the months after ``start`` and before ``end``, in the data's zone, as UTC."""
    zone = ZoneInfo(spec.data.timezone)
    year, month = start.astimezone(zone).year, start.astimezone(zone).month
    found: list[datetime] = []
    while True:
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        first = datetime(year, month, 1, tzinfo=zone).astimezone(UTC)
        if first >= end:
            return found
        found.append(first)
