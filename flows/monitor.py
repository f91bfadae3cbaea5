"""The monitoring flow: labels come in, windows are looked at, probation and retraining are decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from prefect import flow

from evergreen.handoffs import Health, RetrainingDecision
from evergreen.orchestration.events import announce, tell
from evergreen.orchestration.runs import find_spec, run_name, scheduled_time
from evergreen.promotion import Trial
from evergreen.settings import open_workspace
from flows.train import Outcome, train
from tasks.labels import take_labels
from tasks.monitoring import look
from tasks.promotion import find_champion, find_champions
from tasks.reporting import report_health
from tasks.retraining import judge_probation, lived_already, open_firings, under_way, weigh


@dataclass(frozen=True)
class Monitored:
    """What a monitor run saw and decided, and the trainings that it ran itself; ``why`` says that it did nothing."""

    healths: tuple[Health, ...] = ()
    trial: Trial | None = None
    firing: RetrainingDecision | None = None
    outcomes: tuple[Outcome, ...] = ()
    why: str = ""


@flow(name="monitor", flow_run_name=run_name)
def monitor(model: str, as_of: datetime | None = None) -> Monitored:
    """Look at the windows that are over, judge a probation, decide on retraining, and start what was decided.

    Under a Prefect server the decision is announced as an event, which starts the training's deployment; without one
    the training runs here. What was decided and has not been answered yet is started again.

    Args:
        model: The model's name: a file in deployments/, without .yaml.
        as_of: The world as it was known then; by default the time for which the run was scheduled.
    """
    workspace = open_workspace()
    spec = find_spec(workspace, model)
    as_of = scheduled_time(as_of)
    with workspace.locks.alone("monitoring", model):
        champion = find_champion(workspace, model)
        if champion is None:
            return Monitored(why=f"nothing to watch, there is no champion yet; run: evergreen train {model}")
        if why := lived_already(workspace, model, as_of):
            return Monitored(why=why)
        take_labels(workspace, spec, as_of)
        healths = look(workspace, spec, find_champions(workspace, model), as_of)
        trial = judge_probation(workspace, spec, as_of)
        firing = weigh(workspace, spec, find_champion(workspace, model) or champion, as_of)
        report_health(workspace, spec, healths, trial, firing, as_of)
        tell(spec, trial, firing)
        waiting = [
            one for one in open_firings(workspace, model, as_of) if not under_way(workspace, one) and not announce(one)
        ]
    outcomes = [train(model, as_of, "; ".join(one.reasons), one.cause, spec.retraining.search) for one in waiting]
    return Monitored(healths, trial, firing, tuple(outcomes))
