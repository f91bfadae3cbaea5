"""``check`` and ``doctor``: is everything that a run will need right, before it runs?"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from evergreen.errors import EvergreenError, SpecError, did_you_mean
from evergreen.settings import Settings, settings
from evergreen.spec import load_spec


def check() -> None:
    """Check every model's file and every suite of the project, without running anything."""
    from evergreen.validation import load_suite

    here = settings()
    started = time.perf_counter()
    paths = sorted(here.deployments.glob("*.yaml"))
    if not paths:
        raise SpecError(f"{here.deployments}: no models; write NAME.yaml there")
    problems: list[str] = []
    for path in paths:
        problems += _problems(_check_model, path)
    suites = sorted(here.expectations.glob("*.yaml"))
    for path in suites:
        problems += _problems(load_suite, path)
    if problems:
        raise SpecError("\n".join(problems))
    typer.echo(
        f"{len(paths)} models and {len(suites)} suites are right ({time.perf_counter() - started:.1f} s): "
        + ", ".join(path.stem for path in paths)
    )


def _check_model(path: Path) -> None:
    here, spec = settings(), load_spec(path)
    if spec.validation and not (here.expectations / f"{spec.validation.suite}.yaml").is_file():
        near = did_you_mean(spec.validation.suite, (p.stem for p in here.expectations.glob("*.yaml")))
        raise SpecError(f"{path}: validation.suite: no expectations/{spec.validation.suite}.yaml{near}")


def _problems(step: Callable[[Path], object], path: Path) -> list[str]:
    try:
        step(path)
    except EvergreenError as error:
        return [str(error)]
    return []


def doctor(
    repair: Annotated[
        bool, typer.Option("--repair", help="End what a power cut or kill -9 left: processes, runs without a process.")
    ] = False,
) -> None:
    """Look at the environment: versions, constraints, write access, disk, ports, leftovers; say what to do."""
    here = settings()
    if repair:
        _repair(here)
    lines = [
        (sys.version_info >= (3, 11), f"Python {sys.version.split()[0]}", "use Python 3.11 to 3.13"),
        *_constraints(),
        (_writable(), f"workspace {here.workspace}", "it cannot be written; set EVERGREEN_WORKSPACE"),
    ]
    free = shutil.disk_usage(here.project).free / 2**30
    lines.append((free > 2, f"{free:.0f} GiB free", "free some disk space; 2 GiB at least"))
    for name, port in (("Prefect", 4200), ("MLflow", 5000)):
        lines.append((_free(port), f"port {port} for {name}", "taken: `evergreen ui` will choose another one"))
    left = _left_over(here)
    what = f"processes that a killed `up` left: {', '.join(map(str, left))}" if left else "no processes left over"
    lines.append((not left, what, "run: evergreen doctor --repair"))
    for right, what, advice in lines:
        typer.echo(f"{'ok  ' if right else 'LOOK'} {what}{'' if right else ': ' + advice}")
    if not all(right for right, what, _ in lines if not what.startswith("port")):
        raise typer.Exit(1)


def _left_over(here: Settings) -> list[int]:
    """The processes of an ``up`` that is no more."""
    from evergreen.cli.processes import marked, recorded, running

    up = recorded(here.workspace)
    return marked(f"{up.token}/") if up and not running(here.workspace) else []


def _repair(here: Settings) -> None:
    """End leftovers, then runs whose process is gone; without a server a temporary one looks at the runs."""
    from evergreen.cli import temporary
    from evergreen.cli.deploying import connect, server_url
    from evergreen.cli.processes import end, recorded, running

    alone = server_url(here) == ""
    if (up := recorded(here.workspace)) and not running(here.workspace):
        end(f"{up.token}/")
    if not alone:
        connect(here)
    with temporary.prefect(here):
        from tasks.recovery import recover
    said = recover(alone)
    for line in said or ("no runs to repair",):
        typer.echo(line)


def _constraints() -> list[tuple[bool, str, str]]:
    from packaging.requirements import Requirement

    found = []
    for text in importlib.metadata.requires("evergreen") or []:
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            found.append((False, requirement.name, "is missing; run: make install"))
            continue
        right = requirement.specifier.contains(version, prereleases=True)
        found.append((right, f"{requirement.name} {version}", f"must be {requirement.specifier}; run: make install"))
    return found


def _writable() -> bool:
    folder = settings().workspace
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def _free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
