"""Fit candidates, keep the best as challenger, and refit a recipe on all that is known."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from functools import partial

import pandas as pd
from prefect import task

from evergreen import evaluation, features, training
from evergreen.handoffs import RESERVED, TIME, FeatureTable, ModelVersion
from evergreen.io.candidates import Candidates, search_digest
from evergreen.io.program import function_texts, functions_of, program
from evergreen.io.registry import Registry
from evergreen.learning_tasks import TASKS
from evergreen.spec import ModelSpec, Task
from evergreen.training import TrainingRows
from evergreen.workspace import Workspace

logger = logging.getLogger(__name__)

#: The share of the budget that is kept for finding out how far back to look.
_LOOKING_BACK = 0.35


@task
def reserve(workspace: Workspace, spec: ModelSpec, table: FeatureTable, seen_by: ModelVersion | None) -> TrainingRows:
    """Set apart the holdout that neither side has seen, and the rows that choices may use."""
    rows = read_reserved(workspace, table)
    contest = training.reserve(rows, spec.training, seen_by, table.snapshot.as_of)
    TASKS[contest.task].primary(contest.metric)
    parts = (contest.split.train, contest.split.tuning, contest.split.holdout)
    counts = (f"{len(part):,}" for part in parts)
    logger.info("%s: %s rows to fit, %s to tune, %s held out", spec.model, *counts)
    return contest


@task
def still_does(
    workspace: Workspace, spec: ModelSpec, table: FeatureTable, contest: TrainingRows, champion: ModelVersion
) -> bool:
    """Whether the champion's recipe, fitted again, does on the tuning rows what its evidence showed."""
    decisions = workspace.champions.decisions(spec.model)
    evidence = next((one.evidence for one in decisions[::-1] if one.version.version == champion.version), None)
    if evidence is None or evidence.metric != contest.metric:
        return False
    train, tuning = read_parts(workspace, table, contest)
    problem = problem_of(workspace, spec, table.inputs, contest.task, contest.classes)
    recipe, before = training.Recipe.from_json(champion.recipe), evidence.ours.value
    return training.still_does(recipe, train, tuning, problem, before)


@task
def fit(workspace: Workspace, 
    spec: ModelSpec, table: FeatureTable, contest: TrainingRows, run_id: str, recipe: str | None = None,
    champion: ModelVersion | None = None,
) -> ModelVersion:  # fmt: skip
    """Store a challenger, fitted up to the holdout: by a known recipe, else by the best of all candidates.

    A search begins with the champion's recipe.
    """
    problem = problem_of(workspace, spec, table.inputs, contest.task, contest.classes)
    if recipe:
        chosen = training.Recipe.from_json(recipe)
    else:
        first = training.Recipe.from_json(champion.recipe) if champion else None
        chosen = search(
            workspace, spec, read_parts(workspace, table, contest), contest, problem, run_id, table.digest, first
        )
    rows = workspace.store.read(table.uri, rows=contest.choosing)
    return _store(workspace, spec, table, rows, problem, chosen, run_id)


@task
def refit(
    workspace: Workspace,
    spec: ModelSpec,
    table: FeatureTable,
    contest: TrainingRows,
    challenger: ModelVersion,
    run_id: str,
) -> ModelVersion:
    """Fit the challenger's recipe on everything known; with a time the holdout is included."""
    positions = training.known_rows(read_reserved(workspace, table), contest, table.snapshot.as_of)
    known = workspace.store.read(table.uri, rows=positions)
    recipe = training.Recipe.from_json(challenger.recipe)
    return _store(
        workspace,
        spec,
        table,
        known,
        problem_of(workspace, spec, table.inputs, contest.task, contest.classes),
        recipe,
        run_id,
    )


def read_reserved(workspace: Workspace, table: FeatureTable) -> pd.DataFrame:
    """All rows of a table, of its columns those that say when, of whom and with which label they are."""
    store = workspace.store
    return store.read(table.uri, [name for name in store.columns(table.uri) if name in RESERVED])


