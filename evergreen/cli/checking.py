"""``check`` and ``doctor``: is everything that a run will need right, before it runs?"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from evergreen.cli.console import json_text
from evergreen.cli.stopping import edited
from evergreen.cli.training import Json
from evergreen.errors import EvergreenError, SpecError, StoreError, did_you_mean
from evergreen.masking import masked
from evergreen.settings import open_workspace
from evergreen.spec import load_spec
from evergreen.workspace import Workspace

#: Disk space that a workspace should have, GiB.
_ROOM = 2
_INSTALL = "install Evergreen again (in its clone: make install)"


def check(as_json: Json = False) -> None:
    """Check every model's file and every suite of the project, without running anything.

    Champions that were trained with other code of the project's functions than stands there now are named: they do not
    predict any more.

    Exit codes: 0 all are right, 2 something is wrong; each line names the file, the key and what to do.
    """
    from evergreen.validation import load_suite

    here = open_workspace()
    started = time.perf_counter()
    paths = sorted(here.deployments.glob("*.yaml"))
    if not paths:
        raise SpecError(f"{here.deployments}: no models; write NAME.yaml there")
    problems: list[str] = []
    for path in paths:
        problems += _problems(partial(_check_model, here), path)
    suites = sorted(here.expectations.glob("*.yaml"))
    for path in suites:
        problems += _problems(load_suite, path)
    functions = [] if problems else edited(here, [load_spec(path) for path in paths])
    if as_json:
        names = {"models": [path.stem for path in paths], "suites": [path.stem for path in suites]}
        typer.echo(json_text(names | {"problems": problems, "functions": [asdict(one) for one in functions]}))
        raise typer.Exit(SpecError.exit_code if problems else 0)
    if problems:
        raise SpecError("\n".join(problems))
    for one in functions:
        typer.echo(one.message)
    typer.echo(
        f"{len(paths)} models and {len(suites)} suites are right ({time.perf_counter() - started:.1f} s): "
        + ", ".join(path.stem for path in paths)
    )


def _check_model(here: Workspace, path: Path) -> None:
    spec = load_spec(path)
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
    as_json: Json = False,
) -> None:
    """Look at the environment: versions, constraints, write access, disk, ports, leftovers; say what to do.

    Exit codes: 0 nothing stands in the way (a taken port does not), 1 something does.
    """
    here = open_workspace()
    if repair:
        _repair(here)
    found = [
        Finding(sys.version_info >= (3, 11), f"Python {sys.version.split()[0]}", "use Python 3.11 to 3.13"),
        *_constraints(),
        *_workspace(here),
        *(_port(name, port) for name, port in (("Prefect", 4200), ("MLflow", 5000))),
        _leftovers(here),
    ]
    if as_json:
        typer.echo(json_text({"findings": [asdict(one) | ({"advice": ""} if one.right else {}) for one in found]}))
    else:
        for one in found:
            typer.echo(f"{'ok  ' if one.right else 'LOOK'} {one.what}{'' if one.right else ': ' + one.advice}")
    if any(one.bars and not one.right for one in found):
        raise typer.Exit(1)


@dataclass(frozen=True)
class Finding:
    """Something that was looked at: whether it is right, what to do if not, and whether it bars a run then."""

    right: bool
    what: str
    advice: str
    bars: bool = True


def _workspace(here: Workspace) -> list[Finding]:
    """Can the workspace, and the store where that is elsewhere, be written, and is there room?"""
    there = next(folder for folder in (here.folder, *here.folder.parents) if folder.exists())
    free = shutil.disk_usage(there).free / 2**30
    found = [
        Finding(_writable(here.folder), f"workspace {here.folder}", "it cannot be written; set EVERGREEN_WORKSPACE"),
        Finding(free > _ROOM, f"{free:.0f} GiB free for it", f"free some disk space; {_ROOM} GiB at least"),
    ]
    if here.store_is_apart:
        try:
            here.store.probe()
            broken = ""
        except StoreError as error:
            broken = str(error)
        found.append(Finding(not broken, f"store {masked(here.store_url)}", broken.split(": ", 1)[-1]))
    return found


def _port(name: str, port: int) -> Finding:
    advice = "taken: `evergreen ui` will choose another one"
    return Finding(_free(port), f"port {port} for {name}", advice, bars=False)


def _leftovers(here: Workspace) -> Finding:
    left = _left_over(here)
    what = f"processes that a killed `up` left: {', '.join(map(str, left))}" if left else "no processes left over"
    return Finding(not left, what, "run: evergreen doctor --repair")


def _left_over(here: Workspace) -> list[int]:
    """The processes of an ``up`` that is no more."""
    from evergreen.cli.processes import marked, recorded, running

    up = recorded(here.folder) if here.folder.is_dir() else None
    return marked(f"{up.token}/") if up and not running(here.folder) else []


def _repair(here: Workspace) -> None:
    """End leftovers, then runs whose process is gone; without a server a temporary one looks at the runs."""
    from evergreen.cli import access, temporary
    from evergreen.cli.deploying import connect
    from evergreen.cli.processes import end, recorded, running

    alone = access.join(here) == ""
    if (up := recorded(here.folder)) and not running(here.folder):
        end(f"{up.token}/")
    if not alone:
        connect(here)
    with temporary.prefect(here):
        from evergreen.orchestration.recovery import recover
    said = recover(alone)
    for line in said or ("no runs to repair",):
        typer.echo(line)


def _constraints() -> list[Finding]:
    from packaging.requirements import Requirement

    found = []
    for text in importlib.metadata.requires("evergreen") or []:
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            found.append(Finding(False, requirement.name, f"is missing; {_INSTALL}"))
            continue
        right = requirement.specifier.contains(version, prereleases=True)
        advice = f"must be {requirement.specifier}; {_INSTALL}"
        found.append(Finding(right, f"{requirement.name} {version}", advice))
    return found


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def _free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
