"""``up``: both servers, a worker and a warm process for its runs on the workspace's stores, watched until Ctrl-C."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Annotated

import typer

from evergreen.cli.blank import lay_down
from evergreen.cli.crew import Crew
from evergreen.cli.environment import prepare
from evergreen.cli.processes import only_up
from evergreen.cli.servers import free_port, interruptible
from evergreen.settings import open_workspace
from evergreen.spec import load_specs


def up(
    prefect_port: Annotated[int, typer.Option(help="Port of Prefect; another one where it is taken.")] = 4200,
    mlflow_port: Annotated[int, typer.Option(help="Port of MLflow; another one where it is taken.")] = 5000,
    runs: Annotated[
        int,
        typer.Option(
            min=1,
            help="How many flows may run at the same time, and one more for each model with `approval`; more wait.",
        ),
    ] = 4,
) -> None:
    """Run everything on its schedule until Ctrl-C: both servers and a worker, every model in deployments/ registered.

    A part that dies is started again. All of it listens on 127.0.0.1 and keeps its state in the workspace.
    """
    here = open_workspace()
    prepare(here)
    specs = load_specs(here.deployments)  # a mistake in a model's file is said before anything starts
    waiting = sum(spec.approval is not None for spec in specs)  # a training that waits for a person keeps a place
    interruptible()
    with only_up(here.folder):
        lay_down(Path(os.environ["PREFECT_HOME"]))
        crew = Crew(here, free_port(prefect_port), free_port(mlflow_port), runs + waiting)
        try:
            crew.start()
            typer.echo("everything runs; Ctrl-C stops it")
            while True:
                crew.watch()
                time.sleep(0.5)
        except KeyboardInterrupt:
            typer.echo("stopping")
        finally:
            # A second Ctrl-C must not leave half of it running.
            for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(sign, signal.SIG_IGN)
            crew.stop()
    typer.echo("stopped; nothing is left running")
