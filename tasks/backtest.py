"""Play retraining policies through the past, and show what each would have brought and cost."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import pandas as pd
from prefect import task
from prefect.artifacts import create_markdown_artifact

from evergreen import backtest, scoring, training
from evergreen.backtest import Arm, ArmResult, Cost, Replay, World
from evergreen.errors import UsageError, did_you_mean
from evergreen.handoffs import KNOWN_AT, TARGET, FeatureTable
from evergreen.io.program import program
from evergreen.spec import ModelSpec, Trigger
from evergreen.workspace import Workspace
from tasks.training import problem_of, search

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Backtested:
    """What a backtest found: the policies side by side, one sentence of recommendation, and what it took."""

    results: tuple[ArmResult, ...]
    sentence: str
    metric: str
    run_id: str = ""
    cost: Cost | None = None


def find_history(workspace: Workspace, spec: ModelSpec, table: FeatureTable, start: datetime, run_id: str) -> Replay:
    """The feature table and the recipe to replay: the first champion's, else the best of a search as of the start."""
    rows = workspace.store.read(table.uri)
    reigns = workspace.champions.champions(spec.model)
    if reigns:
        first = reigns[0].version
        recipe, task_, classes = first.recipe, first.task, first.classes
    else:
        known = rows.assign(**{TARGET: rows[TARGET].where(rows[KNOWN_AT] <= pd.Timestamp(start))})
        contest = training.reserve(known, spec.training, None, start)
        problem = problem_of(workspace, spec, table.inputs, contest.task, contest.classes)
        parts = known.iloc[contest.split.train], known.iloc[contest.split.tuning]
        found = search(workspace, spec, parts, contest, problem, run_id, table.digest)
        recipe, task_, classes = found.to_json(), contest.task, contest.classes
    watched = spec.monitoring.model_dump_json() + spec.probation.model_dump_json()
    made_from = (table.digest, spec.digest, watched, recipe, *program(spec, workspace.project))
    digest = hashlib.sha256("\0".join(made_from).encode()).hexdigest()[:24]
    return Replay(rows, table.inputs, spec, recipe, task_, classes, digest, workspace.threads)


def first_event(spec: ModelSpec, start: datetime) -> datetime | None:
    """The first event time that a backtest reads: the first that its first model is trained on; None for all."""
    reach = spec.training.reach
    return start + spec.data.lead - reach if reach else None


@task
def play(
    workspace: Workspace,
    spec: ModelSpec,
    table: FeatureTable,
    start: datetime,
    end: datetime,
    moments: tuple[Sequence[datetime], Sequence[datetime]],
    run_id: str,
    policies: Sequence[str] | None = None,
) -> Backtested:
    """Let every policy live through the same time; what two of them share is made once, and kept for the next time.

    Args:
        workspace: Where everything is.
        spec: The model.
        table: Its feature table as known at the end.
        start: When the first model is trained.
        end: Labels known then measure the policies.
        moments: When the monitor runs, and the first moments of the months.
        run_id: The MLflow run.
        policies: The names of those to play; by default all.

    Raises:
        UsageError: a policy is asked for that there is not.
    """
    steps, months = moments
    history = find_history(workspace, spec, table, start, run_id)
    began = time.perf_counter()
    world = World(history, workspace.folder / "backtests")
    lives = []
    for arm in _chosen(arms(spec, months), policies):
        logger.info("%s: backtest of '%s'", spec.model, arm.name)
        lives.append(backtest.play(world, arm, start, steps))
    found = backtest.results(world, lives, start, end, [start, *months])
    metric = spec.training.metric_of(history.task)
    cost = world.cost(time.perf_counter() - began)
    logger.info("%s: %s", spec.model, cost)
    return Backtested(tuple(found), backtest.recommend(found, metric), metric, cost=cost)


def _chosen(known: Sequence[Arm], policies: Sequence[str] | None) -> list[Arm]:
    names = [arm.name for arm in known]
    for name in policies or ():
        if name not in names:
            raise UsageError(f"backtest: no policy {name!r}{did_you_mean(name, names)}; there are {', '.join(names)}")
    return [arm for arm in known if policies is None or arm.name in (*policies, backtest.NEVER)]


def arms(spec: ModelSpec, months: Sequence[datetime]) -> list[Arm]:
    """Never, every month ungated and gated, each trigger alone, and the spec's own rules."""
    rules = spec.retraining
    alone: list[Trigger] = [trigger for trigger in rules.on if len(rules.on) > 1]
    return [
        Arm(backtest.NEVER),
        Arm("monthly, ungated", tuple(months), gated=False),
        Arm("monthly, gated", tuple(months)),
        *(Arm(f"{name} alone", rules=rules.model_copy(update={"on": (name,)})) for name in alone),
        Arm("the spec's rules", rules=rules),
    ]


@task
def show(workspace: Workspace, spec: ModelSpec, found: Backtested, run_id: str) -> None:
    """The table and the picture in MLflow, the table as a Prefect artifact."""
    title = f"## {spec.model}: {found.metric} under each policy"
    text = f"{title}\n\n{backtest.table(found.results)}\n\n{found.sentence}\n\n{found.cost or ''}\n"
    content = json.dumps([asdict(one) for one in found.results], default=str)
    figure = backtest.picture(found.results, found.metric)
    registry = workspace.registry
    registry.log_files(run_id, {"backtest.md": text, "backtest.json": content}, {"backtest": figure})
    registry.log(
        run_id,
        metrics={f"mean {one.name}": one.mean for one in found.results},
        tags={"evergreen.recommendation": found.sentence, "mlflow.note.content": text},
    )
    create_markdown_artifact(key=f"{spec.model}-backtest", markdown=text)


@task
def measure_lived(
    workspace: Workspace, spec: ModelSpec, start: datetime, as_of: datetime, beside: Backtested
) -> ArmResult:
    """What the real flows' predictions were worth, on the labelled rows of the prediction ledger."""
    records = workspace.champions
    version = records.champions(spec.model)[0].version
    live = workspace.labelled_predictions.read_live(spec, start + spec.data.lead, as_of + spec.data.lead, as_of)
    live = live[live[TARGET].notna() & ~live[scoring.LATE]].reset_index(drop=True)
    target = training.encode_known(live[TARGET], version.task, version.classes)
    values = scoring.values(live, version)
    decisions = [one for one in records.decisions(spec.model) if start < one.as_of <= as_of]
    reigns = [one for one in records.champions(spec.model) if start < one.as_of <= as_of]
    promoted = sum(one.verdict.promote for one in decisions)
    seconds = sum(workspace.registry.seconds(one.version.run_id) for one in decisions)
    return backtest.live_result(
        "real flows, by the spec's rules",
        live,
        (beside.metric, target, values, spec.data.timezone),
        (
            len(decisions),
            promoted,
            sum(r.kind == "rollback" for r in reigns),
            seconds,
        ),
        beside.results,
    )


@task
def draw(workspace: Workspace, spec: ModelSpec, found: Sequence[ArmResult], beside: Backtested) -> str:
    """The picture of all of them in the workspace and in the backtest's MLflow run; its place."""
    figure = backtest.picture(found, beside.metric)
    place = workspace.folder / f"{spec.model}-year.png"
    figure.savefig(place)
    workspace.registry.log_files(beside.run_id, {}, {"year": figure})
    return str(place)
