"""Judge models on rows that they have not seen."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from prefect import task
from prefect.artifacts import create_markdown_artifact

from evergreen import evaluation, training
from evergreen.handoffs import DAY, TARGET, Evidence, FeatureTable, ModelVersion, Snapshot, Verdict
from evergreen.io.records import Records
from evergreen.io.registry import Registry
from evergreen.io.store import Store
from evergreen.settings import settings
from evergreen.spec import PRIMARY, ModelSpec, Task
from evergreen.training import Contest
from tasks.runs import links, run_key


@task
def compare(
    spec: ModelSpec, table: FeatureTable, contest: Contest, challenger: ModelVersion, other: ModelVersion | None
) -> Evidence:
    """Score both on the same unseen rows and keep the paired evidence; without another side, against a constant."""
    registry = Registry(settings())
    frame = Store(str(settings().store)).read(table.uri)
    rows = frame.iloc[contest.split.holdout]
    target, _ = training.encode_target(rows[TARGET], contest.task, contest.classes)
    ours, seconds = _timed(registry.load(challenger), contest.task, rows, contest.classes)
    if other:
        theirs = training.predict(registry.load(other), contest.task, rows, len(contest.classes))
    else:
        seen, _ = training.encode_target(frame[TARGET].iloc[contest.choosing], contest.task, contest.classes)
        theirs = evaluation.trivial_prediction(contest.task, seen, len(rows), contest.classes)
    return evaluation.paired_rows(
        rows,
        contest.task,
        contest.metric,
        (target, ours, theirs),
        f"champion {other.version}" if other else "trivial",
        spec.promotion.slices,
        _confidence(spec, timed=DAY in rows),
        seconds,
        contest.classes,
    )


def _timed(pipeline: Any, task_: Task, rows: pd.DataFrame, classes: Sequence[str]) -> tuple[NDArray[np.float64], float]:
    """Predictions, and the seconds that one of them takes."""
    started = time.perf_counter()
    prediction = training.predict(pipeline, task_, rows, len(classes))
    return prediction, (time.perf_counter() - started) / max(len(rows), 1)


def _confidence(spec: ModelSpec, timed: bool) -> float:
    """Without a time the same holdout rows judge again and again: the k-th decision has alpha / 2^k."""
    if timed:
        return spec.promotion.confidence
    decisions = len(Records(settings().workspace).decisions(spec.model))
    return float(1 - (1 - spec.promotion.confidence) / 2**decisions)


@task
def report(
    spec: ModelSpec,
    table: FeatureTable,
    contest: Contest,
    challenger: ModelVersion,
    evidence: Evidence,
    verdict: Verdict,
    run_id: str,
) -> None:
    """Show what was found, in both UIs: values, plots, importances, the verdict with its reasons."""
    registry = Registry(settings())
    rows = Store(str(settings().store)).read(table.uri).iloc[contest.split.holdout]
    pipeline = registry.load(challenger)
    summary = evaluation.summary(spec.model, evidence, verdict, links(run_id))
    registry.log_files(run_id, {"summary.md": summary}, _plots(spec, contest, pipeline, rows) if len(rows) else {})
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


def _plots(spec: ModelSpec, contest: Contest, pipeline: Any, rows: pd.DataFrame) -> dict[str, Any]:
    target, _ = training.encode_target(rows[TARGET], contest.task, contest.classes)
    metric = evaluation.METRICS[contest.metric]
    sign = 1 if metric.greater_is_better else -1
    importances = training.permutation_importance(
        pipeline, contest.task, rows, target, lambda y, p: sign * metric.function(y, p), seed=spec.training.seed
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
def find_measurement(spec: ModelSpec, snapshot: Snapshot, version: ModelVersion) -> Evidence | None:
    """What measuring this version on exactly these rows showed before."""
    return Records(settings().workspace).measurement(version, run_key(spec, snapshot))


@task
def measure(spec: ModelSpec, snapshot: Snapshot, table: FeatureTable, version: ModelVersion, run_id: str) -> Evidence:
    """Measure a version on the labelled rows of a window, and keep what it showed for the snapshot as it was read."""
    registry = Registry(settings())
    frame = Store(str(settings().store)).read(table.uri)
    rows = frame[frame[TARGET].notna()].reset_index(drop=True)
    target, _ = training.encode_target(rows[TARGET], version.task, version.classes)
    prediction, seconds = _timed(registry.load(version), version.task, rows, version.classes)
    metric = spec.training.metric or PRIMARY[version.task]
    slices = spec.promotion.slices
    evidence = evaluation.against_trivial(
        rows, version.task, metric, target, prediction, version.classes, slices, seconds
    )
    registry.log(run_id, metrics=evidence.values | {f"{metric}_low": evidence.ours.low, "rows": evidence.rows})
    Records(settings().workspace).keep_measurement(version, run_key(spec, snapshot), evidence)
    registry.log_files(run_id, {}, evaluation.figures(version.task, target, prediction, None))
    return evidence
