"""The champion: find it, crown another, and keep MLflow's alias in step with the champion history."""

from __future__ import annotations

import logging

from prefect import task

from evergreen.errors import RegistryError
from evergreen.handoffs import Evidence, ModelVersion, Snapshot, Verdict
from evergreen.io.records import Decision, Records, Reign
from evergreen.io.registry import Registry
from evergreen.settings import settings
from evergreen.spec import ModelSpec
from tasks.runs import run_key

logger = logging.getLogger(__name__)


@task
def find_decision(spec: ModelSpec, snapshot: Snapshot) -> Decision | None:
    """The recorded outcome of a training on exactly these rows by exactly this spec."""
    return Records(settings().workspace).decision(spec.model, run_key(spec, snapshot))


@task
def find_champion(model: str) -> ModelVersion | None:
    """The champion by the champion history; MLflow's alias is repaired where a crash left it behind."""
    reigns = Records(settings().workspace).champions(model)
    project(reigns, Registry(settings()))
    return reigns[-1].version if reigns else None


@task
def settle(
    spec: ModelSpec,
    snapshot: Snapshot,
    candidate: ModelVersion,
    champion: ModelVersion | None,
    evidence: Evidence,
    verdict: Verdict,
) -> ModelVersion:
    """Register the version, commit the verdict (and the new champion) in one transaction, then move the alias.

    Raises:
        ChampionMoved: another version was crowned while this one was judged.
    """
    records, registry = Records(settings().workspace), Registry(settings())
    version = registry.register(candidate, {"evergreen.verdict": "promoted" if verdict.promote else "kept"})
    # The reign that was judged against, not whatever reigns by now: the database settles the race.
    judged = [reign for reign in records.champions(spec.model) if champion and reign.version == champion]
    records.settle(run_key(spec, snapshot), version, verdict, evidence, judged[-1] if judged else None)
    project(records.champions(spec.model), registry)
    return version


def project(reigns: list[Reign], registry: Registry) -> None:
    """Bring MLflow's aliases in step with the champion history.

    An alias that names a version which the history does not explain was moved by hand: it is reported and left alone,
    and nothing is ever scored with it.
    """
    if not reigns:
        return
    champion = reigns[-1].version
    alias = registry.alias(champion.model, "champion")
    if alias == champion.version:
        return
    if alias is not None and alias not in {reign.version.version for reign in reigns}:
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
def find_version(model: str, version: int | None = None) -> ModelVersion:
    """A version by number, by default the champion.

    Raises:
        RegistryError: there is no such version.
    """
    records = Records(settings().workspace)
    reigns = records.champions(model)
    if version is None and reigns:
        return reigns[-1].version
    known = [decision.version for decision in records.decisions(model)] + [reign.version for reign in reigns]
    for one in known:
        if one.version == version:
            return one
    wanted = "a champion" if version is None else f"a version {version}"
    raise RegistryError(f"{model}: there is no {wanted} yet; run: evergreen train {model}")
