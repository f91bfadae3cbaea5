"""The champion: find it, crown another, and keep MLflow's alias in step with the champion history."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime

from prefect import runtime, task
from prefect.exceptions import FlowPauseTimeout
from prefect.flow_runs import pause_flow_run
from prefect.input import RunInput

from evergreen import evaluation
from evergreen.errors import FunctionChanged, UsageError
from evergreen.handoffs import Evidence, ModelVersion, Rule, Snapshot, Verdict
from evergreen.io.locks import APPROVAL, Lock
from evergreen.io.program import stopped
from evergreen.io.records import Reign, TrainingOutcome
from evergreen.io.registry import Registry
from evergreen.orchestration.events import notify
from evergreen.orchestration.runs import run_key
from evergreen.spec import ModelSpec
from evergreen.workspace import Workspace

logger = logging.getLogger(__name__)

#: Seconds between two looks at whether a person has answered.
_LOOK = 2


@task
def find_decision(
    workspace: Workspace, spec: ModelSpec, snapshot: Snapshot, recipe: str | None = None
) -> TrainingOutcome | None:
    """The recorded outcome of a training on exactly these rows by exactly this spec, and recipe."""
    return workspace.champions.decision(spec.model, run_key(workspace, spec, snapshot, recipe))


@task
def find_answer(workspace: Workspace, model: str, cause: str) -> TrainingOutcome | None:
    """The recorded outcome of the training that a decision to retrain called for.

    It may be announced twice, where its training ends at the very moment at which a monitor looks for it.
    """
    return next((one for one in workspace.champions.decisions(model) if one.cause == cause), None)


@task
def find_opponent(workspace: Workspace, spec: ModelSpec, champion: ModelVersion | None) -> ModelVersion | None:
    """Whom a challenger is judged against: the champion, or for `not_worse` the last one that was shown to be better.

    Anchored there, small losses of one promotion after another cannot add up. A version whose functions were edited
    predicts no more: without it the challenger is judged against the trivial baseline, like a first champion.
    """
    reigns = workspace.champions.champions(spec.model) if spec.promotion.rule != "superior" else []
    anchors = [reign.version for reign in reigns if reign.kind in ("superior", "by hand")]
    for opponent in (*anchors[-1:], *([champion] if champion else [])):
        why = stopped(opponent, workspace.project)
        if not why:
            return opponent
        logger.warning("%s; no challenger can be judged against it", why.split(". Put", 1)[0])
    return None


class Approval(RunInput):
    """A person's answer to a verdict that would promote."""

    approve: bool = False
    why: str = ""


def approve(workspace: Workspace, spec: ModelSpec, evidence: Evidence, verdict: Verdict, lock: Lock) -> Verdict:
    """Ask a person before a promotion, where the spec says so: the flow is paused with a form in the Prefect UI.

    Those whom the spec names are told, with the run's address. Nobody's answer in time keeps the champion, like a no.
    The champion of a frozen model stays without asking, and after asking if it was frozen meanwhile. While a person is
    waited for, no other training that would ask begins; who is crowned first is settled by compare-and-set.
    """
    verdict = _unless_frozen(workspace, spec, verdict)
    if spec.approval is None or not verdict.promote:
        return verdict
    form = Approval.with_initial_data(description=evaluation.summary(spec.model, evidence, verdict))
    page = f"{workspace.prefect_url}/runs/flow-run/{runtime.flow_run.id}"
    asked = f"answer within {spec.approval} (Resume on the page of the run): {page}"
    logger.info("%s: a person is asked; %s", spec.model, asked)
    notify(spec.notify, f"{spec.model}: a promotion waits for a person", "\n".join([*verdict.reasons, asked]))
    with workspace.locks.alone(APPROVAL, spec.model, page), lock.released():
        try:
            answer = pause_flow_run(
                wait_for_input=form, timeout=int(spec.approval.total_seconds()), poll_interval=_LOOK, key="approval"
            )
            word = "approved by a person" if answer.approve else "refused by a person"
            rule = Rule("approval", answer.approve, f"{word}{f': {answer.why}' if answer.why else ''}")
        except FlowPauseTimeout:
            rule = Rule("approval", False, f"nobody approved within {spec.approval}; the champion stays")
    return _unless_frozen(workspace, spec, replace(verdict, promote=rule.held, rules=(*verdict.rules, rule)))


def _unless_frozen(workspace: Workspace, spec: ModelSpec, verdict: Verdict) -> Verdict:
    frozen = workspace.monitoring.frozen(spec.model)
    if not frozen or not verdict.promote:
        return verdict
    rule = Rule("frozen", False, f"the model is frozen by {frozen.who}: {frozen.why}; the champion stays")
    return replace(verdict, promote=False, rules=(*verdict.rules, rule))


