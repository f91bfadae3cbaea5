"""Specs on a real Prefect server: registered, left alone, updated, removed; and what an event and a power cut do."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.events import AutomationCore
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_CUSTOM_HEADERS, temporary_settings
from prefect.states import Completed, Pending, Running

from evergreen.cli.servers import free_port, prefect_command, serving
from evergreen.errors import SpecError
from evergreen.handoffs import RetrainingDecision, Rule
from evergreen.orchestration.deployment import start_training
from evergreen.orchestration.events import announce, notify
from evergreen.orchestration.recovery import flow_runs, missed, recover
from evergreen.spec import ModelSpec, load_spec
from evergreen.web.keys import Keys, new_key
from evergreen.workspace import Workspace
from flows.deploy import FLOWS, deploy, find_flows

TINY = '''
from datetime import datetime
from prefect import flow

@flow
def train(model: str, as_of: datetime | None = None, reason: str = "", cause: str = "", search: str | None = None):
    """Train it.

    Args:
        model: Its name.
    """

@flow
def monitor(model: str, as_of: datetime | None = None):
    """Look at it."""
'''
SPEC = """
model: churn
question: Will they leave?
data: {source: data/customers.csv, target: {column: churned}}
schedule: {train: "0 3 1 * *", monitor: 6h, timezone: America/New_York}
"""
Tiny = dict[str, Flow[..., Any]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("server")
    port, key = free_port(0), new_key()
    shown = {"Authorization": Keys(key).authorization()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(folder / "prefect"))
        url = f"http://127.0.0.1:{port}"
        with (
            serving(prefect_command(port), Workspace.local(folder, folder), "prefect", f"{url}/api/health", key),
            temporary_settings({PREFECT_API_URL: f"{url}/api", PREFECT_CLIENT_CUSTOM_HEADERS: shown}),
        ):
            yield url


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tiny]:
    folder = tmp_path_factory.mktemp("flows")
    (folder / "tiny.py").write_text(TINY)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        module = importlib.import_module("tiny")
        yield {"train": module.train, "monitor": module.monitor}


@pytest.fixture
def spec(tmp_path: Path) -> ModelSpec:
    return written(tmp_path, SPEC)


@pytest.fixture
def client(server: str) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


def written(folder: Path, text: str) -> ModelSpec:
    (folder / "churn.yaml").write_text(text)
    return load_spec(folder / "churn.yaml")


def steps(*changes: Any) -> list[str]:
    return [f"{change.action} {change.name}" for change in changes]


def until(true: Callable[[], Any], seconds: float = 300) -> Any:
    """What a question answers once it answers something; the server's own services take their time."""
    deadline = time.monotonic() + seconds
    while not (answer := true()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.2)
    return answer


ALL = ["train/churn", "monitor/churn", "evergreen: retrain churn"]


def test_a_plan_is_shown_before_anything_is_there(spec: ModelSpec, tiny: Tiny, client: SyncPrefectClient) -> None:
    assert steps(*deploy([spec], True, tiny)) == [f"create {name}" for name in ALL]
    assert client.read_deployments() == []
    assert client.read_work_pools() == []


def test_a_models_flows_are_registered_with_their_schedules(
    spec: ModelSpec, tiny: Tiny, client: SyncPrefectClient
) -> None:
    deploy([spec], flows=tiny)
    train, monitor = (client.read_deployment_by_name(name) for name in ALL[:2])
    assert train.entrypoint == "tiny.train"
    assert train.parameters == {"model": "churn"}
    assert train.description == "Will they leave?\n\nTrain it."
    assert set(train.tags) == {"evergreen", "churn"}
    assert train.parameter_openapi_schema is not None
    assert train.parameter_openapi_schema["properties"]["model"]["description"] == "Its name."
    cron, interval = train.schedules[0].schedule, monitor.schedules[0].schedule
    assert cron.model_dump(include={"cron", "timezone"}) == {"cron": "0 3 1 * *", "timezone": "America/New_York"}
    assert interval.model_dump()["interval"] == timedelta(hours=6)
    assert str(interval.model_dump()["anchor_date"]).startswith("2020-01-01")
    assert train.global_concurrency_limit is not None
    assert train.global_concurrency_limit.limit == 1
    assert client.read_work_pool("evergreen").type == "process"


def test_registering_again_leaves_everything_alone(spec: ModelSpec, tiny: Tiny, client: SyncPrefectClient) -> None:
    deploy([spec], flows=tiny)
    before = client.read_deployment_by_name("train/churn")
    assert steps(*deploy([spec], flows=tiny)) == [f"unchanged {name}" for name in ALL]
    assert client.read_deployment_by_name("train/churn").updated == before.updated


