"""Weigh what is known of a champion: judge its probation, decide on retraining, keep the decision."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime

from prefect import task

from evergreen import evaluation, labels, monitoring, promotion, retraining, scoring, training
from evergreen.handoffs import KEY, TARGET, Evidence, ModelVersion, RetrainingDecision, Rule, WindowValue
from evergreen.io.locks import ANSWER, APPROVAL
from evergreen.io.program import stopped
from evergreen.io.records import ChampionHistory, Reign, TrialRecord
from evergreen.io.trainings import past_trainings
from evergreen.metrics import find_metric
from evergreen.monitoring import Bounds
from evergreen.retraining import Situation
from evergreen.spec import ModelSpec
from evergreen.statistics import MIN_BLOCKS
from evergreen.workspace import Workspace
from tasks.monitoring import find_reference
from tasks.promotion import project

logger = logging.getLogger(__name__)


@task
def judge_probation(workspace: Workspace, spec: ModelSpec, as_of: datetime) -> promotion.Trial | None:
    """Judge a champion on probation against the one before it, and roll it back where it is shown to be worse.

    Returns:
        None where no probation is running.
    """
    records = workspace.champions
    reigns = [reign for reign in records.champions(spec.model) if reign.as_of <= as_of]
    if not _on_probation(workspace, spec, reigns, records):
        return None
    new, old = reigns[-1], reigns[-2]
    ripe = _ripe_windows(workspace, spec, new, as_of)[: spec.probation.windows]
    over = len(ripe) >= spec.probation.windows
    evidence = (
        _beside(workspace, spec, new, old, ripe, as_of) if ripe and (over or spec.probation.judge == "each") else None
    )
    trial = promotion.judge_trial(evidence, len(ripe), spec.probation)
    if trial.worse and (why := stopped(old.version, workspace.project)):
        trial = replace(trial, worse=False, reason=f"{trial.reason}; not rolled back: {why}")
    if trial.over:
        ended = TrialRecord(trial.worse, trial.better, trial.reason, as_of)
        records.end_trial(new, ended, old.version)
        project(records.champions(spec.model), workspace.registry)
        logger.info("%s: probation of version %d: %s", spec.model, new.version.version, trial.reason)
    return trial


def _on_probation(workspace: Workspace, spec: ModelSpec, reigns: list[Reign], records: ChampionHistory) -> bool:
    if not spec.probation.windows or not spec.data.time or len(reigns) < 2 or reigns[-1].kind == "rollback":
        return False
    frozen = workspace.monitoring.frozen(spec.model)
    return not frozen and reigns[-1].sequence not in records.trials(spec.model)


def _ripe_windows(workspace: Workspace, spec: ModelSpec, reign: Reign, as_of: datetime) -> list[Bounds]:
    """The windows since a champion was crowned, whole or not at their beginning, whose labels are known."""
    length, zone, rules = spec.monitoring.window, spec.data.timezone, spec.monitoring
    first, _ = monitoring.window_of(reign.as_of + spec.data.lead, length, zone)
    found = []
    for bounds in monitoring.windows_between(first, as_of, length, zone):
        live = workspace.labelled_predictions.read_live(spec, *bounds, as_of)
        mine = live[live[scoring.VERSION] == reign.version.version]
        if labels.maturity(mine, bounds[1], spec.data.target, as_of, rules.coverage, rules.min_rows)[0]:
            found.append(bounds)
    return found


def _beside(
    workspace: Workspace, spec: ModelSpec, new: Reign, old: Reign, windows: list[Bounds], as_of: datetime
) -> Evidence | None:
    """Paired evidence of the new champion and the shadow of the old one on the live rows that both have scored."""
    start, end = windows[0][0], windows[-1][1]
    ours, theirs = (
        workspace.labelled_predictions.read_live(spec, start, end, as_of, role) for role in ("champion", "previous")
    )
    ours = ours[(ours[scoring.VERSION] == new.version.version) & ours[TARGET].notna() & ~ours[scoring.LATE]]
    theirs = theirs[theirs[scoring.VERSION] == old.version.version]
    keys = ours[KEY][ours[KEY].isin(theirs[KEY])]
    if keys.empty:
        return None
    ours = ours.set_index(KEY).loc[keys].reset_index()
    theirs = theirs.drop_duplicates(KEY, keep="last").set_index(KEY).loc[keys].reset_index()
    metric = spec.training.metric_of(new.version.task)
    predictions = (
        training.encode_known(ours[TARGET], new.version.task, new.version.classes),
        scoring.values(ours, new.version),
        scoring.values(theirs, old.version),
    )
    return evaluation.paired_rows(
        ours,
        new.version.task,
        metric,
        predictions,
        f"champion {old.version.version}",
        terms=evaluation.Terms(
            promotion.trial_confidence(spec.probation),
            decisions=evaluation.decisions_of(new.version.threshold, old.version.threshold, spec.training.costs),
        ),
    )


@task
def weigh(workspace: Workspace, spec: ModelSpec, champion: ModelVersion, as_of: datetime) -> RetrainingDecision:
    """Decide whether to train again, and enter the decision with all of its reasons; the first for a moment stands."""
    watching = workspace.monitoring
    now = situation(workspace, spec, champion, as_of)
    rules = spec.promotion
    firing = retraining.decide_retraining(now, spec.retraining, spec.monitoring.window, rules.min_rows)
    kept = watching.keep_firing(firing)
    logger.info("%s: %s: %s", spec.model, "train again" if kept.fire else "no training", "; ".join(kept.reasons))
    return kept


def lived_already(workspace: Workspace, model: str, as_of: datetime) -> str:
    """Whether the clock stands before what the monitor has done, in words; empty where it does not.

    Of a past that is lived nothing is decided again; its labels and windows are in the records.
    """
    watching, ledger = workspace.monitoring, workspace.ledger
    done = [one.as_of for one in watching.firings(model)] + [one.as_of for one in ledger.label_batches(model)]
    if not done or as_of >= max(done):
        return ""
    why = f"as of {as_of:%Y-%m-%d %H:%M} nothing is done: the monitor has run as of {max(done):%Y-%m-%d %H:%M} already"
    logger.warning("%s: %s", model, why)
    return why


def open_firings(workspace: Workspace, model: str, as_of: datetime) -> list[RetrainingDecision]:
    """Decisions to train that nothing has answered yet."""
    return [one for one in workspace.monitoring.pending(model) if one.as_of <= as_of]


def under_way(workspace: Workspace, firing: RetrainingDecision) -> bool:
    """Whether a training of this workspace answers a decision of this model just now, or waits for a person's word."""
    if workspace.locks.holder(ANSWER, firing.model):
        logger.info("%s: a training for %s is under way already", firing.model, firing.cause)
    elif workspace.locks.holder(APPROVAL, firing.model):
        logger.info("%s: %s comes after the training that waits for a person", firing.model, firing.cause)
    else:
        return False
    return True


