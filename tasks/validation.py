"""Let a suite judge a snapshot, put broken rows aside, and stop where a critical rule broke."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict

from prefect import runtime, task
from prefect.artifacts import create_table_artifact

from evergreen import validation
from evergreen.errors import ValidationFailed
from evergreen.handoffs import KEY, Snapshot, ValidationReport
from evergreen.io import suites
from evergreen.io.registry import warm_up
from evergreen.masking import masked
from evergreen.orchestration.events import notify
from evergreen.spec import ModelSpec
from evergreen.workspace import Workspace

logger = logging.getLogger(__name__)


@task
def validate(workspace: Workspace, spec: ModelSpec, snapshot: Snapshot, run_id: str) -> ValidationReport:
    """Judge every row once; what is left goes on as a snapshot of its own. A refusal is told to ``spec.notify``.

    Raises:
        ValidationFailed: a critical rule broke, or more rows would be quarantined than the spec allows.
    """
    workspace.registry.log_dataset(run_id, snapshot, masked(str(spec.data.source)), "rows")
    if spec.validation is None:
        return ValidationReport("none", snapshot, (), snapshot.rows, 0)
    store, records = workspace.store, workspace.champions
    suite = validation.load_suite(workspace.expectations / f"{spec.validation.suite}.yaml")
    rows = store.read(snapshot.uri)
    order = suites.ValidationRequest(store.uri, snapshot.uri, suite, spec.data.timezone, snapshot.end or snapshot.as_of)
    outcomes, page = suites.judge_table(rows, order, warm_up)
    released = records.released(spec.model)
    judgement = validation.judge(outcomes, len(rows), rows[KEY].astype(str), spec.validation, released)
    _publish(workspace, spec, snapshot, run_id, judgement, page)
    put_aside = judgement.quarantined[["key", "rule"]].itertuples(index=False, name=None)
    records.quarantine(spec.model, snapshot.digest, put_aside)
    _check(spec, judgement)
    kept, broken = snapshot, sum(not result.success for result in judgement.results)
    logger.info(
        "%s: %d of %d rules hold, %d rows put aside",
        suite.name,
        len(outcomes) - broken,
        len(outcomes),
        judgement.put_aside,
    )
    if not judgement.keep.all():
        stored = store.write(rows[judgement.keep].reset_index(drop=True), "snapshots")
        kept = Snapshot(stored.uri, stored.rows, stored.digest, snapshot.as_of, snapshot.start, snapshot.end)
    return ValidationReport(suite.name, kept, judgement.results, len(rows), len(rows) - kept.rows, judgement.released)


def _check(spec: ModelSpec, judgement: validation.Judgement) -> None:
    """Stop the run where a critical rule broke, and tell those who asked for it."""
    try:
        validation.check(judgement)
    except ValidationFailed as error:
        what = runtime.flow_run.flow_name or "run"
        notify(spec.notify, f"{spec.model}: {what} refused", str(error))
        raise


def _publish(
    workspace: Workspace, spec: ModelSpec, snapshot: Snapshot, run_id: str, judgement: validation.Judgement, page: str
) -> None:
    """Show the rules in both UIs, the broken ones first, before anything stops the run."""
    table = [
        {
            "result": "held" if result.success else "broken",
            "severity": result.severity,
            "rows broken": result.rows_broken,
            "rule": result.rule,
            "observed": result.observed,
        }
        for result in sorted(judgement.results, key=lambda one: one.success)
    ]
    create_table_artifact(table=table, key=f"{spec.model}-rules", description=f"Rules on snapshot {snapshot.digest}")
    registry = workspace.registry
    results = json.dumps([asdict(result) for result in judgement.results], indent=1)
    registry.log_files(run_id, {"validation/rules.html": page, "validation/results.json": results}, {})
    broken = sum(not result.success for result in judgement.results)
    registry.log(run_id, metrics={"rules": len(table), "rules_broken": broken, "rows_put_aside": judgement.put_aside})