def read_parts(workspace: Workspace, table: FeatureTable, contest: TrainingRows) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows to fit on and to tune by; of a large table no others are held."""
    store = workspace.store
    return store.read(table.uri, rows=contest.split.train), store.read(table.uri, rows=contest.split.tuning)


def problem_of(
    workspace: Workspace, spec: ModelSpec, inputs: Sequence[str], task_: Task, classes: tuple[str, ...]
) -> training.Problem:
    """What a training of this model learns from these columns."""
    transformer_for = partial(features.row_features, spec, inputs, task=task_)
    return training.Problem(spec.training, task_, classes, transformer_for, workspace.threads)


def search(workspace: Workspace, 
    spec: ModelSpec, parts: tuple[pd.DataFrame, pd.DataFrame], contest: TrainingRows, problem: training.Problem,
    run_id: str, digest: str, first: training.Recipe | None = None,
) -> training.Recipe:  # fmt: skip
    """Try candidates within the budget, each a child run, beginning with those that an interrupted search finished.

    ``digest`` is that of the feature table, ``first`` the champion's recipe; the best recipe is returned.
    """
    registry, (train, tuning) = workspace.registry, parts

    def log_candidate(finished: training.Finished, value: float) -> None:
        metrics = {f"tuning_{contest.metric}": value}
        registry.log_child(run_id, finished.recipe.name, finished.recipe.params, metrics, finished.seconds)

    made_with = program(spec, workspace.project)
    memory = Candidates(workspace.folder, spec.model, search_digest(digest, parts, contest, problem, made_with))
    looks, end = spec.training.window in ("weighted", "auto"), time.monotonic() + spec.training.budget.total_seconds()
    within = training.with_budget(problem, (1 - _LOOKING_BACK) * spec.training.budget) if looks else problem
    # On a terminal the command line draws the budget as a bar until a record says that it is over.
    bar = {"budget": within.settings.budget.total_seconds(), "doing": "trying candidates"}
    logger.info("%s: trying candidates for at most %.0f s", spec.model, bar["budget"], extra=bar)
    found = training.find_recipe(train, tuning, within, time.monotonic, memory, log_candidate, first=first)
    logger.info(
        "%s: %s is the best of %d candidates (%s %.4f)",
        spec.model, found.recipe.name, len(found.finished), contest.metric, found.value, extra={"budget": 0},
    )  # fmt: skip
    registry.log(run_id, metrics={"candidates": len(found.finished), f"tuning_{contest.metric}": found.value})
    if found.looked.reasons:
        registry.log(run_id, tags={"evergreen.inputs": "; ".join(found.looked.reasons)})
        registry.log_files(run_id, {"importance.json": json.dumps(found.looked.importance, indent=1)}, {})
    if not looks:
        return found.recipe
    back = training.look_back(train, tuning, problem, found.recipe, time.monotonic, end)
    _report_lookback(registry, run_id, contest.metric, back)
    return back.recipe


def _report_lookback(registry: Registry, run_id: str, metric: str, back: training.Lookback) -> None:
    """What was compared, and the learning curve, as a table and a picture of the run."""
    figures = {"learning_curve": evaluation.curve_figure(metric, back.curve)} if back.curve else {}
    registry.log_files(run_id, {"window.json": json.dumps(asdict(back), indent=1)}, figures)
    registry.log(run_id, tags={"evergreen.window": "; ".join(back.reasons)})


def _store(
    workspace: Workspace,
    spec: ModelSpec,
    table: FeatureTable,
    rows: pd.DataFrame,
    problem: training.Problem,
    recipe: training.Recipe,
    run_id: str,
) -> ModelVersion:
    pipeline = training.refit(recipe, rows, problem)
    logger.info("%s: %s fitted on %s rows", spec.model, recipe.name, f"{len(rows):,}")
    # Rows up to the newest one used count as seen, whichever of them were used.
    until = rows[TIME].max().to_pydatetime() + timedelta(microseconds=1) if TIME in rows else None
    facts = ModelVersion(
        model=spec.model,
        version=0,
        model_id="",
        run_id=run_id,
        sha256="",
        recipe=recipe.to_json(),
        fitted_until=until,
        fitted_as_of=table.snapshot.as_of,
        task=problem.task,
        classes=problem.classes,
        fitted_rows=len(rows),
        functions=functions_of(spec, workspace.project),
    )
    registry = workspace.registry
    registry.log_files(run_id, function_texts(spec, workspace.project), {})
    kinds = pipeline.named_steps["rows"].kinds_
    example = features.signature_frame(rows.head(5), list(kinds), kinds)
    if problem.settings.exposure:
        example = example.assign(**{problem.settings.exposure: training.exposures(rows, problem.settings.exposure)[:5]})
    prediction = training.predict(pipeline, problem.task, example, len(problem.classes))
    return registry.describe(registry.log_model(run_id, pipeline, example, prediction, facts), facts)