def test_only_what_a_spec_changed_is_updated_and_a_paused_deployment_stays_paused(
    spec: ModelSpec, tiny: Tiny, client: SyncPrefectClient, tmp_path: Path
) -> None:
    deploy([spec], flows=tiny)
    client.pause_deployment(client.read_deployment_by_name("train/churn").id)
    changed = written(tmp_path, SPEC.replace('train: "0 3 1 * *", ', "") + "retraining: {search: full}\n")
    plan = deploy([changed], True, tiny)
    assert [str(change) for change in plan] == [
        "update     train/churn (schedules)",
        "unchanged  monitor/churn",
        "update     evergreen: retrain churn (actions)",
    ]
    assert deploy([changed], flows=tiny) == plan
    train = client.read_deployment_by_name("train/churn")
    assert (train.schedules, train.paused) == ([], True)
    assert all(change.action == "unchanged" for change in deploy([changed], flows=tiny))
    client.resume_deployment(train.id)


@pytest.mark.parametrize(("more", "places"), [("", [True, False]), ("approval: 1d\n", [False, False])])
def test_two_trainings_share_one_place_but_one_that_may_wait_for_a_person_takes_none(
    more: str, places: list[bool], tmp_path: Path, tiny: Tiny, client: SyncPrefectClient
) -> None:
    """The server takes the place of a paused run away, and ends the run when it asks for it again."""
    asking = written(tmp_path, SPEC + more)
    deploy([asking], flows=tiny)
    assert all(change.action == "unchanged" for change in deploy([asking], flows=tiny))
    training = client.read_deployment_by_name("train/churn").id
    runs = [client.create_flow_run_from_deployment(training).id for _ in places]
    for run in runs:
        client.set_flow_run_state(run, Pending())
    states = [state for run in runs if (state := client.read_flow_run(run).state)]
    assert [state.state_details.deployment_concurrency_lease_id is not None for state in states] == places
    assert [state.is_cancelled() for state in states] == [False, places[0]]
    for run in runs:
        client.set_flow_run_state(run, Completed(), force=True)


def test_a_registered_training_is_started_with_its_reason(
    spec: ModelSpec, tiny: Tiny, client: SyncPrefectClient
) -> None:
    deploy([spec], flows=tiny)
    name = start_training("churn", "functions were edited")
    run = next(run for run in client.read_flow_runs() if run.name == name)
    assert run.deployment_id == client.read_deployment_by_name("train/churn").id
    assert run.parameters == {"model": "churn", "reason": "functions were edited"}
    client.set_flow_run_state(run.id, Completed(), force=True)


def test_automations_are_never_doubled(spec: ModelSpec, tiny: Tiny, client: SyncPrefectClient) -> None:
    deploy([spec], flows=tiny)
    first = client.read_automations_by_name("evergreen: retrain churn")[0]
    client.create_automation(AutomationCore.model_validate(first.model_dump(exclude={"id"})))
    assert "remove evergreen: retrain churn, doubled" in steps(*deploy([spec], flows=tiny))
    assert len(client.read_automations_by_name("evergreen: retrain churn")) == 1


def test_what_a_deleted_spec_left_is_removed(spec: ModelSpec, tiny: Tiny, client: SyncPrefectClient) -> None:
    deploy([spec], flows=tiny)
    assert sorted(steps(*deploy([], flows=tiny))) == sorted(f"remove {name}" for name in ALL)
    assert client.read_deployments() == []
    assert client.read_automations() == []


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ('{train: "99 * * * *"}', r"schedule.train: '99 \* \* \* \*'"),
        ("{monitor: FREQ=SOMETIMES}", "schedule.monitor: 'FREQ=SOMETIMES'"),
    ],
)
def test_a_schedule_that_prefect_does_not_understand_is_named_by_file_and_key(
    schedule: str, words: str, tmp_path: Path, tiny: Tiny, server: str
) -> None:
    spec = written(tmp_path, SPEC[: SPEC.index("schedule")] + f"schedule: {schedule}\n")
    with pytest.raises(SpecError, match=f"deployments/churn.yaml: .*{words}"):
        deploy([spec], flows=tiny)


def test_the_flows_of_a_model_are_found_under_their_names() -> None:
    found = find_flows()
    assert {"train", "score", "monitor", "promote"} <= set(found) <= set(FLOWS)
    assert all(flow.name == name and "model" in flow.parameters.properties for name, flow in found.items())


def firing(cause: str) -> RetrainingDecision:
    why = Rule("performance", True, "roc_auc fell by 0.05")
    return RetrainingDecision("churn", datetime(2026, 3, 1, tzinfo=UTC), 3, True, (why,), (), cause)


