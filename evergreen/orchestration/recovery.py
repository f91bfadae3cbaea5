"""After a power cut or a long sleep: end the runs whose process is gone, and keep one run of a backlog."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Cancelled, Crashed

from evergreen.orchestration.deployment import pages, registered

logger = logging.getLogger(__name__)

#: A run that is about to start tells its process within this time, or never.
_STARTING = timedelta(minutes=10)
_UNDER_WAY = (StateType.RUNNING, StateType.PENDING, StateType.PAUSED, StateType.CANCELLING)


def recover(alone: bool = False) -> tuple[str, ...]:
    """End runs that nobody carries out any more, and collapse what piled up while no worker ran.

    Prefect lets a run whose process and worker died at once be RUNNING for ever, where it holds the only place of its
    deployment; and a worker that comes back starts every missed run, oldest first. Our flows catch up by what their
    records lack, so one run does what twenty would.

    Args:
        alone: No worker runs: a run without a process will never get one.

    Returns:
        One sentence for each run that was ended or cancelled.
    """
    with get_client(sync_client=True) as client:
        said: list[str] = []
        for name, deployment in registered(client).items():
            for run in flow_runs(client, deployment.id, _UNDER_WAY):
                if is_dead(run, alone):
                    client.set_flow_run_state(run.id, Crashed(message="Its process is gone."), force=True)
                    said.append(f"{name}: run {run.name} was {_state(run)} without a process; ended as crashed")
            for run in missed(flow_runs(client, deployment.id, (StateType.SCHEDULED,)), datetime.now(UTC)):
                client.set_flow_run_state(
                    run.id, Cancelled(message="A later run does what this one missed."), force=True
                )
                said.append(f"{name}: the missed run of {run.expected_start_time} is left to the newest one")
        return tuple(said)


def flow_runs(client: SyncPrefectClient, deployment: UUID, states: Sequence[StateType]) -> list[FlowRun]:
    """Every run of a deployment in one of these states."""
    where = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(states))))
    of = DeploymentFilter(id=DeploymentFilterId(any_=[deployment]))
    return list(
        pages(
            lambda start, limit: client.read_flow_runs(
                flow_run_filter=where, deployment_filter=of, limit=limit, offset=start
            )
        )
    )


def missed(runs: Sequence[FlowRun], now: datetime) -> list[FlowRun]:
    """The overdue runs of a schedule that the newest overdue one makes superfluous; runs by hand are left alone."""
    overdue = [run for run in runs if run.auto_scheduled and run.expected_start_time and run.expected_start_time < now]
    return sorted(overdue, key=lambda run: run.expected_start_time or now)[:-1]


def is_dead(run: FlowRun, alone: bool) -> bool:
    """Whether no process of this machine carries out a run, as far as one can know."""
    host, _, number = (run.infrastructure_pid or "").rpartition(":")
    if not number.isdigit():
        since = run.state.timestamp if run.state else None
        return alone or bool(since and datetime.now(UTC) - since > _STARTING)
    if host and host != socket.gethostname():
        return False
    return not _carries(int(number), str(run.id))


def _carries(pid: int, run_id: str) -> bool:
    """Whether a process was started for a run; its number alone may belong to another one by now."""
    if Path("/proc/self/environ").exists():
        try:
            return run_id.encode() in Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _state(run: FlowRun) -> str:
    return run.state.type.value if run.state else "without a state"
