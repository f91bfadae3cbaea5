"""The training flow: from raw rows to a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from prefect import flow

from evergreen.handoffs import Evidence, ModelVersion, ValidationReport, Verdict
from evergreen.orchestration.runs import (
    answering,
    find_spec,
    logged_run,
    note_table,
    refuse_while_asked,
    run_name,
    scheduled_time,
)
from evergreen.promotion import decide
from evergreen.settings import open_workspace
from tasks.data import take_snapshot
from tasks.discovery import warn_of_leaks
from tasks.evaluation import compare, report
from tasks.features import build_features
from tasks.promotion import approve, find_answer, find_champion, find_decision, find_opponent, settle
from tasks.training import fit, refit, reserve, still_does
from tasks.validation import validate


@dataclass(frozen=True)
class Outcome:
    """What a training left: the version, the verdict, and what they rest on."""

    version: ModelVersion
    verdict: Verdict
    evidence: Evidence | None
    validation: ValidationReport | None
    repeated: bool = False


@flow(name="train", flow_run_name=run_name)
def train(
    model: str,
    as_of: datetime | None = None,
    reason: str = "",
    cause: str = "",
    search: Literal["full", "refit", "auto"] = "full",
) -> Outcome:
    """Fit a challenger, judge it against the champion on rows that neither has seen, and crown it if it is better.

    Args:
        model: The model's name: a file in deployments/, without .yaml.
        as_of: The world as it was known then; by default the time for which the run was scheduled.
        reason: Why, in words; shown with the run.
        cause: The retraining decision that this run answers; empty for a training by hand or by schedule.
        search: full tries all candidates, refit fits the champion's recipe again, auto does so while it still does on
            the tuning rows what it did, and tries all candidates otherwise.
    """
    workspace = open_workspace()
    spec = find_spec(workspace, model)
    as_of = scheduled_time(as_of)
    refuse_while_asked(workspace, spec)  # before it waits for the locks, as long as an answer may take
    with answering(workspace, model, cause, as_of), workspace.locks.alone("training", model) as lock:
        champion = find_champion(workspace, model)
        if cause and (answered := find_answer(workspace, model, cause)):
            return _repeated(answered.version, answered.verdict, answered.evidence)
        refuse_while_asked(workspace, spec)
        snapshot = take_snapshot(workspace, spec, as_of)
        recipe = champion.recipe if champion and search == "refit" else None
        asked = f"auto {champion.recipe}" if champion and search == "auto" else recipe
        if known := find_decision(workspace, spec, snapshot, asked):
            return _repeated(known.version, known.verdict, known.evidence)
        opponent = find_opponent(workspace, spec, champion)
        with logged_run(workspace, spec, "train", as_of, reason) as run_id:
            checked = validate(workspace, spec, snapshot, run_id)
            table = build_features(workspace, spec, checked.snapshot)
            note_table(workspace, run_id, table)
            contest = reserve(workspace, spec, table, champion)
            if champion and search == "auto" and still_does(workspace, spec, table, contest, champion):
                recipe = champion.recipe
            if recipe is None:
                warn_of_leaks(workspace, spec, table, contest, run_id)
            challenger = fit(workspace, spec, table, contest, run_id, recipe, champion)
            evidence = compare(workspace, spec, table, contest, challenger, opponent)
            verdict = approve(workspace, spec, evidence, decide(evidence, spec.promotion), lock)
            report(workspace, spec, table, contest, challenger, evidence, verdict, run_id)
            final = refit(workspace, spec, table, contest, challenger, run_id) if verdict.promote else challenger
            settled = settle(workspace, spec, snapshot, final, champion, evidence, verdict, asked, cause)
    if settled.version.run_id != run_id:
        return _repeated(settled.version, settled.verdict, settled.evidence)
    return Outcome(settled.version, verdict, evidence, checked)


def _repeated(version: ModelVersion, verdict: Verdict, evidence: Evidence | None) -> Outcome:
    return Outcome(version, verdict, evidence, None, repeated=True)
