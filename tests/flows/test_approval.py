from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import StateType
from prefect.flow_runs import resume_flow_run

from evergreen.errors import AnswerAwaited, ChampionMoved, UsageError
from evergreen.handoffs import RetrainingDecision, Rule, Verdict
from evergreen.io.locks import ANSWER, APPROVAL
from evergreen.orchestration.runs import run_key
from evergreen.settings import open_workspace
from flows.train import train
from tasks.promotion import crown_by_hand
from tasks.retraining import under_way

APRIL = datetime(2026, 3, 30, tzinfo=UTC)


def ask(project: Path, seconds: int) -> None:
    path = project / "deployments" / "churn.yaml"
    path.write_text(path.read_text().replace("families: [lightgbm, linear]", "families: [linear]"))
    text = "".join(line for line in path.read_text().splitlines(keepends=True) if "approval" not in line)
    path.write_text(f"{text}approval: {seconds}s\n")


def fired(cause: str) -> RetrainingDecision:
    """A decision to train that waits to be answered."""
    return open_workspace().monitoring.keep_firing(RetrainingDecision("churn", APRIL, 0, True, (), (), cause))


def test_nobody_answers_and_there_is_no_champion(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(project, 3)
    spec = project / "deployments" / "churn.yaml"
    spec.write_text(f"{spec.read_text()}notify: ['env:RECEIVER']\n")
    got: list[bytes] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        monkeypatch.setenv("RECEIVER", f"json://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.handle_request, daemon=True).start()
        outcome = train("churn", APRIL)
    assert b"churn: a promotion waits for a person" in got[0]
    assert b"/runs/flow-run/" in got[0]
    assert not outcome.verdict.promote
    assert outcome.verdict.reasons[-1].startswith("nobody approved within")
    assert open_workspace().champions.champions("churn") == []


def test_a_person_approves_in_the_form_and_the_version_is_crowned(project: Path) -> None:
    """Meanwhile no other training begins, and a decision to retrain stays open."""
    ask(project, 300)
    answered: list[str] = []
    refused: list[str] = []
    started: list[bool] = []
    firing = fired("churn-v0-0")

    def meanwhile() -> None:
        for cause in ("", firing.cause):
            try:
                train("churn", APRIL - timedelta(days=3), cause=cause)
            except AnswerAwaited as error:
                refused.append(str(error))
        started.append(not under_way(open_workspace(), firing))

    thread = threading.Thread(target=answer, args=(answered, meanwhile), daemon=True)
    thread.start()
    outcome = train("churn", APRIL)
    thread.join(timeout=300)
    assert answered
    assert len(refused) == 2
    assert all("waits for a person's answer already (process" in one and answered[0] in one for one in refused)
    assert started == [False]
    assert open_workspace().monitoring.pending("churn") == [firing]
    assert not under_way(open_workspace(), firing)
    assert outcome.verdict.promote
    assert not outcome.repeated
    assert outcome.verdict.reasons[-1] == "approved by a person: looks right"
    assert [reign.version.version for reign in open_workspace().champions.champions("churn")] == [1]


def test_a_training_that_waited_for_its_turn_ends_too_where_a_person_is_asked_by_then(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ask(project, 300)
    ended: list[str] = []

    def second() -> None:
        try:
            train("churn", APRIL)
        except AnswerAwaited as error:
            ended.append(str(error))

    thread = threading.Thread(target=second, daemon=True)
    with open_workspace().locks.alone("training", "churn") as first:
        thread.start()
        deadline = time.monotonic() + 290
        while "does a training already; waiting" not in caplog.text:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        with open_workspace().locks.alone(APPROVAL, "churn"), first.released():
            thread.join(timeout=300)
    assert len(ended) == 1
    assert open_workspace().champions.decisions("churn") == []


def test_what_was_settled_on_the_same_inputs_while_a_person_was_waited_for_stands_and_is_told(
    project: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ask(project, 1)
    other = train("churn", APRIL - timedelta(days=3)).version
    ask(project, 300)
    answered: list[str] = []
    keys: list[str] = []

    def noted(*given: Any) -> str:
        keys.append(run_key(*given))
        return keys[-1]

    monkeypatch.setattr("tasks.promotion.run_key", noted)

    def meanwhile() -> None:
        kept = Verdict(False, (Rule("gain", False, "does not gain"),))
        open_workspace().champions.settle(keys[-1], other, kept, None, None)

    threading.Thread(target=answer, args=(answered, meanwhile), daemon=True).start()
    with caplog.at_level("WARNING"):
        outcome = train("churn", APRIL)
    assert answered
    assert (outcome.repeated, outcome.version, outcome.verdict.promote) == (True, other, False)
    assert "settled meanwhile (version 1, not promoted): this one is void" in caplog.text
    assert open_workspace().champions.champions("churn") == []


def test_who_is_crowned_first_while_a_person_is_waited_for_stays(project: Path) -> None:
    ask(project, 1)
    assert not train("churn", APRIL - timedelta(days=3)).verdict.promote
    ask(project, 300)
    answered: list[str] = []
    free: list[bool] = []

    def meanwhile() -> None:
        locks = open_workspace().locks
        free.extend([not locks.holder("training", "churn"), bool(locks.holder(ANSWER, "churn"))])
        crown_by_hand.fn(open_workspace(), open_workspace().spec("churn"), 1, APRIL, "the other one")

    fired("churn-v0-0")
    thread = threading.Thread(target=answer, args=(answered, meanwhile), daemon=True)
    thread.start()
    with pytest.raises(ChampionMoved, match="version 1 became champion meanwhile; version 2 was judged"):
        train("churn", APRIL, cause="churn-v0-0")
    thread.join(timeout=300)
    assert free == [True, True]
    assert [reign.version.version for reign in open_workspace().champions.champions("churn")] == [1]
    assert "became champion meanwhile" in open_workspace().monitoring.closed("churn")["churn-v0-0"][1]
    with pytest.raises(UsageError, match=r"churn-v0-0 has ended without a verdict already .*became champion meanwhile"):
        train("churn", APRIL, cause="churn-v0-0")


def test_a_model_that_is_frozen_while_a_person_is_waited_for_keeps_its_champion(project: Path) -> None:
    ask(project, 300)
    answered: list[str] = []
    freeze = partial(open_workspace().monitoring.freeze, "churn", True, "audit")
    threading.Thread(target=answer, args=(answered, freeze), daemon=True).start()
    outcome = train("churn", APRIL)
    assert answered
    assert [rule.name for rule in outcome.verdict.rules][-2:] == ["approval", "frozen"]
    assert not outcome.verdict.promote
    assert open_workspace().champions.champions("churn") == []


def answer(answered: list[str], meanwhile: Callable[[], object] = lambda: None) -> None:
    """Fill in the form of the first paused run, as the Prefect UI does; something happens before that."""
    paused = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.PAUSED])))
    deadline = time.monotonic() + 290
    while time.monotonic() < deadline and not answered:
        with get_client(sync_client=True) as client:
            runs = [
                run for run in client.read_flow_runs(flow_run_filter=paused) if run.parameters.get("model") == "churn"
            ]
        for run in runs:
            if run.state and run.state.is_paused():
                meanwhile()
                resume_flow_run(run.id, run_input={"approve": True, "why": "looks right"})
                answered.append(str(run.id))
        time.sleep(0.5)


def test_a_frozen_model_is_trained_and_judged_and_its_champion_stays(project: Path) -> None:
    ask(project, 60)
    open_workspace().monitoring.freeze("churn", True, "audit")
    outcome = train("churn", APRIL)
    assert not outcome.verdict.promote
    assert "frozen by" in outcome.verdict.reasons[-1]
    assert open_workspace().champions.champions("churn") == []
