"""The automations on a Prefect server that answer a degraded champion with a training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.events import AutomationCore, EventTrigger, Posture, RunDeployment
from prefect.events.schemas.automations import Automation

from evergreen.orchestration.deployment import TAG, Change, pages, registered
from evergreen.spec import ModelSpec

#: What the monitor announces, for the resource ``evergreen.model.NAME``.
DEGRADED = "evergreen.model.degraded"


def automate(specs: Sequence[ModelSpec], dry_run: bool = False) -> tuple[Change, ...]:
    """Bring the automations in step: one a model, found by its name, which the server does not keep unique.

    Args:
        specs: Every model of the project; ``train/NAME`` is registered already, but for a dry run.
        dry_run: Change nothing.

    Returns:
        Every step that was, or would be, made.

    Raises:
        httpx.HTTPError: the server cannot be reached, or refuses.
    """
    with get_client(sync_client=True) as client:
        return tuple(_steps(client, specs, dry_run))


def _steps(client: SyncPrefectClient, specs: Sequence[ModelSpec], dry_run: bool) -> Iterator[Change]:
    trainings = registered(client)
    there: dict[str, list[Automation]] = {}
    for one in pages(lambda start, limit: client.read_automations(limit=limit, offset=start)):
        if TAG in one.tags:
            there.setdefault(one.name, []).append(one)
    for spec in specs:
        name, training = retrainer_name(spec.model), trainings.get(f"train/{spec.model}")
        same_name = there.pop(name, [])
        if training:
            yield _put(client, retrainer(spec, training.id), same_name[:1], dry_run)
        else:  # in a dry run: neither is there yet
            yield Change("create", name)
        if same_name[1:]:
            there[f"{name}, doubled"] = same_name[1:]
    for name, surplus in there.items():
        yield Change("remove", name)
        for one in surplus if not dry_run else ():
            client.delete_automation(one.id)


def _put(client: SyncPrefectClient, wanted: AutomationCore, found: Sequence[Automation], dry_run: bool) -> Change:
    if not found:
        if not dry_run:
            client.create_automation(wanted)
        return Change("create", wanted.name)
    there = found[0]
    ours, theirs = wanted.model_dump(mode="json"), there.model_dump(mode="json")
    ours["enabled"] = theirs["enabled"]  # a person may have switched it off
    differs = tuple(sorted(key for key in ours if ours[key] != theirs[key]))
    if differs and not dry_run:
        client.update_automation(there.id, wanted.model_copy(update={"enabled": there.enabled}))
    return Change("update" if differs else "unchanged", wanted.name, differs)


def retrainer(spec: ModelSpec, training: UUID) -> AutomationCore:
    """The automation that starts a model's training when the monitor says that its champion has degraded.

    Args:
        spec: The model.
        training: The deployment ``train/NAME``.
    """
    model = spec.model
    made = AutomationCore(
        name=retrainer_name(model),
        description=f"Trains {model} when its monitor announces {DEGRADED}, for the reason that the event gives.",
        tags=[TAG, model],
        trigger=EventTrigger(
            expect={DEGRADED},
            match={"prefect.resource.id": f"evergreen.model.{model}"},
            posture=Posture.Reactive,
            threshold=1,
            within=timedelta(0),
        ),
        actions=[
            RunDeployment(
                source="selected",
                deployment_id=training,
                job_variables=None,
                parameters={
                    "model": model,
                    "search": spec.retraining.search,
                    **{
                        name: {"__prefect_kind": "jinja", "template": f"{{{{ event.payload.{name} }}}}"}
                        for name in ("reason", "cause")
                    },
                },
            )
        ],
    )
    # An update sends the fields that count as set: these all, but the owner, which the server refuses there.
    return AutomationCore.model_validate(made.model_dump(exclude={"owner_resource"}))


def retrainer_name(model: str) -> str:
    """What the automation is called; the server itself does not keep names apart."""
    return f"evergreen: retrain {model}"