@task
def find_champion(workspace: Workspace, model: str) -> ModelVersion | None:
    """The champion by the champion history; MLflow's alias is repaired where a crash left it behind."""
    reigns = workspace.champions.champions(model)
    project(reigns, workspace.registry)
    return reigns[-1].version if reigns else None


@task
def find_champions(workspace: Workspace, model: str) -> tuple[ModelVersion, ...]:
    """Every version that was champion, oldest first, each once."""
    reigns = workspace.champions.champions(model)
    return tuple({reign.version.version: reign.version for reign in reigns}.values())


@task
def settle(
    workspace: Workspace,
    spec: ModelSpec,
    snapshot: Snapshot,
    candidate: ModelVersion,
    champion: ModelVersion | None,
    evidence: Evidence,
    verdict: Verdict,
    recipe: str | None = None,
    cause: str = "",
) -> TrainingOutcome:
    """Register the version, commit the verdict (and the new champion) in one transaction, then move the alias.

    What a training on the same inputs settled, while this one waited for a person, stands, and is returned.

    Raises:
        FunctionChanged: a function of the project was edited while this version was trained with it.
        ChampionMoved: another version was crowned while this one was judged.
    """
    if why := stopped(candidate, workspace.project):
        raise FunctionChanged(why)
    records, registry = workspace.champions, workspace.registry
    earlier = records.decision(spec.model, key := run_key(workspace, spec, snapshot, recipe))
    if earlier:
        stands = f"version {earlier.version.version}, {'promoted' if earlier.verdict.promote else 'not promoted'}"
        logger.warning(
            "%s: a training on the same inputs was settled meanwhile (%s): this one is void", spec.model, stands
        )
        return earlier
    tags = {"evergreen.verdict": "promoted" if verdict.promote else "kept"}
    version = registry.register(candidate, tags, evaluation.summary(spec.model, evidence, verdict))
    # The reign that was judged against, not whatever reigns by now: the database settles the race.
    judged = [reign for reign in records.champions(spec.model) if champion and reign.version == champion]
    records.settle(key, version, verdict, evidence, judged[-1] if judged else None, cause)
    project(records.champions(spec.model), registry)
    settled = records.decision(spec.model, key)
    assert settled  # just written
    return settled


def project(reigns: list[Reign], registry: Registry, adopt: bool = False) -> None:
    """Bring MLflow's aliases in step with the champion history.

    An alias that names a version which the history does not explain was moved by hand: it is reported and left alone,
    and nothing is ever scored with it, until ``adopt`` says that a person has settled which version serves.
    """
    if not reigns:
        return
    champion = reigns[-1].version
    alias = registry.alias(champion.model, "champion")
    if alias == champion.version:
        return
    if not adopt and alias is not None and alias not in {reign.version.version for reign in reigns}:
        logger.warning(
            "%s: MLflow's alias 'champion' was moved to version %d by hand; version %d goes on serving",
            champion.model,
            alias,
            champion.version,
        )
        return
    if len(reigns) > 1:
        registry.set_alias(champion.model, "previous", reigns[-2].version.version)
    registry.set_alias(champion.model, "champion", champion.version)


@task
def find_version(workspace: Workspace, model: str, version: int | None = None) -> ModelVersion:
    """A version by number, by default the champion.

    Raises:
        RegistryError: there is no such version.
    """
    return workspace.champions.version(model, version)


@task
def crown_by_hand(workspace: Workspace, spec: ModelSpec, version: int, as_of: datetime, why: str) -> ModelVersion:
    """Make a version champion on a person's word, by compare-and-set; one that reigns already stays.

    Raises:
        UsageError: the model is frozen.
        RegistryError: there is no such version, or it predicts no more: a function of the project was edited.
        ChampionMoved: another version was crowned meanwhile.
    """
    records = workspace.champions
    frozen = workspace.monitoring.frozen(spec.model)
    if frozen:
        raise UsageError(f"{spec.model} is frozen by {frozen.who}: {frozen.why}; run: evergreen freeze --off first")
    chosen = find_version.fn(workspace, spec.model, version)
    if edited := stopped(chosen, workspace.project):
        raise FunctionChanged(edited)
    reign = records.champion(spec.model)
    if reign is None or reign.version.version != version:
        records.crown(chosen, reign, "by hand", as_of, why)
    project(records.champions(spec.model), workspace.registry, adopt=True)
    return chosen
