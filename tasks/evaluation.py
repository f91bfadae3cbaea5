"""Judge models on rows that they have not seen."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd
from prefect import task
from prefect.artifacts import create_markdown_artifact

from evergreen import evaluation, training
from evergreen.handoffs import DAY, TARGET, Evidence, FeatureTable, ModelVersion, Snapshot, Verdict
from evergreen.io.records import Records
from evergreen.io.registry import Registry
from evergreen.io.store import Store
from evergreen.settings import settings
from evergreen.spec import PRIMARY, ModelSpec
from tasks.runs import run_key
from tasks.training import Contest


@task
def compare(
    spec: ModelSpec,
    table: FeatureTable,
    contest: Contest,
    challenger: ModelVersion,
    champion: ModelVersion | None,
) -> Evidence:
    """Score both on the same unseen rows and keep the paired evidence."""
    registry = Registry(settings())
    frame = Store(str(settings().store)).read(table.uri)
    rows = frame.iloc[contest.split.holdout]
    target, _ = training.encode_target(rows[TARGET], contest.task, contest.classes)
    pipeline = registry.load(challenger)
    started = time.perf_counter()
    ours = training.predict(pipeline, contest.task, rows, len(contest.classes))
    seconds_per_row = (time.perf_counter() - started) / max(len(rows), 1)
    if champion:
        theirs = training.predict(registry.load(champion), contest.task, rows, len(contest.classes))
    else:
        past = frame.iloc[np.concatenate([contest.split.train, contest.split.tuning])]
        seen, _ = training.encode_target(past[TARGET], contest.task, contest.classes)
        theirs = evaluation.trivial_prediction(contest.task, seen, len(rows), contest.classes)
    return evaluation.paired(
        contest.task,
        contest.metric,
        target,
        ours,
        theirs,
        rows[DAY].to_numpy() if DAY in rows else None,
        baseline=f"champion {champion.version}" if champion else "trivial",
        slices={name: rows[name].astype(str).to_numpy() for name in spec.promotion.slices},
        confidence=_confidence(spec, timed=DAY in rows),
        seconds_per_row=seconds_per_row,
        block_name="days" if DAY in rows else "rows",
    )


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
    summary = evaluation.summary(spec.model, evidence, verdict)
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
    return evaluation.figures(contest.task, target, prediction, importances, contest.classes)


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
    pipeline = registry.load(version)
    target, _ = training.encode_target(rows[TARGET], version.task, version.classes)
    started = time.perf_counter()
    prediction = training.predict(pipeline, version.task, rows, len(version.classes))
    seconds = time.perf_counter() - started
    trivial = evaluation.trivial_prediction(version.task, target, len(rows), version.classes)
    metric = spec.training.metric or PRIMARY[version.task]
    evidence = evaluation.paired(
        version.task,
        metric,
        target,
        prediction,
        trivial,
        rows[DAY].to_numpy() if DAY in rows else None,
        baseline="trivial",
        slices={name: rows[name].astype(str).to_numpy() for name in spec.promotion.slices},
        seconds_per_row=seconds / max(len(rows), 1),
        block_name="days" if DAY in rows else "rows",
    )
    registry.log(run_id, metrics=evidence.values | {f"{metric}_low": evidence.ours.low, "rows": evidence.rows})
    Records(settings().workspace).keep_measurement(version, run_key(spec, snapshot), evidence)
    registry.log_files(run_id, {}, evaluation.figures(version.task, target, prediction, None))
    return evidence
