from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import StateType
from prefect.flow_runs import resume_flow_run

from evergreen.io.records import Records, Watching
from evergreen.settings import settings
from flows.train import train

APRIL = datetime(2026, 3, 30, tzinfo=UTC)


def ask(project: Path, seconds: int) -> None:
    path = project / "deployments" / "churn.yaml"
    path.write_text(path.read_text().replace("families: [lightgbm, linear]", "families: [linear]"))
    path.write_text(path.read_text() + f"approval: {seconds}s\n")


def test_nobody_answers_and_there_is_no_champion(project: Path) -> None:
    ask(project, 3)
    outcome = train("churn", APRIL)
    assert not outcome.verdict.promote
    assert outcome.verdict.reasons[-1].startswith("nobody approved within")
    assert Records(settings().workspace).champions("churn") == []


def test_a_person_approves_in_the_form_and_the_version_is_crowned(project: Path) -> None:
    ask(project, 120)
    answered: list[str] = []
    thread = threading.Thread(target=answer, args=(answered,), daemon=True)
    thread.start()
    outcome = train("churn", APRIL)
    thread.join(timeout=60)
    assert answered
    assert outcome.verdict.promote
    assert outcome.verdict.reasons[-1] == "approved by a person: looks right"
    assert [reign.version.version for reign in Records(settings().workspace).champions("churn")] == [1]


def answer(answered: list[str]) -> None:
    """Fill in the form of the first paused run, as the Prefect UI does."""
    paused = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.PAUSED])))
    deadline = time.monotonic() + 110
    while time.monotonic() < deadline and not answered:
        with get_client(sync_client=True) as client:
            runs = [
                run for run in client.read_flow_runs(flow_run_filter=paused) if run.parameters.get("model") == "churn"
            ]
        for run in runs:
            if run.state and run.state.is_paused():
                resume_flow_run(run.id, run_input={"approve": True, "why": "looks right"})
                answered.append(str(run.id))
        time.sleep(0.5)


def test_a_frozen_model_is_trained_and_judged_and_its_champion_stays(project: Path) -> None:
    ask(project, 60)
    Watching(settings().workspace).freeze("churn", True, "audit")
    outcome = train("churn", APRIL)
    assert not outcome.verdict.promote
    assert "frozen by" in outcome.verdict.reasons[-1]
    assert Records(settings().workspace).champions("churn") == []
