"""What leaves a flow: the event that starts a training, and the word to the people who asked for it."""

from __future__ import annotations

import inspect
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast
from uuid import UUID

from prefect import runtime
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import StateType
from prefect.events import Event, Resource
from prefect.exceptions import ObjectNotFound

from evergreen.errors import EvergreenError, UsageError
from evergreen.handoffs import RetrainingDecision
from evergreen.orchestration.automation import DEGRADED, retrainer_name
from evergreen.orchestration.recovery import flow_runs
from evergreen.promotion import Trial
from evergreen.spec import ModelSpec

logger = logging.getLogger(__name__)

_UNDER_WAY = (StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.PAUSED)


def announce(firing: RetrainingDecision) -> bool:
    """Tell the server that a champion has degraded; its automation starts the training.

    To be called for every decision that is still in the outbox, at each run of the monitor: an event that was lost is
    sent again. None is sent while a training for this cause waits or runs.

    Args:
        firing: A decision to train.

    Returns:
        Whether a server takes care of it; if not (the run belongs to no deployment) the caller trains in its process.

    Raises:
        httpx.HTTPError: the server cannot be reached, or refuses the event; the decision stays in the outbox.
    """
    if not runtime.deployment.id:
        return False
    with get_client(sync_client=True) as client:
        training = _find_training(client, firing.model)
        if training is None:
            logger.warning("%s: no deployment train/%s; this process trains instead", firing.model, firing.model)
            return False
        runs = flow_runs(client, training, _UNDER_WAY)
        under_way = [run.name for run in runs if run.parameters.get("cause") == firing.cause]
        if under_way:
            logger.info("%s: run %s takes care of %s already", firing.model, under_way[0], firing.cause)
            return True
        if not any(one.enabled for one in client.read_automations_by_name(retrainer_name(firing.model))):
            logger.warning(
                "%s: the automation %r is missing or switched off, so nothing will start; run: evergreen deploy",
                firing.model, retrainer_name(firing.model),
            )  # fmt: skip
        # A plain POST fails loudly; events that are emitted in the background are lost with a server that is down.
        client.request("POST", "/events", json=[event_of(firing).model_dump(mode="json")])
        logger.info("%s: announced %s", firing.model, firing.cause)
        return True


def event_of(firing: RetrainingDecision) -> Event:
    """The event ``evergreen.model.degraded`` of a decision, with ``reason``, ``cause``, ``version`` and ``as_of``."""
    payload = {
        "reason": "; ".join(firing.reasons),
        "cause": firing.cause,
        "version": firing.version,
        "as_of": firing.as_of.isoformat(),
    }
    resource = {"prefect.resource.id": f"evergreen.model.{firing.model}", "prefect.resource.name": firing.model}
    return Event(event=DEGRADED, resource=Resource.model_validate(resource), payload=payload)


def _find_training(client: SyncPrefectClient, model: str) -> UUID | None:
    try:
        return client.read_deployment_by_name(f"train/{model}").id
    except ObjectNotFound:
        return None


def tell(spec: ModelSpec, trial: Trial | None, firing: RetrainingDecision) -> None:
    """Tell those who asked for it of a champion that was rolled back, and of a training that is started."""
    if trial and trial.worse:
        notify(spec.notify, f"{spec.model}: the champion was rolled back", trial.reason)
    if firing.fire:
        body = "\n".join([*firing.reasons, f"cause: {firing.cause}"])
        notify(spec.notify, f"{spec.model}: a training is started", body)


def notify(receivers: Sequence[str], subject: str, body: str) -> None:
    """Tell people; what goes wrong is logged and stops nothing.

    Args:
        receivers: ``spec.notify``: ``env:NAME`` of a variable that holds an Apprise URL, or a Prefect notification
            block as ``type/name``.
        subject: One line.
        body: The text.
    """
    for receiver in receivers:
        try:
            _send(receiver, subject, body)
        except EvergreenError as error:
            logger.error("%s: not notified (%s): %s", receiver, subject, error)
        except Exception as error:
            # Whatever a service or its library does. Its words may hold the URL, and with it a password.
            logger.error("%s: not notified (%s): the service failed with %s", receiver, subject, type(error).__name__)


def _send(receiver: str, subject: str, body: str) -> None:
    if not receiver.startswith("env:"):
        import prefect.blocks.notifications  # noqa: F401 (its classes are looked up by their type's name)
        from prefect.blocks.abstract import NotificationBlock
        from prefect.blocks.core import Block
        from prefect.utilities.asyncutils import run_coro_as_sync

        sent: object = cast(NotificationBlock, Block.load(receiver)).notify(body, subject)
        if inspect.iscoroutine(sent):
            run_coro_as_sync(sent)
        return
    import apprise

    name = receiver.removeprefix("env:")
    url = os.environ.get(name, "")
    service = apprise.Apprise()
    with _silent("apprise"):  # it logs URLs that it does not like
        if not url or not service.add(url):
            what = "holds no URL that Apprise understands" if url else "is not set"
            raise UsageError(f"the variable {name} {what}")
        if not service.notify(body=body, title=subject):
            raise UsageError(f"the service behind {name} refused the message")


@contextmanager
def _silent(name: str) -> Iterator[None]:
    library = logging.getLogger(name)
    before, library.disabled = library.disabled, True
    try:
        yield
    finally:
        library.disabled = before
