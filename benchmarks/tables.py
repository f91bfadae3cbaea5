"""``init`` and ``train``, untouched, on real tables that no one prepared, beside a plain LightGBM on the same split."""

from __future__ import annotations

import argparse
import csv
import os
import re
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.dirt import TABLES, Table, fetch, lay_down, licence
from benchmarks.plain import plain_predictions
from evergreen.errors import EvergreenError
from evergreen.metrics import find_metric


@dataclass
class Line:
    """What came out for one table."""

    table: Table
    source: str
    rows: int = 0
    columns: int = 0
    seconds: float = 0.0
    guessed: str = ""
    result: str = ""
    plain: str = ""
    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def main(arguments: Sequence[str]) -> None:
    """Print one line a table; ends with 1 where a command crashed, a task was wrong, a leak unnamed or plain better."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", help="a folder with manifest.csv: file, target, task, time, group")
    parser.add_argument("--only", default="", help="tables whose name holds this")
    parser.add_argument("--budget", default="", help="a search of this length instead of the default, e.g. 20s")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        project.mkdir()
        os.environ |= {"EVERGREEN_PROJECT": str(project), "EVERGREEN_WORKSPACE": str(Path(folder) / "workspace")}
        lines = _given(Path(given.folder)) if given.folder else _packaged(Path(folder), project)
        done = []
        for line, path in lines:
            if given.only in line.table.name:
                _run(line, path, given.budget)
                _print(line)
                done.append(line)
    bad = [line for line in done if line.wrong]
    print(f"\n{len(done)} tables, {len(done) - len(bad)} without anything wrong")
    for line in bad:
        print(f"  {line.table.name}: {'; '.join(line.wrong)}")
    if bad:
        raise SystemExit(1)


def _packaged(folder: Path, project: Path) -> list[tuple[Line, Path]]:
    packages = folder / "packages"
    fetch(packages)
    found = []
    for table in TABLES:
        path = project / f"{table.name}.csv"
        lay_down(table, packages, path)
        found.append((Line(table, licence(table, packages)), path))
    return found


def _given(folder: Path) -> list[tuple[Line, Path]]:
    with (folder / "manifest.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    found, names = [], set[str]()
    for row in rows:
        values = {key: (row.get(key) or "").strip() for key in ("file", "target", "task", "time", "group")}
        stem = Path(values["file"]).name.split(".")[0]
        stem = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-") or "table"
        name = next(name for at in count(1) if (name := stem if at == 1 else f"{stem}-{at}") not in names)
        names.add(name)
        table = Table(name, values["file"], values["target"], values["task"], values["time"], values["group"])
        found.append((Line(table, "given"), (folder / values["file"]).resolve()))
    return found


def _run(line: Line, path: Path, budget: str) -> None:
    from evergreen.cli import app
    from evergreen.discovery import model_name

    name = model_name(line.table.name)
    started = time.perf_counter()
    try:
        app(["init", str(path), "--target", line.table.target, "--name", name], standalone_mode=False)
        _look_at_guesses(line, name)
        if budget:
            _shorten(name, budget)
        code = app(["train", name], standalone_mode=False)
        line.seconds = time.perf_counter() - started
        line.result = {10: "too few unseen rows"}.get(code or 0, "")
        _look_at_model(line, name)
    except EvergreenError as error:
        line.seconds = time.perf_counter() - started
        line.wrong.append(f"refused: {str(error).splitlines()[0]}")
    except Exception as error:  # what a person would see as a crash is what this looks for
        line.seconds = time.perf_counter() - started
        traceback.print_exc()
        line.wrong.append(f"CRASH {type(error).__name__}: {error}")


def _shorten(name: str, budget: str) -> None:
    from evergreen.settings import open_workspace

    path = open_workspace().deployments / f"{name}.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r"(?m)^training:$", f"training:\n  budget: {budget}", text), encoding="utf-8")


def _look_at_guesses(line: Line, name: str) -> None:
    from evergreen.settings import open_workspace
    from evergreen.spec import load_spec

    path = open_workspace().deployments / f"{name}.yaml"
    spec, text, table = load_spec(path), path.read_text(encoding="utf-8"), line.table
    if table.task and spec.training.task != table.task:
        line.wrong.append(f"task: {spec.training.task}, not {table.task}")
    offered = re.search(r"(?m)^  #? ?group: (.*?)\s*(?:#.*)?$", text)
    guesses = {
        "task": (spec.training.task or "", table.task),
        "time": (spec.data.time or "", table.time),
        "group": (offered[1].strip('"') if offered else "", table.group),
    }
    said = []
    for role, (guess, truth) in guesses.items():
        told = role == "task" and not truth  # a manifest may leave it out
        right = "" if told else " (right)" if guess == truth else f" (is {truth or 'none'})"
        said.append(f"{role} {guess or 'none'}{right}")
        if not told and guess != truth:
            line.notes.append(f"correct {role}: {guess or 'none'} to {truth or 'none'}")
    line.guessed = ", ".join([f"key {spec.data.key or 'none'}", *said])
    leaks = [
        row
        for row in text.splitlines()
        if "# check:" in row
        and ("target" in row or "lies after" in row)
        and ("alone it" in row or "null in" in row or "filled in" in row or "tells the" in row or "adds up" in row)
    ]
    named = [row.split("# check: ")[1].split(":")[0] for row in leaks]
    if table.leak and table.leak not in named:
        line.wrong.append(f"leak {table.leak} not named")
    if named:
        line.notes.append(f"look at {', '.join(named)}: may know the target")


def _look_at_model(line: Line, name: str) -> None:
    """The verdict's figures, and what a LightGBM with its defaults reaches on the same rows."""
    from evergreen import training
    from evergreen.handoffs import TARGET
    from evergreen.settings import open_workspace
    from evergreen.spec import load_spec
    from tasks.data import take_snapshot
    from tasks.features import build_features
    from tasks.training import reserve

    here = open_workspace()
    spec = load_spec(here.deployments / f"{name}.yaml")
    decision = here.champions.decisions(name)[-1]
    evidence = decision.evidence
    table = build_features.fn(open_workspace(), spec, take_snapshot.fn(open_workspace(), spec, datetime.now(UTC)))
    rows = here.store.read(table.uri)
    line.rows, line.columns = len(rows), len(spec_columns(rows))
    if evidence is None or not np.isfinite(evidence.ours.value):
        line.result = line.result or "no evidence"
        return
    contest = reserve.fn(open_workspace(), spec, table, None)
    metric = find_metric(contest.metric)
    in_turn = "left out in turn" in evidence.chosen
    judged, predicted = plain_predictions(rows, contest, list(table.inputs), in_turn)
    target, _ = training.encode_target(judged[TARGET], contest.task, contest.classes)
    value = float(metric.value(target, predicted))
    word = "promoted" if decision.verdict.promote else "kept as challenger"
    line.result = f"{evidence.metric} {evidence.ours}; trivial {evidence.theirs.value:.3f}; {line.result or word}"
    line.plain = f"{value:.3f}"
    ours = evidence.ours
    if (metric.greater_is_better and value > ours.high) or (not metric.greater_is_better and value < ours.low):
        line.wrong.append(f"plain LightGBM is better: {value:.4g} beside {ours}")


def spec_columns(rows: pd.DataFrame) -> list[str]:
    """The table's own columns."""
    return [str(name) for name in rows.columns if not str(name).startswith("__")]


def _print(line: Line) -> None:
    table = line.table
    print(f"\n## {table.name}: {table.target} ({line.source}; {table.dirt})", flush=True)
    print(f"   {line.rows:,} x {line.columns}, {line.seconds:.0f} s; {line.result}; plain LightGBM {line.plain or '-'}")
    if line.guessed:
        print(f"   init: {line.guessed}")
    if line.notes:
        print(f"   a person: {'; '.join(line.notes)}")
    for wrong in line.wrong:
        print(f"   WRONG {wrong}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
