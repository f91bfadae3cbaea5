"""Past trainings as the retraining rules look at them: when, for which cause, and what they brought."""

from __future__ import annotations

from datetime import datetime

from evergreen.io.records import ChampionHistory
from evergreen.retraining import PastTraining
from evergreen.spec import ModelSpec


def past_trainings(records: ChampionHistory, spec: ModelSpec, as_of: datetime) -> tuple[PastTraining, ...]:
    """Every training that has a verdict, oldest first, with its worth as it was known then.

    The worth of a new champion is known when its probation has ended; the first champion, and one that no probation
    follows, has brought something.

    Args:
        records: The workspace's records.
        spec: The model.
        as_of: Later trainings and later ends of probations are left out.
    """
    reigns = {reign.version.version: reign for reign in reversed(records.champions(spec.model))}
    trials = records.trials(spec.model)
    found = []
    for decision in sorted(records.decisions(spec.model), key=lambda one: one.as_of):
        if decision.as_of > as_of:
            continue
        reign = reigns.get(decision.version.version)
        nothing: bool | None = True
        if decision.verdict.promote and reign:
            trial = trials.get(reign.sequence)
            nothing = False if reign.sequence == 1 or not spec.probation.windows else None
            if trial and trial.as_of <= as_of:
                nothing = not trial.better
        found.append(PastTraining(decision.as_of, decision.cause, decision.verdict.promote, nothing))
    return tuple(found)