@pytest.fixture
def training(spec: ModelSpec, tiny: Tiny, client: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The deployment ``train/churn``, as a monitor's run sees it."""
    deploy([spec], flows=tiny)
    monkeypatch.setenv("PREFECT__RUNTIME__DEPLOYMENT__ID", str(client.read_deployment_by_name("monitor/churn").id))
    return client.read_deployment_by_name("train/churn").id


def runs_for(client: SyncPrefectClient, training: Any, cause: str) -> list[FlowRun]:
    runs = flow_runs(client, training, list(StateType))
    return [run for run in runs if run.parameters.get("cause") == cause]


def test_an_announced_degradation_starts_one_training_with_its_reason(training: Any, client: SyncPrefectClient) -> None:
    assert announce(firing("performance-7"))
    (run,) = until(lambda: runs_for(client, training, "performance-7"))
    assert run.parameters == {
        "model": "churn", "reason": "roc_auc fell by 0.05", "cause": "performance-7", "search": "refit"
    }  # fmt: skip
    # The monitor sends what is in its outbox at each run: while the training waits or runs, nothing is sent again.
    assert announce(firing("performance-7"))
    # The server handles events in their order: had a second one been sent, its run would be there before this one.
    assert announce(firing("performance-8"))
    until(lambda: runs_for(client, training, "performance-8"))
    assert len(runs_for(client, training, "performance-7")) == 1


def test_a_training_that_ended_without_an_answer_is_announced_again(training: Any, client: SyncPrefectClient) -> None:
    announce(firing("drift-1"))
    (run,) = until(lambda: runs_for(client, training, "drift-1"))
    client.set_flow_run_state(run.id, Completed(), force=True)
    assert announce(firing("drift-1"))
    assert until(lambda: len(runs_for(client, training, "drift-1")) == 2)


def test_without_a_deployment_the_caller_trains_itself(server: str) -> None:
    assert not announce(firing("performance-7"))


def test_an_event_that_the_server_does_not_take_is_an_error(training: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{free_port(0)}/api"}),
        pytest.raises(Exception, match="refused"),
    ):
        announce(firing("performance-9"))


def test_of_a_backlog_only_the_newest_run_is_kept() -> None:
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def run(hours: float, by_schedule: bool = True) -> FlowRun:
        return FlowRun.model_construct(
            auto_scheduled=by_schedule, expected_start_time=now + timedelta(hours=hours), name=str(hours)
        )

    runs = [run(-1), run(-3), run(-5, by_schedule=False), run(-2), run(1), run(2)]
    assert [one.name for one in missed(runs, now)] == ["-3", "-2"]
    assert missed([run(-1)], now) == []


def test_missed_runs_are_cancelled_on_the_server(tmp_path: Path, tiny: Tiny, client: SyncPrefectClient) -> None:
    deploy([written(tmp_path, SPEC.replace("6h", "1s"))], flows=tiny)
    monitor = client.read_deployment_by_name("monitor/churn").id

    def overdue() -> list[FlowRun]:
        return missed(flow_runs(client, monitor, [StateType.SCHEDULED]), datetime.now(UTC))

    until(lambda: len(overdue()) >= 3)
    gone = {run.id for run in overdue()}
    recover()
    assert gone <= {run.id for run in flow_runs(client, monitor, [StateType.CANCELLED])}
    deploy([], flows=tiny)


def test_a_run_whose_process_is_gone_is_ended_and_a_living_one_is_not(training: Any, client: SyncPrefectClient) -> None:
    def run(state: Any) -> FlowRun:
        return client.create_flow_run_from_deployment(training, state=state)

    gone, living, starting = run(Running()), run(Running()), run(Pending())
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    command = [sys.executable, "-c", "input()"]
    environment = os.environ | {"PREFECT__FLOW_RUN_ID": str(living.id)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment) as process:
        client.update_flow_run(gone.id, infrastructure_pid=str(ended.pid))
        client.update_flow_run(living.id, infrastructure_pid=str(process.pid))
        recover()
        states = {one.id: client.read_flow_run(one.id).state for one in (gone, living, starting)}
        assert [states[one.id].type for one in (gone, living, starting)] == [
            StateType.CRASHED, StateType.RUNNING, StateType.PENDING
        ]  # fmt: skip
        # While no worker runs, nobody will ever carry out a run that has no process yet.
        recover(alone=True)
        assert client.read_flow_run(starting.id).state.type == StateType.CRASHED
        assert client.read_flow_run(living.id).state.type == StateType.RUNNING
        process.communicate(b"\n")


def test_what_goes_wrong_with_a_notification_stops_nothing_and_shows_no_secret(
    server: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GOOD", f"json://user:hunter2@127.0.0.1:{free_port(0)}/x")
    monkeypatch.setenv("BAD", "nonsense://hunter2")
    notify(["env:GOOD", "env:BAD", "env:NOT_SET", "slack-webhook/not-there"], "churn", "it degraded")
    said = caplog.text + "".join(capfd.readouterr())
    assert "hunter2" not in said
    for receiver in (
        "env:GOOD",
        "env:BAD",
        "env:NOT_SET: not notified (churn): the variable NOT_SET is not set",
        "slack",
    ):
        assert receiver in said
