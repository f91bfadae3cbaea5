"""Deployments on a Prefect server: what should be there, what is, and the steps between."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.client.schemas.responses import DeploymentResponse
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron, Interval, RRule, Schedule
from prefect.types.entrypoint import EntrypointType
from prefect.utilities.callables import parameter_schema

from evergreen.errors import SpecError
from evergreen.spec import ModelSpec, parse_duration

#: The work pool, and the tag of everything that Evergreen registers.
POOL = TAG = "evergreen"
#: Intervals count from here, so that registering again does not shift them.
_ANCHOR = datetime(2020, 1, 1, tzinfo=UTC)
_PAGE = 200
#: A second run would find nothing to do that the first one does not do: it is cancelled, not queued.
_ONE = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)

Action = Literal["create", "update", "remove", "unchanged"]
T = TypeVar("T")


@dataclass(frozen=True)
class Change:
    """One step: what is done to which thing, and what differs where it is an update."""

    action: Action
    name: str
    differs: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.action:10} {self.name}" + (f" ({', '.join(self.differs)})" if self.differs else "")


@dataclass(frozen=True)
class Wanted:
    """A deployment as it should be: Prefect's description of it, and the form that its parameters make."""

    runner: RunnerDeployment
    form: dict[str, Any]

    @property
    def name(self) -> str:
        """``FLOW/MODEL``."""
        return self.runner.full_name


def deployment(flow: Flow[..., Any], spec: ModelSpec) -> Wanted:
    """One flow of one model as a deployment ``FLOW/MODEL``; at most one of its runs at a time.

    Trainings that wait for a person are kept apart by the workspace's locks alone: a run that is paused gives its place
    back to the server, which ends it minutes later as one that holds none.

    Raises:
        SpecError: the schedule or its time zone is not understood.
    """
    timing = getattr(spec.schedule, flow.name, None)
    summary = (flow.description or "").split("\n\n")[0]
    try:
        runner = RunnerDeployment.from_flow(
            flow,
            name=spec.model,
            schedules=[_schedule(timing, spec.schedule.timezone, flow.name)] if timing else [],
            parameters={"model": spec.model},
            description="\n\n".join(text for text in (spec.question, summary) if text),
            tags=[TAG, spec.model],
            concurrency_limit=None if flow.name == "train" and spec.approval else _ONE,
            work_pool_name=POOL,
            entrypoint_type=EntrypointType.MODULE_PATH,
        )
    except ValueError as error:
        reason = next((line.strip() for line in str(error).splitlines() if "nvalid" in line), str(error))
        raise SpecError(
            f"deployments/{spec.model}.yaml: schedule.{flow.name}: {timing!r} in the zone {spec.schedule.timezone!r} "
            f"cannot be scheduled ({reason}); correct the line or schedule.timezone"
        ) from None
    return Wanted(runner, parameter_schema(flow).model_dump(exclude_unset=True))


def _schedule(timing: str, timezone: str, slug: str) -> Schedule:
    if timing.startswith("FREQ="):
        return RRule(timing, timezone=timezone, slug=slug)
    if len(timing.split()) == 5:
        return Cron(timing, timezone=timezone, slug=slug)
    return Interval(parse_duration(timing), anchor_date=_ANCHOR, timezone=timezone, slug=slug)


def register(wanted: Sequence[Wanted], dry_run: bool = False) -> tuple[Change, ...]:
    """Bring the server's deployments in step; what is right already is left alone.

    A paused deployment stays paused. Whatever else carries our tag is removed.

    Args:
        wanted: Every deployment of the project.
        dry_run: Change nothing.

    Returns:
        Every step that was, or would be, made.

    Raises:
        httpx.HTTPError: the server cannot be reached, or refuses.
    """
    with get_client(sync_client=True) as client:
        if not dry_run:
            client.create_work_pool(WorkPoolCreate(name=POOL, type="process"), overwrite=True)
        there = registered(client)
        changes = [_put(client, one, there.get(one.name), dry_run) for one in wanted]
        for name in sorted(set(there) - {one.name for one in wanted}):
            changes.append(Change("remove", name))
            if not dry_run:
                client.delete_deployment(there[name].id)
        return tuple(changes)


def registered(client: SyncPrefectClient) -> dict[str, DeploymentResponse]:
    """Every deployment on the server that is ours, by ``FLOW/MODEL``."""
    only = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
    found = list(pages(lambda start, limit: client.read_deployments(deployment_filter=only, limit=limit, offset=start)))
    flows = {flow_id: client.read_flow(flow_id).name for flow_id in {one.flow_id for one in found}}
    return {f"{flows[one.flow_id]}/{one.name}": one for one in found}


def _put(client: SyncPrefectClient, wanted: Wanted, there: DeploymentResponse | None, dry_run: bool) -> Change:
    differs = _differences(wanted, there) if there else ()
    action: Action = "create" if not there else "update" if differs else "unchanged"
    if action == "unchanged" or dry_run:
        return Change(action, wanted.name, differs)
    if there:
        wanted.runner.paused = there.paused
        slugs = {one.slug for one in wanted.runner.schedules or ()}
        for one in there.schedules:
            if one.slug not in slugs:  # applying only adds and changes schedules
                client.delete_deployment_schedule(there.id, one.id)
    wanted.runner.apply()
    return Change(action, wanted.name, differs)


def _differences(wanted: Wanted, there: DeploymentResponse) -> tuple[str, ...]:
    ours, theirs = wanted.runner.model_dump(mode="json"), there.model_dump(mode="json")
    same = ("description", "parameters", "entrypoint", "work_pool_name", "concurrency_options")
    pairs: dict[str, tuple[object, object]] = {name: (ours[name], theirs[name]) for name in same}
    # What somebody has set beside us; ours are registered without.
    pairs |= {name: (None, theirs[name] or None) for name in ("job_variables", "pull_steps", "path")}
    pairs["tags"] = set(ours["tags"]), set(theirs["tags"])
    pairs["schedules"] = _timings(ours), _timings(theirs)
    pairs["form"] = wanted.form, theirs["parameter_openapi_schema"]
    limit = theirs["global_concurrency_limit"]
    pairs["concurrency_limit"] = ours["concurrency_limit"], limit and limit["limit"]
    return tuple(sorted(name for name, (left, right) in pairs.items() if left != right))


def _timings(dumped: dict[str, Any]) -> list[Any]:
    return [(one["slug"], one["schedule"], one["parameters"]) for one in dumped["schedules"]]


def start_training(model: str, reason: str) -> str:
    """Start a model's registered training; the name of its run."""
    with get_client(sync_client=True) as client:
        training = registered(client)[f"train/{model}"]
        given = {"model": model, "reason": reason}
        return str(client.create_flow_run_from_deployment(training.id, parameters=given).name)


def pages(read: Callable[[int, int], Sequence[T]]) -> Iterator[T]:
    """Everything that the API lists in pages.

    Args:
        read: Returns at most so many entries (second argument) from the first argument on.
    """
    start = 0
    while page := read(start, _PAGE):
        yield from page
        start += len(page)
        if len(page) < _PAGE:
            return
