"""The worker of ``up``: Prefect's own, whose runs begin with the command that ``EVERGREEN_RUN`` holds.

Prefect's worker would start two more processes for each run (one that looks for the code, one that supervises), which
our flows, found by module path, have no use for. ``python -m evergreen.orchestration.worker`` takes the arguments of
``prefect``.
"""

from __future__ import annotations

import os
import warnings
from typing import Any

from prefect.workers.process import ProcessJobConfiguration, ProcessWorker

#: The variable that holds the command of every run that names none itself.
RUN = "EVERGREEN_RUN"


class Configuration(ProcessJobConfiguration):
    """How a run is started: by its own command, else by ours."""

    def prepare_for_flow_run(self, *args: Any, **kwargs: Any) -> None:
        """Fill in the command before Prefect notes whether there is one."""
        self.command = self.command or os.environ.get(RUN)
        super().prepare_for_flow_run(*args, **kwargs)


with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it takes the place of Prefect's worker of this type, which is what is wanted

    class Worker(ProcessWorker):
        """Prefect's process worker with our configuration; defining it is registering it."""

        type = "process"
        job_configuration = Configuration


if __name__ == "__main__":
    from prefect.cli import app

    app()