def situation(workspace: Workspace, spec: ModelSpec, champion: ModelVersion, as_of: datetime) -> Situation:
    """The recorded history of a model as the retraining rules look at it."""
    watching = workspace.monitoring
    pending = open_firings(workspace, spec.model, as_of)
    frozen = watching.frozen(spec.model)
    batches = workspace.ledger.label_batches(spec.model, as_of)
    fresh = sum(batch.rows - batch.corrected for batch in batches if batch.as_of > champion.fitted_as_of)
    healths = tuple(one for one in watching.healths(spec.model, as_of) if one.version == champion.version)
    return Situation(
        spec.model,
        as_of,
        champion.version,
        champion.fitted_as_of,
        champion.fitted_rows,
        fresh,
        fresh,
        _performance(workspace, champion, [one.realised for one in healths if one.realised]),
        healths,
        past_trainings(workspace.champions, spec, as_of),
        tuple(one for one in watching.closed(spec.model).values() if one[0] <= as_of),
        pending[0].cause if pending else "",
        f"{frozen.why} (by {frozen.who})" if frozen else "",
        workspace.labelled_predictions.unseen_days(spec, champion, as_of, MIN_BLOCKS),
    )


def _performance(workspace: Workspace, champion: ModelVersion, live: list[WindowValue]) -> Rule:
    reference = find_reference(workspace, champion)
    if reference is None:
        return Rule("performance", False, "there is nothing to compare with yet: none of its windows was looked at")
    signal = monitoring.judge_performance(
        reference.values,
        live,
        greater_is_better=find_metric(reference.metric).greater_is_better,
        tolerance=reference.tolerance,
        metric=reference.metric,
    )
    return Rule("performance", signal.fired, signal.reason)
