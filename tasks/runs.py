"""Where a run begins: its model's file, its clock, its place in both UIs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version as installed

from prefect import runtime

from evergreen.handoffs import Snapshot
from evergreen.io.records import Records
from evergreen.io.registry import Registry
from evergreen.settings import settings
from evergreen.spec import ModelSpec, load_spec


def find_spec(model: str) -> ModelSpec:
    """The model's file in the project.

    Raises:
        SpecError: there is no such file, or it is not understood.
    """
    return load_spec(settings().deployments / f"{model}.yaml")


def scheduled_time(as_of: datetime | None) -> datetime:
    """The run's clock, read once: as given, or the time for which the run was scheduled. UTC."""
    chosen = as_of or runtime.flow_run.scheduled_start_time or datetime.now(UTC)
    return chosen.replace(tzinfo=UTC) if chosen.tzinfo is None else chosen.astimezone(UTC)


def run_key(spec: ModelSpec, snapshot: Snapshot) -> str:
    """The identity of a run's inputs: what the model is, the rows, their suite, released rows, and the program."""
    here = settings()
    suite = here.expectations / f"{spec.validation.suite}.yaml" if spec.validation else None
    parts = (
        spec.digest,
        snapshot.digest,
        suite.read_text(encoding="utf-8") if suite and suite.is_file() else "",
        *sorted(Records(here.workspace).released(spec.model)),
        *(installed(name) for name in ("evergreen", "lightgbm", "scikit-learn")),
    )
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


@contextmanager
def logged_run(spec: ModelSpec, kind: str, as_of: datetime) -> Iterator[str]:
    """Open the MLflow run of a flow, linked both ways with the Prefect run."""
    tags = {
        "evergreen.kind": kind,
        "evergreen.as_of": as_of.isoformat(),
        "evergreen.spec": spec.digest,
        "prefect.flow_run_id": str(runtime.flow_run.id or ""),
        "prefect.flow_run_name": str(runtime.flow_run.name or ""),
    }
    with Registry(settings()).run(spec.model, f"{kind} {as_of:%Y-%m-%d %H:%M}", tags) as run_id:
        yield run_id
