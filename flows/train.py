"""The training flow: from raw rows to a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from prefect import flow

from evergreen.handoffs import Evidence, ModelVersion, ValidationReport, Verdict
from evergreen.promotion import decide
from tasks.data import take_snapshot
from tasks.evaluation import compare, report
from tasks.features import build_features
from tasks.promotion import find_champion, find_decision, settle
from tasks.runs import find_spec, logged_run, scheduled_time
from tasks.training import fit, refit, reserve
from tasks.validation import validate


@dataclass(frozen=True)
class Outcome:
    """What a training left: the version, the verdict, and what they rest on."""

    version: ModelVersion
    verdict: Verdict
    evidence: Evidence | None
    validation: ValidationReport | None
    repeated: bool = False


@flow(name="train", flow_run_name="train {model} as of {as_of}")
def train(model: str, as_of: datetime | None = None) -> Outcome:
    """Fit a challenger, judge it against the champion on rows that neither has seen, and crown it if it is better.

    Args:
        model: The model's name: a file in deployments/, without .yaml.
        as_of: The world as it was known then; by default the time for which the run was scheduled.
    """
    spec = find_spec(model)
    as_of = scheduled_time(as_of)
    snapshot = take_snapshot(spec, as_of)
    champion = find_champion(model)
    known = find_decision(spec, snapshot)
    if known:
        return Outcome(known.version, known.verdict, known.evidence, None, repeated=True)
    with logged_run(spec, "train", as_of) as run_id:
        checked = validate(spec, snapshot, run_id)
        table = build_features(spec, checked.snapshot)
        contest = reserve(spec, table, champion)
        challenger = fit(spec, table, contest, run_id)
        evidence = compare(spec, table, contest, challenger, champion)
        verdict = decide(evidence, spec.promotion)
        report(spec, table, contest, challenger, evidence, verdict, run_id)
        final = refit(spec, table, contest, challenger, run_id) if verdict.promote else challenger
        version = settle(spec, snapshot, final, champion, evidence, verdict)
    return Outcome(version, verdict, evidence, checked)
