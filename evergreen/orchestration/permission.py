"""What a worker may start: the jobs that ``deploy`` has registered, and nothing else that a server asks for.

Prefect lets whoever reaches its API set the command, the environment and the code of a run: by job variables of the run
or of its deployment, by the deployment's entrypoint and steps, by the template of the work pool. What ``deploy`` has
registered is noted in the workspace, by digest, where no server writes; the worker compares each run with that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prefect.client.schemas.objects import FlowRun, WorkPool
from prefect.client.schemas.responses import DeploymentResponse

from evergreen.errors import NotRegistered
from evergreen.orchestration.deployment import Wanted
from evergreen.private import write_private

#: In the workspace: the digests of the jobs that may be started.
_FILE = "jobs.json"
#: What of a deployment decides which code runs, and how.
_JOB = ("entrypoint", "job_variables", "path", "pull_steps", "storage_document_id", "infrastructure_document_id")


def permit(workspace: Path, wanted: Sequence[Wanted]) -> None:
    """Note what may be started, in one step; what was noted before is replaced."""
    jobs = sorted({_digest({"entrypoint": one.runner.entrypoint}) for one in wanted})
    write_private(workspace / _FILE, json.dumps(jobs))


def require(
    workspace: Path, run: FlowRun, deployment: DeploymentResponse | None, pool: WorkPool, template: Mapping[str, Any]
) -> str:
    """The entrypoint of a run that may be started.

    Args:
        workspace: Where ``deploy`` has noted what may be started.
        run: The run.
        deployment: What the server says its deployment is now.
        pool: What the server says the work pool is now.
        template: The work pool's template as ``deploy`` and the worker leave it.

    Raises:
        NotRegistered: it may not; the message says what differs, and what to do.
    """
    if run.job_variables:
        raise NotRegistered(
            f"the run sets job variables ({', '.join(run.job_variables)}); runs of this pool are started as they were "
            "registered: start it without"
        )
    if pool.base_job_template and pool.base_job_template != template:
        raise NotRegistered(
            f"the template of the work pool {pool.name} was changed after it was registered; run: evergreen deploy"
        )
    if deployment is None:
        raise NotRegistered("the run belongs to no deployment; start one that `evergreen deploy` has registered")
    if _digest({name: getattr(deployment, name) for name in _JOB}) not in _noted(workspace):
        raise NotRegistered(
            f"the deployment {deployment.name} is none that `evergreen deploy` has registered from this workspace, or "
            "its job variables or its code were changed since; run: evergreen deploy"
        )
    return str(deployment.entrypoint)


def _noted(workspace: Path) -> Sequence[str]:
    try:
        return list(json.loads((workspace / _FILE).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return ()


def _digest(job: Mapping[str, Any]) -> str:
    """The digest of a job; nothing said and said to be nothing are the same."""
    text = json.dumps({name: job[name] for name in _JOB if job.get(name)}, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
