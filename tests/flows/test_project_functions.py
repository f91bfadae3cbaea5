"""A model that calls functions of its project: an edit trains again, and stops the champion until then."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evergreen.cli import app
from evergreen.errors import FunctionChanged, UsageError
from evergreen.io import program
from evergreen.orchestration import runs
from evergreen.settings import open_workspace
from flows.promote import promote
from flows.score import score
from flows.train import train

MARCH = datetime(2026, 3, 10, tzinfo=UTC)
OURS = '''
import rates

def feed():
    """All customers."""
    import pandas as pd
    return pd.read_csv(rates.FILE)

def doubled(frame):
    return frame["amount"] * rates.RATE
'''


@pytest.fixture
def calling(project: Path) -> Path:
    """The project, whose model reads its rows and makes a column by functions."""
    (project / "rates.py").write_text(f'RATE = 2\nFILE = "{project}/data/customers.csv"\n')
    (project / "ours.py").write_text(OURS)
    path = project / "deployments" / "churn.yaml"
    spec = path.read_text().replace("data/customers.csv", "ours:feed").replace("budget: 20s", "budget: 5s")
    path.write_text(spec + 'features: {transform: [{columns: [amount], with: "ours:doubled"}]}\n')
    return project


def edit(path: Path, old: str, new: str) -> None:
    """Edit a file, later than Python can have compiled it."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    os.utime(path, (path.stat().st_mtime + 5,) * 2)


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, words)
    return result.exit_code, result.output + (str(result.exception) if result.exception else "")


def test_an_edited_function_trains_again_and_stops_the_champion_until_then(calling: Path) -> None:
    first = train("churn", MARCH)
    assert first.verdict.promote, first.verdict.reasons
    assert set(first.version.functions or {}) == {"ours:feed", "ours:doubled"}
    registry = open_workspace().registry
    assert registry.read_text(first.version.run_id, "functions/ours.py") == OURS
    assert "RATE = 2" in (registry.read_text(first.version.run_id, "functions/rates.py") or "")

    edit(calling / "ours.py", '"""All customers."""', '"""Every customer."""  # as a file')
    assert train("churn", MARCH).repeated
    registry.load(first.version)
    assert "churn version" not in run("check")[1]

    edit(calling / "rates.py", "RATE = 2", "RATE = 3")
    ways = r"churn version 1: ours:doubled and ours:feed are not .*Put the code back .*or run: evergreen train churn"
    with pytest.raises(FunctionChanged, match=ways):
        registry.load(first.version)
    with pytest.raises(FunctionChanged, match=ways):
        score("churn", datetime(2026, 3, 12, tzinfo=UTC))
    code, words = run("check")
    assert code == 0
    assert "churn version 1: ours:doubled and ours:feed are not what it was trained with" in words
    with pytest.raises(UsageError, match=r"(?s)churn version 1: .*nothing is registered.*deploy --retrain"):
        run_deploy()

    edit(calling / "rates.py", "RATE = 3", "RATE = 2")
    registry.load(first.version)

    edit(calling / "rates.py", "RATE = 2", "RATE = 3")
    second = train("churn", MARCH)
    assert not second.repeated
    assert second.evidence is not None
    assert second.evidence.baseline == "trivial"
    assert second.verdict.promote, second.verdict.reasons
    registry.load(second.version)
    assert "not what it was trained with" not in run("check")[1]
    with pytest.raises(FunctionChanged, match=ways):
        promote("churn", 1, "it was better")


def run_deploy() -> None:
    from evergreen.cli.deploying import deploy

    deploy()


def test_a_version_from_before_functions_were_compared_is_loaded_and_says_so_once(
    calling: Path, caplog: pytest.LogCaptureFixture
) -> None:
    version = train("churn", MARCH).version
    before = replace(version, functions=None)
    edit(calling / "rates.py", "RATE = 2", "RATE = 3")
    with caplog.at_level(logging.WARNING, "evergreen"):
        for _ in range(2):
            open_workspace().registry.load(before)
    notices = [record.message for record in caplog.records if "0.2.0" in record.message]
    assert len(notices) == 1
    assert "whether ours:doubled changed since cannot be told until it is trained again" in notices[0]


def test_a_function_that_is_edited_while_it_is_trained_with_makes_the_verdict_void(
    calling: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows import train as module

    judged = module.decide

    def edit_then_decide(*given: object) -> object:
        edit(calling / "rates.py", "RATE = 2", "RATE = 3")
        return judged(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "decide", edit_then_decide)
    with pytest.raises(FunctionChanged, match="churn challenger: ours:doubled and ours:feed are not what it was"):
        train("churn", MARCH)
    assert open_workspace().champions.decisions("churn") == []


def test_a_release_changes_the_identity_of_a_run_by_the_number_of_learning_alone(
    calling: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evergreen.handoffs import Snapshot

    spec, snapshot = runs.find_spec(open_workspace(), "churn"), Snapshot("file:///x", 1, "d", MARCH)
    key = runs.run_key(open_workspace(), spec, snapshot)
    real = program.installed
    monkeypatch.setattr(program, "installed", lambda name: "9.9" if name == "evergreen" else real(name))
    assert runs.run_key(open_workspace(), spec, snapshot) == key
    monkeypatch.setattr(program, "LEARNING", program.LEARNING + 1)
    assert runs.run_key(open_workspace(), spec, snapshot) != key
