"""A project whose workspace version 0.1.0 wrote: three trained models, one of them scored and monitored.

``predicted/`` holds what version 0.1.0 predicted for ``rows.csv``. The rows are made up.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from evergreen.predictions import predict_file
from evergreen.settings import open_workspace
from evergreen.spec import load_spec
from evergreen.training import Recipe
from evergreen.workspace import Workspace

_ARCHIVE = Path(__file__).with_name("workspace-0.1.tar.xz")
#: Where the workspace was when it was written.
_WRITTEN_IN = "/tmp/compat/project"
MODELS = ("calls", "churn", "spend")
LATER = datetime(2026, 4, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, move: Callable[[Path, str], None]) -> Workspace:
    folder = tmp_path_factory.mktemp("project")
    with tarfile.open(_ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    move(folder, _WRITTEN_IN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVERGREEN_PROJECT", str(folder))
        patch.setenv("EVERGREEN_WORKSPACE", str(folder / ".evergreen"))
        return open_workspace()


@pytest.mark.parametrize("model", MODELS)
def test_a_champion_of_0_1_predicts_as_it_did(here: Workspace, model: str, tmp_path: Path) -> None:
    champion = here.champions.champion(model)
    assert champion is not None
    spec = load_spec(here.deployments / f"{model}.yaml")
    written = tmp_path / "out.csv"
    predict_file(here, spec, champion.version, str(here.project / "predicted" / "rows.csv"), written, LATER)
    pd.testing.assert_frame_equal(pd.read_csv(written), pd.read_csv(here.project / "predicted" / f"{model}.csv"))


@pytest.mark.parametrize("model", MODELS)
def test_the_champion_history_of_0_1_is_read(here: Workspace, model: str) -> None:
    history = here.champions
    (reign,) = history.champions(model)
    (outcome,) = history.decisions(model)
    assert reign.version.version == 1
    assert outcome.verdict.promote
    assert outcome.evidence is not None
    assert Recipe.from_json(reign.version.recipe).to_json() == reign.version.recipe


def test_the_ledgers_and_monitoring_records_of_0_1_are_read(here: Workspace) -> None:
    scorings = here.ledger.scorings("churn")
    store = here.store
    assert sum(len(store.read(one.uri)) for one in scorings) == 220
    records = here.monitoring
    healths = records.healths("churn", LATER)
    assert healths
    assert all(one.model == "churn" for one in healths)
    assert records.firings("churn")


def test_the_snapshots_of_0_1_are_read(here: Workspace) -> None:
    before = here.windows.before("churn", None, None, LATER)
    assert before is not None
    assert len(here.store.read(before.uri))
