"""Judge models on rows that they have not seen."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pandas as pd
from prefect import task
from prefect.artifacts import create_markdown_artifact

from evergreen import evaluation, features, training
from evergreen.arrays import Floats
from evergreen.handoffs import DAY, KEY, TARGET, TIME, Evidence, FeatureTable, ModelVersion, Snapshot, Verdict
from evergreen.learning_tasks import TASKS
from evergreen.orchestration.runs import links, run_key
from evergreen.spec import ModelSpec, Task
from evergreen.training import TrainingRows
from evergreen.workspace import Workspace
from tasks.training import problem_of

logger = logging.getLogger(__name__)


@task
def compare(
    workspace: Workspace,
    spec: ModelSpec,
    table: FeatureTable,
    contest: TrainingRows,
    challenger: ModelVersion,
    other: ModelVersion | None,
) -> Evidence:
    """Score both on the same unseen rows and keep the paired evidence; without another side, against a constant.

    Where the first champion's holdout is too small, or hardly holds one of two classes, its recipe is judged by
    predictions for rows left out in turn.
    """
    frame = workspace.store.read(table.uri)
    rules, holdout = spec.promotion, contest.split.holdout
    judges = training.Judges(holdout, rules.confidence, "")
    if DAY not in frame:
        judges = training.choose_judges(frame, holdout, _judged(workspace, spec), rules.confidence, rules.min_rows)
    pipeline = workspace.registry.load(challenger)
    if other is None and (len(judges.rows) < rules.min_rows or _is_thin(contest, frame)):
        judges, ours = _left_out(workspace, spec, table, contest, challenger, frame)
        _, seconds = _timed(pipeline, contest.task, frame.iloc[judges.rows], contest.classes)
    else:
        ours, seconds = _timed(pipeline, contest.task, frame.iloc[judges.rows], contest.classes)
    if training.rolls(spec.training, other):
        judges, ours = _refitted(workspace, spec, table, contest, challenger, frame)
    rows = frame.iloc[judges.rows]
    target, _ = training.encode_target(rows[TARGET], contest.task, contest.classes)
    theirs = _other_side(workspace, spec, contest, other, frame, rows)
    evidence = evaluation.paired_rows(
        rows,
        contest.task,
        contest.metric,
        (target, ours, theirs),
        f"champion {other.version}" if other else "trivial",
        rules.slices,
        evaluation.Terms(judges.confidence, classes=contest.classes, decisions=_decisions(spec, challenger, other)),
    )
    logger.info(
        "%s: judged on %s rows (%s): %s %s, %s %s", spec.model, f"{evidence.rows:,}",
        judges.chosen or "neither side has seen them", evidence.metric, evidence.ours, evidence.baseline,
        evidence.theirs,
    )  # fmt: skip
    return replace(evidence, seconds_per_row=seconds, chosen=judges.chosen, judged=_keep_keys(workspace, rows))


def _decisions(spec: ModelSpec, ours: ModelVersion, other: ModelVersion | None) -> evaluation.Decisions:
    return evaluation.decisions_of(ours.threshold, other.threshold if other else None, spec.training.costs)


def _is_thin(contest: TrainingRows, frame: pd.DataFrame) -> bool:
    """Whether the holdout of a table without order hardly holds one of two classes."""
    holdout = contest.split.holdout
    target, _ = training.encode_target(frame[TARGET].iloc[holdout], contest.task, contest.classes)
    return DAY not in frame and training.is_thin(target, contest.task, len(holdout) + len(contest.choosing))


def _left_out(
    workspace: Workspace,
    spec: ModelSpec,
    table: FeatureTable,
    contest: TrainingRows,
    challenger: ModelVersion,
    frame: pd.DataFrame,
) -> tuple[training.Judges, Floats]:
    """Each labelled row predicted by a fit without it; rows that judged before do so at a lower level each time."""
    recipe = training.Recipe.from_json(challenger.recipe)
    problem = problem_of(workspace, spec, table.inputs, contest.task, contest.classes)
    rows, ours = training.out_of_sample(frame, contest, recipe, problem)
    enough = len(contest.split.holdout) >= spec.promotion.min_rows
    why = "hardly holds one of two classes" if enough else "is too small"
    chosen = f"the holdout alone {why}: each was left out in turn of a recipe that was chosen on most of them"
    confidence, told = spec.promotion.confidence, []
    if DAY not in frame:
        again = training.choose_judges(frame, rows, _judged(workspace, spec), confidence, len(rows) + 1)
        confidence, told = again.confidence, [again.chosen] if again.chosen else []
    return training.Judges(rows, confidence, "; ".join([chosen, *told])), ours


def _refitted(
    workspace: Workspace,
    spec: ModelSpec,
    table: FeatureTable,
    contest: TrainingRows,
    challenger: ModelVersion,
    frame: pd.DataFrame,
) -> tuple[training.Judges, Floats]:
    every = spec.training.holdout_refit or timedelta(0)
    recipe = training.Recipe.from_json(challenger.recipe)
    problem = problem_of(workspace, spec, table.inputs, contest.task, contest.classes)
    ours = training.holdout_predictions(frame, contest.split.holdout, recipe, problem, every)
    chosen = f"the recipe was refitted every {every / timedelta(days=1):g} days as labels came"
    return training.Judges(contest.split.holdout, spec.promotion.confidence, chosen), ours


def _other_side(
    workspace: Workspace,
    spec: ModelSpec,
    contest: TrainingRows,
    other: ModelVersion | None,
    frame: pd.DataFrame,
    rows: pd.DataFrame,
) -> Floats:
    if other:
        return training.predict(workspace.registry.load(other), contest.task, rows, len(contest.classes))
    looked_at = [TARGET, *([spec.training.exposure] if spec.training.exposure else [])]
    seen = frame[looked_at].iloc[contest.choosing]
    target, _ = training.encode_target(seen[TARGET], contest.task, contest.classes)
    return evaluation.trivial_rows(seen, rows, contest.task, target, contest.classes, spec.training.exposure)


def _judged(workspace: Workspace, spec: ModelSpec) -> list[pd.Series]:
    """The keys that judged in each earlier verdict."""
    store = workspace.store
    decisions = workspace.champions.decisions(spec.model)
    return [store.read(one.evidence.judged)[KEY] for one in decisions if one.evidence and one.evidence.judged]


def _keep_keys(workspace: Workspace, rows: pd.DataFrame) -> str:
    """Where the keys of judging rows without a time are kept; nothing for rows that time tells apart."""
    if DAY in rows:
        return ""
    return workspace.store.write(rows[[KEY]].reset_index(drop=True), "judged").uri


def _timed(pipeline: Any, task_: Task, rows: pd.DataFrame, classes: Sequence[str]) -> tuple[Floats, float]:
    """Predictions, and the seconds that one of them takes."""
    started = time.perf_counter()
    prediction = training.predict(pipeline, task_, rows, len(classes))
    return prediction, (time.perf_counter() - started) / max(len(rows), 1)


@task
def report(
    workspace: Workspace,
    spec: ModelSpec,
    table: FeatureTable,
    contest: TrainingRows,
    challenger: ModelVersion,
    evidence: Evidence,
    verdict: Verdict,
    run_id: str,
) -> None:
    """Show what was found, in both UIs: values, plots, importances, the verdict with its reasons."""
    word = "promoted" if verdict.promote else "not promoted"
    for rule in verdict.rules:
        logger.info("%s: %s: %s %s", spec.model, word, "held:" if rule.held else "BROKEN:", rule.reason)
    registry = workspace.registry
    rows = workspace.store.read(table.uri, rows=contest.split.holdout)
    pipeline = registry.load(challenger)
    looked_at = pipeline.named_steps["rows"]
    summary = evaluation.summary(spec.model, evidence, verdict, links(workspace, run_id)) + features.summarised(
        looked_at
    )
    texts = {"summary.md": summary, "inputs.json": features.listed(looked_at)}
    registry.log_files(run_id, texts, _plots(spec, contest, pipeline, rows) if len(rows) else {})
    registry.log(
        run_id,
        metrics={f"holdout_{name}": value for name, value in evidence.values.items()}
        | {"gain": evidence.gain.value, "gain_low": evidence.gain.low, "holdout_rows": evidence.rows},
        tags={
            "evergreen.verdict": "promoted" if verdict.promote else "kept",
            "evergreen.reasons": "\n".join(verdict.reasons),
            "mlflow.note.content": summary,
        },
    )
    create_markdown_artifact(key=f"{spec.model}-verdict", markdown=summary)
    logger.info("%s: reports and plots are drawn", spec.model)


def _plots(spec: ModelSpec, contest: TrainingRows, pipeline: Any, rows: pd.DataFrame) -> dict[str, Any]:
    target, _ = training.encode_target(rows[TARGET], contest.task, contest.classes)
    metric = TASKS[contest.task].primary(contest.metric)
    sign = 1 if metric.greater_is_better else -1
    importances = training.permutation_importance(
        pipeline, contest.task, rows, target, lambda y, p: sign * metric.value(y, p), seed=spec.training.seed
    )
    prediction = training.predict(pipeline, contest.task, rows, len(contest.classes))
    drawn = evaluation.figures(contest.task, target, prediction, importances, contest.classes)
    shap = training.tree_shap(pipeline, rows, spec.training.seed)
    if shap:
        drawn["tree_shap"] = evaluation.shap_figure(shap.names, shap.values, shap.contributions)
    names, seed = list(importances), spec.training.seed
    curves = training.partial_dependence(pipeline, contest.task, rows, names, len(contest.classes), seed)
    if curves:
        shown = [(curve.name, curve.grid, curve.means) for curve in curves]
        drawn["partial_dependence"] = evaluation.dependence_figure(shown, contest.classes)
    return drawn


@task
def find_measurement(
    workspace: Workspace, spec: ModelSpec, snapshot: Snapshot, version: ModelVersion
) -> Evidence | None:
    """What measuring this version on exactly these rows showed before."""
    return workspace.champions.measurement(version, run_key(workspace, spec, snapshot))


@task
def measure(
    workspace: Workspace, spec: ModelSpec, snapshot: Snapshot, table: FeatureTable, version: ModelVersion, run_id: str
) -> Evidence:
    """Measure a version on the labelled rows of a window, and keep what it showed for the snapshot as it was read."""
    registry = workspace.registry
    frame = workspace.store.read(table.uri)
    rows = frame[frame[TARGET].notna()].reset_index(drop=True)
    if version.fitted_until and (seen := int((rows[TIME] < pd.Timestamp(version.fitted_until)).sum())):
        logger.warning(
            "%s: version %d may have been fitted on %s of these %s rows; what it shows on them flatters it",
            spec.model, version.version, f"{seen:,}", f"{len(rows):,}",
        )  # fmt: skip
    target, _ = training.encode_target(rows[TARGET], version.task, version.classes)
    prediction, seconds = _timed(registry.load(version), version.task, rows, version.classes)
    metric = spec.training.metric_of(version.task)
    terms = evaluation.Terms(classes=version.classes, decisions=_decisions(spec, version, None))
    evidence = evaluation.against_trivial(
        rows, version.task, metric, (target, prediction), spec.promotion.slices, terms, spec.training.exposure
    )
    evidence = replace(evidence, seconds_per_row=seconds)
    registry.log(run_id, metrics=evidence.values | {f"{metric}_low": evidence.ours.low, "rows": evidence.rows})
    workspace.champions.keep_measurement(version, run_key(workspace, spec, snapshot), evidence)
    summary = evaluation.summary(spec.model, evidence, None, links(workspace, run_id))
    drawn = evaluation.figures(version.task, target, prediction, None, version.classes)
    registry.log_files(run_id, {"summary.md": summary}, drawn)
    registry.log(run_id, tags={"mlflow.note.content": summary})
    create_markdown_artifact(key=f"{spec.model}-measured", markdown=summary)
    return evidence
