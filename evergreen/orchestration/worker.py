"""The worker of ``up``: Prefect's own, which starts what ``deploy`` has registered, by the command ``EVERGREEN_RUN``.

Prefect's worker would start two more processes for each run (one that looks for the code, one that supervises), which
our flows, found by module path, have no use for. ``python -m evergreen.orchestration.worker`` takes the arguments of
``prefect``.
"""

from __future__ import annotations

import os
import warnings
from typing import Any, Self

import prefect.workers.process
from prefect import Flow
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, WorkPool
from prefect.client.schemas.responses import DeploymentResponse
from prefect.workers.process import ProcessJobConfiguration, ProcessWorker

from evergreen.orchestration.permission import require
from evergreen.settings import open_workspace

#: The variable that holds the command of every run.
RUN = "EVERGREEN_RUN"
#: Prefect loads this flow, instead of the one that the deployment names by the time that the run has begun.
_ENTRYPOINT = "PREFECT__FLOW_ENTRYPOINT"


class Configuration(ProcessJobConfiguration):
    """How a run is started: as it was registered, by our command."""

    @classmethod
    async def resolve_for_flow_run(
        cls,
        flow_run: FlowRun,
        *,
        client: PrefectClient,
        work_pool: WorkPool,
        deployment: DeploymentResponse | None = None,
        **more: Any,
    ) -> Self:
        """The configuration of a run that may be started.

        Raises:
            NotRegistered: it may not; Prefect ends the run as crashed, with these words.
        """
        if deployment is None and flow_run.deployment_id:
            deployment = await client.read_deployment(flow_run.deployment_id)
        template = Worker.get_default_base_job_template()
        entrypoint = require(open_workspace().folder, flow_run, deployment, work_pool, template)
        made = await super().resolve_for_flow_run(
            flow_run, client=client, work_pool=work_pool, deployment=deployment, **more
        )
        made.env[_ENTRYPOINT] = entrypoint
        return made

    def prepare_for_flow_run(self, *args: Any, **kwargs: Any) -> None:
        """Fill in the command before Prefect notes whether there is one."""
        self.command = os.environ.get(RUN)
        super().prepare_for_flow_run(*args, **kwargs)


async def _without_hooks(*_: object, **__: object) -> Flow[..., Any]:
    return Flow(lambda: None, name="without-hooks")


# For the hooks of a run that crashes or is cancelled Prefect would load the deployment's code, and run its steps, in
# the worker itself. Our flows have no hooks.
setattr(prefect.workers.process, "load_flow_from_flow_run", _without_hooks)  # noqa: B010 (it is not exported)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it takes the place of Prefect's worker of this type, which is what is wanted

    class Worker(ProcessWorker):
        """Prefect's process worker with our configuration; defining it is registering it."""

        type = "process"
        job_configuration = Configuration


if __name__ == "__main__":
    from prefect.cli import app

    app()
