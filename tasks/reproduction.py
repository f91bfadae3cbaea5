"""Fit what an earlier run fitted once more, and compare the two bit by bit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from prefect import task

from evergreen import training
from evergreen.errors import UsageError
from evergreen.handoffs import FeatureTable, ModelVersion
from evergreen.io.records import TrainingOutcome
from evergreen.orchestration.runs import TABLE_TAG
from evergreen.spec import ModelSpec
from evergreen.workspace import Workspace
from tasks.training import problem_of

#: What a run notes of the code and the versions that it was made with.
_MADE_WITH = ("evergreen.commit", "evergreen.lock", "evergreen.python", "evergreen.spec")


@dataclass(frozen=True)
class Reproduced:
    """An earlier version and its twin: the rows that both predict, for how many they differ, and what was not equal.

    ``differences`` name what could be the cause: other rows, another spec, another program.
    """

    version: ModelVersion
    rows: int
    unequal: int
    differences: tuple[str, ...]
    run_id: str = ""


def find_training(workspace: Workspace, model: str, run: str) -> TrainingOutcome:
    """The training that a run's identifier, the beginning of one, or a version's number names.

    Raises:
        UsageError: no training is named so, or several are.
    """
    known = workspace.champions.decisions(model)
    found = [one for one in known if str(one.version.version) == run]
    found = found or [one for one in known if len(run) >= 4 and one.version.run_id.startswith(run)]
    if len(found) == 1:
        return found[0]
    what = f"names {len(found)} trainings" if found else "names no training that reached a verdict"
    raise UsageError(f"{model}: {run!r} {what}; `evergreen models {model}` lists the versions with their runs")


@task
def fit_again(
    workspace: Workspace, spec: ModelSpec, table: FeatureTable, past: TrainingOutcome, run_id: str
) -> Reproduced:
    """Fit a training's version again from its recipe and these rows; nothing is stored, judged or promoted."""
    version, registry = past.version, workspace.registry
    rows = workspace.store.read(table.uri)
    problem = problem_of(workspace, spec, table.inputs, version.task, version.classes)
    if past.verdict.promote:
        contest = training.reserve(rows, spec.training, None, version.fitted_as_of)
        chosen = training.known_rows(rows, contest, version.fitted_as_of)
    else:
        chosen = training.reserve(rows, spec.training, _champion_then(workspace, past), version.fitted_as_of).choosing
    twin = training.refit(training.Recipe.from_json(version.recipe), rows.iloc[chosen], problem)
    ours, theirs = (
        training.predict(pipeline, version.task, rows, len(version.classes))
        for pipeline in (twin, registry.load(version))
    )
    equal = np.equal(ours, theirs).reshape(len(rows), -1).all(axis=1)
    before, now = registry.tags(version.run_id), registry.tags(run_id)
    differences = [f"{name}: {before[name]} then, {now[name]} now" for name in _differing(before, now, _MADE_WITH)]
    if before.get(TABLE_TAG) != table.uri:
        differences.insert(0, f"the rows: {before.get(TABLE_TAG)} then, {table.uri} now")
    return Reproduced(version, len(rows), int((~equal).sum()), tuple(differences), run_id)


def _champion_then(workspace: Workspace, past: TrainingOutcome) -> ModelVersion | None:
    """The champion at the time of a training: it decides what was held out, whoever was judged against."""
    reigns = workspace.champions.champions(past.version.model)
    return next((reign.version for reign in reversed(reigns) if reign.at < past.at), None)


def _differing(before: dict[str, str], now: dict[str, str], names: tuple[str, ...]) -> list[str]:
    return [name for name in names if name in before and name in now and before[name] != now[name]]
