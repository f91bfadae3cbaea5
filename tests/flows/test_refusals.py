"""What bad input gets: a message that says where and what to do, an exit code, and everything left as it was."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evergreen.errors import (
    DataError,
    EmptyWindow,
    EvergreenError,
    SpecError,
    StoreError,
    TrainingError,
    ValidationFailed,
)
from evergreen.io.records import ChampionHistory, local_records
from evergreen.settings import open_workspace
from flows.train import train

FEBRUARY, MARCH = datetime(2026, 2, 20, tzinfo=UTC), datetime(2026, 3, 10, 0, 10, tzinfo=UTC)


@dataclass(frozen=True)
class Reigning:
    """A project with a champion, and all that its records say."""

    project: Path
    workspace: Path

    def state(self) -> dict[str, Any]:
        records, registry = ChampionHistory(local_records(self.workspace)), open_workspace().registry
        return {
            "champions": records.champions("churn"),
            "decisions": records.decisions("churn"),
            "versions": [(one.version, one.model_id) for one in registry.versions("churn")],
            "aliases": [registry.alias("churn", name) for name in ("champion", "previous")],
            "half files": [str(path) for path in self.workspace.rglob("*.part")],
        }


@pytest.fixture(scope="module")
def reigning(
    tmp_path_factory: pytest.TempPathFactory, lay_out: Callable[..., Path], content: dict[str, Any]
) -> Reigning:
    root = tmp_path_factory.mktemp("reigning")
    lay_out(root / "project", content["spec"].replace("[lightgbm, linear]", "[linear]").replace("15d", "10d"))
    (root / "project" / ".evergreen").rename(root / "workspace")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVERGREEN_PROJECT", str(root / "project"))
        patch.setenv("EVERGREEN_WORKSPACE", str(root / "workspace"))
        assert train("churn", FEBRUARY).verdict.promote
    return Reigning(root / "project", root / "workspace")


@pytest.fixture
def project(reigning: Reigning, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project on the workspace of the champion."""
    copy = tmp_path / "project"
    shutil.copytree(reigning.project, copy)
    monkeypatch.setenv("EVERGREEN_PROJECT", str(copy))
    monkeypatch.setenv("EVERGREEN_WORKSPACE", str(reigning.workspace))
    monkeypatch.chdir(copy)
    return copy


Change = Callable[[Path], object]


def to_table(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Change:
    """Change the rows of the CSV."""

    def damage(project: Path) -> None:
        path = project / "data" / "customers.csv"
        change(pd.read_csv(path)).to_csv(path, index=False)

    return damage


def column(**values: Any) -> Change:
    return to_table(lambda rows: rows.assign(**values))


def cells(name: str, value: Any, *places: int) -> Change:
    """Write a value into some cells of a column, the others as they are."""

    def changed(rows: pd.DataFrame) -> pd.DataFrame:
        rows = rows.astype({name: object})
        rows.loc[list(places), name] = value
        return rows

    return to_table(changed)


def to_text(file: str, old: str, new: str) -> Change:
    """Change the text of a file."""

    def damage(project: Path) -> None:
        text = (project / file).read_text()
        assert old in text
        (project / file).write_text(text.replace(old, new, 1))

    return damage


def without_rules(*changes: Change) -> Change:
    """Change the rows of a model that has no suite."""

    def damage(project: Path) -> None:
        for change in (to_text("deployments/churn.yaml", "validation: customers\n", ""), *changes):
            change(project)

    return damage


def two_files(project: Path) -> None:
    """A second file, in which a column of numbers holds text."""
    folder = project / "data" / "customers.csv"
    rows = pd.read_csv(folder)
    folder.unlink()
    folder.mkdir()
    rows[:2000].to_csv(folder / "1.csv", index=False)
    rows[2000:].assign(amount="much").to_csv(folder / "2.csv", index=False)


DATA, SPEC, SUITE = "data/customers.csv", "deployments/churn.yaml", "expectations/customers.yaml"
CASES: dict[str, tuple[Change, type[EvergreenError], int, str]] = {
    "no file": (lambda p: (p / DATA).unlink(), DataError, 3, "data/customers.csv: no such file or folder"),
    "an empty file": (
        lambda p: (p / DATA).write_text(""), DataError, 3, "customers.csv: the file is empty; write it again",
    ),
    "a header alone": (
        to_table(lambda rows: rows.head(0)), EmptyWindow, 3, "customers.csv: no rows in 1 file; write some first",
    ),
    "an empty window": (
        to_text(SPEC, "holdout: 20d", "holdout: 20d, window: 1min"), EmptyWindow, 3,
        "data/customers.csv: no rows with at from 2026-03-10T00:09:00.* choose another window",
    ),
    "no key column": (to_table(lambda r: r.drop(columns="id")), DataError, 3, "customers.csv: no column id"),
    "no time column": (to_table(lambda r: r.drop(columns="at")), DataError, 3, "customers.csv: no column at"),
    "no target column": (
        to_table(lambda r: r.rename(columns={"churned": "churnt"})), DataError, 3,
        r"customers.csv: no column churned; did you mean churnt\?",
    ),
    "no column that a rule names": (
        to_table(lambda r: r.drop(columns="amount")), ValidationFailed, 4, r"expect_column_to_exist\(amount\)",
    ),
    "no column that the promotion names": (
        to_table(lambda r: r.rename(columns={"plan": "plans"})), DataError, 3,
        r"customers.csv: no column plan, which promotion.slices of churn names; did you mean plans\?",
    ),
    "a column twice, and another never": (
        to_text(DATA, "id,at,amount,plan", "id,at,amount,amount"), DataError, 3,
        "customers.csv: no column plan, which promotion.slices of churn names; known: amount, amount_2, at",
    ),
    "a key twice": (
        cells("id", "c000001", 2), DataError, 3, r"key id: 1 rows repeat one \(first: c000001\); keep one row a key",
    ),
    "a key that is null": (cells("id", None, 2), DataError, 3, "key id: 1 rows have none; fill it in"),
    "no time in a row": (cells("at", None, 2), DataError, 3, "customers.csv: at: 1 rows have no time; fill it in"),
    "a target without a value": (
        column(churned=None), TrainingError, 5, "no row has a label yet; is data.target.column the right one",
    ),
    "a constant target": (
        column(churned=7), TrainingError, 5, "all .* rows have the same target, 7.*data.target.column",
    ),
    "one class in the window": (
        to_table(lambda r: r.assign(churned=r["churned"].where(r["at"] > "2026-03-11", 1))), TrainingError, 5,
        "all .* rows have the same target, 1; widen training.window",
    ),
    "an infinite target": (
        cells("churned", np.inf, 2), DataError, 3, "target churned: holds infinite values; correct them",
    ),
    "an infinite feature": (
        without_rules(cells("amount", "inf", 2)), DataError, 3,
        r"customers.csv: column amount: 1 rows hold an infinite value \(first: key c000002\)",
    ),
    "numbers and text in a column with a rule for numbers": (
        cells("amount", "much", 2), ValidationFailed, 4, r"expect_column_values_to_be_between\(amount\)",
    ),
    "numbers in one file and text in another": (
        two_files, DataError, 3, "2.csv: column amount holds text here and numbers in .*1.csv; write it one way",
    ),
    "text in a target of numbers": (
        without_rules(
            to_text(SPEC, "families", "task: regression, families"), to_text(SPEC, "floors: {roc_auc: 0.6}, ", ""),
            to_table(lambda r: r.assign(churned=r["amount"])), cells("churned", "much", 2),
        ), TrainingError, 5, "the target holds .*; task: regression needs numbers",
    ),
    "times with and without a zone": (
        cells("at", "2026-01-05 10:00:00", 100), DataError, 3,
        "customers.csv: at: mixes times with a zone .* and without .*; write all of them one way",
    ),
    "a time that is none": (cells("at", "soon", 100), DataError, 3, "customers.csv: at: 'soon' is no time"),
    "an unknown key in the spec": (
        to_text(SPEC, "floors", "flors"), SpecError, 2,
        r"churn.yaml: promotion.flors: unknown key; did you mean floors\?",
    ),
    "a wrong type in the spec": (
        to_text(SPEC, "holdout: 20d", "holdout: soon"), SpecError, 2, "churn.yaml: training.holdout",
    ),
    "an unknown key in the suite": (
        to_text(SUITE, "severity: critical", "severe: critical"), SpecError, 2,
        r"customers.yaml: expectations.0.severe: unknown key; did you mean severity\?",
    ),
    "an unknown type in the suite": (
        to_text(SUITE, "to_exist", "to_exst"), SpecError, 2,
        r"customers.yaml: expectations.0 .*unknown expectation; did you mean expect_column_to_exist\?",
    ),
    "a wrong type in the suite": (
        to_text(SUITE, "{column: id}", "{column: 7}"), SpecError, 2,
        "expectations.1 .*kwargs.column: 7 is not the name",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_refused_by_name_and_leaves_everything_as_it_was(
    case: str, project: Path, reigning: Reigning
) -> None:
    damage, kind, exit_code, words = CASES[case]
    before = reigning.state()
    damage(project)
    with pytest.raises(EvergreenError, match=words) as refused:
        train("churn", MARCH)
    assert type(refused.value) is kind
    assert refused.value.exit_code == exit_code
    assert reigning.state() == before
    assert before["half files"] == []


def test_a_column_without_a_single_value_is_named_and_left_out(
    project: Path, reigning: Reigning, caplog: pytest.LogCaptureFixture
) -> None:
    column(visits=None)(project)
    to_text(SPEC, "slices: [plan]", "slices: [plan], min_rows: 100000")(project)
    before = reigning.state()
    with caplog.at_level("WARNING"):
        outcome = train("churn", MARCH)
    assert "data/customers.csv: column visits has no value in 2,7" in caplog.text
    # And as a verdict needs more rows: the version is kept as challenger, the champion stays.
    assert outcome.verdict.too_little
    assert not outcome.verdict.promote
    assert "too few, a verdict needs 100,000" in outcome.verdict.reasons[0]
    after = reigning.state()
    assert after["champions"] == before["champions"]
    assert after["aliases"] == before["aliases"]
    assert after["versions"][1:] == before["versions"]
    assert [decision.version for decision in after["decisions"]][-1] == outcome.version


@contextmanager
def disk_full_beyond(size: int) -> Iterator[None]:
    """No file of this process grows beyond ``size`` bytes: writes fail as on a full disk."""
    _, hard = limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (
            40_000,  # the database is opened within
            r"store/snapshots/.*parquet: cannot be written \(File too large\); free space or set EVERGREEN_STORE",
        ),
        (300_000, r"workspace(/records.db)?: cannot be written .*free space or set EVERGREEN_WORKSPACE"),
    ],
)
def test_a_full_disk_is_named_and_leaves_everything_as_it_was(
    size: int, words: str, project: Path, reigning: Reigning
) -> None:
    column(visits=np.arange(3600))(project)  # another table than those that are stored already
    before = reigning.state()
    with disk_full_beyond(size), pytest.raises(StoreError, match=words) as refused:
        train("churn", MARCH)
    assert refused.value.exit_code == 6
    assert reigning.state() == before


@pytest.mark.parametrize(
    ("blocked", "words"),
    [
        ("store", r"store/snapshots/.*cannot be written .*set EVERGREEN_STORE"),
        ("records.db", r"workspace/records.db: cannot be written .*set EVERGREEN_WORKSPACE"),
        ("mlflow.db", r"workspace: cannot be written .*set EVERGREEN_WORKSPACE"),
        ("artifacts", r"workspace: cannot be written .*set EVERGREEN_WORKSPACE"),
    ],
)
def test_a_workspace_that_cannot_be_written_is_named(
    blocked: str, words: str, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = tmp_path / "workspace"
    monkeypatch.setenv("EVERGREEN_WORKSPACE", str(workspace))
    place = workspace / blocked
    place.parent.mkdir(parents=True, exist_ok=True)
    # A file where a folder should be and the other way round: nobody can write there, not even root.
    place.mkdir() if blocked.endswith(".db") else place.write_text("in the way")
    with pytest.raises(StoreError, match=words) as refused:
        train("churn", MARCH)
    assert refused.value.exit_code == 6
    assert list(tmp_path.rglob("*.part")) == []
    if blocked in ("mlflow.db", "artifacts"):
        assert ChampionHistory(local_records(workspace)).decisions("churn") == []


def test_a_workspace_that_is_no_folder_is_one_message_on_the_command_line(project: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    command = [str(Path(sys.executable).parent / "evergreen"), "train", "churn"]
    here = os.environ | {"EVERGREEN_WORKSPACE": str(tmp_path / "file")}
    refused = subprocess.run(command, env=here, capture_output=True, text=True, check=False)
    assert refused.returncode == 6
    assert "file/prefect: cannot be written (Not a directory); free space or set EVERGREEN_WORKSPACE" in refused.stderr
    assert "Traceback" not in refused.stderr
