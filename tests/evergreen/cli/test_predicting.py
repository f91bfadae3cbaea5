from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evergreen.cli.predicting import predict
from evergreen.errors import DataError, EmptyWindow, RegistryError, UsageError
from evergreen.io.sources import text
from evergreen.predictions import predict_file
from evergreen.settings import open_workspace

MARCH = datetime(2026, 3, 10, tzinfo=UTC)


@pytest.fixture(scope="module")
def root(
    tmp_path_factory: pytest.TempPathFactory, lay_out: Callable[..., Path], content: dict[str, Any]
) -> Iterator[Path]:
    """A project with a join and an expression, whose champion is one quick candidate; trained once for all tests."""
    from flows.train import train

    root = tmp_path_factory.mktemp("predicting")
    spec = content["spec"].replace("[lightgbm, linear]", "[linear]")
    spec = spec.replace("  target:", "  join: [{source: data/plans.csv, on: [plan]}]\n  target:")
    spec += "features: {expressions: {dear: amount / fee}}\n"
    lay_out(root, spec)
    plans = pd.DataFrame({"plan": ["basic", "plus", "pro"], "fee": [10.0, 20.0, 40.0], "code": ["001", "002", "x"]})
    plans.to_csv(root / "data" / "plans.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVERGREEN_PROJECT", str(root))
        patch.setenv("EVERGREEN_WORKSPACE", str(root / ".evergreen"))
        patch.chdir(root)
        assert train("churn", MARCH).verdict.promote
        yield root


@pytest.fixture
def fresh(root: Path, content: dict[str, Any]) -> pd.DataFrame:
    """Rows as they come before their label: shuffled, one key twice."""
    rows = content["rows"].drop(columns="churned").sample(300, random_state=0)
    return pd.concat([rows, rows.head(1)], ignore_index=True)


def test_keys_classes_and_probabilities_come_out_in_the_files_order(root: Path, fresh: pd.DataFrame) -> None:
    fresh.to_csv(root / "fresh.csv", index=False)
    fresh.to_parquet(root / "fresh.parquet")
    predict("churn", "fresh.csv", root / "one.csv")
    predict("churn", str(root / "fresh.parquet"), root / "two.parquet", version=1)
    one, two = pd.read_csv(root / "one.csv"), pd.read_parquet(root / "two.parquet")
    assert one.columns.tolist() == two.columns.tolist() == ["id", "prediction", "p_0", "p_1"]
    assert one["id"].tolist() == two["id"].tolist() == fresh["id"].tolist()
    np.testing.assert_allclose(one["p_1"], two["p_1"], rtol=1e-12)
    np.testing.assert_allclose(one["p_0"] + one["p_1"], 1)
    assert (one["prediction"] == (one["p_1"] >= 0.5)).all()
    assert one["p_1"].iloc[0] == one["p_1"].iloc[-1]


def test_predictions_are_those_of_the_training_table(root: Path, content: dict[str, Any]) -> None:
    from evergreen import training
    from evergreen.handoffs import KEY
    from evergreen.orchestration.runs import TABLE_TAG

    rows = content["rows"]
    rows.to_csv(root / "all.csv", index=False)
    predict("churn", "all.csv", root / "all-out.csv")
    version = open_workspace().champions.champions("churn")[-1].version
    (uri,) = {run[TABLE_TAG] for run in open_workspace().registry.tagged("churn", TABLE_TAG)}
    table = open_workspace().store.read(uri)
    expected = training.predict(open_workspace().registry.load(version), "binary", table, 2)
    ours = pd.read_csv(root / "all-out.csv").set_index("id")["p_1"]
    np.testing.assert_allclose(ours.loc[table[KEY]], expected, rtol=1e-12)


def test_batches_change_nothing_and_memory_does_not_grow_with_the_file(
    root: Path, fresh: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh.to_csv(root / "small.csv", index=False)
    predict("churn", "small.csv", root / "whole.csv")
    monkeypatch.setattr(text, "_CHUNK", 64)
    predict("churn", "small.csv", root / "pieces.csv")
    pd.testing.assert_frame_equal(pd.read_csv(root / "whole.csv"), pd.read_csv(root / "pieces.csv"))
    monkeypatch.setattr(text, "_CHUNK", 3000)
    peaks = []
    for times in (60, 180):  # both well over what is read of a file at once
        pd.concat([fresh] * times).to_csv(root / "large.csv", index=False)
        tracemalloc.start()
        predict("churn", "large.csv", root / "large-out.parquet")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert len(pd.read_parquet(root / "large-out.parquet")) == 180 * len(fresh)
    assert peaks[1] < 1.3 * peaks[0]


def test_the_class_is_decided_from_the_versions_own_threshold_as_in_the_ledger(root: Path, fresh: pd.DataFrame) -> None:
    champion = open_workspace().champions.champions("churn")[-1].version
    eager = replace(champion, recipe=json.dumps({**json.loads(champion.recipe), "threshold": 0.2}))
    fresh.to_csv(root / "fresh.csv", index=False)
    spec = open_workspace().spec("churn")
    predict_file(open_workspace(), spec, eager, "fresh.csv", root / "eager.csv", MARCH)
    said = pd.read_csv(root / "eager.csv")
    assert (said["prediction"] == (said["p_1"] >= 0.2)).all()
    assert said["p_1"].between(0.2, 0.5).any()


def test_a_text_that_a_spreadsheet_would_run_is_written_so_that_it_does_not(root: Path, fresh: pd.DataFrame) -> None:
    formulas = ["=cmd|' /C calc'!A0", "+1", "-2+3", "@SUM(A1)", "\t=1", "c-1"]
    fresh.head(len(formulas)).assign(id=formulas).to_csv(root / "odd.csv", index=False)
    predict("churn", "odd.csv", root / "calm.csv")
    predict("churn", "odd.csv", root / "raw.csv", raw=True)
    assert pd.read_csv(root / "calm.csv")["id"].tolist() == [*(f"'{text}" for text in formulas[:5]), "c-1"]
    assert pd.read_csv(root / "raw.csv")["id"].tolist() == formulas
    assert pd.read_csv(root / "calm.csv")["p_1"].equals(pd.read_csv(root / "raw.csv")["p_1"])


def test_a_file_without_the_keys_column_is_counted(root: Path, fresh: pd.DataFrame) -> None:
    fresh.drop(columns="id").to_csv(root / "nameless.csv.gz", index=False)
    predict("churn", "nameless.csv.gz", root / "nameless-out.csv.gz")
    assert pd.read_csv(root / "nameless-out.csv.gz")["row"].tolist() == list(range(1, len(fresh) + 1))


def test_missing_columns_are_all_named_and_nothing_is_written(root: Path, fresh: pd.DataFrame) -> None:
    fresh.rename(columns={"amount": "amuont"}).drop(columns=["at", "plan"]).to_csv(root / "lacking.csv", index=False)
    with pytest.raises(DataError, match=r"^lacking\.csv: lacks amount, at, plan, which churn .*did you mean amuont\?"):
        predict("churn", "lacking.csv", root / "none.csv")
    fresh.head(0).to_csv(root / "empty.csv", index=False)
    with pytest.raises(EmptyWindow, match=r"empty\.csv: no rows"):
        predict("churn", "empty.csv", root / "none.csv")
    assert not list(root.glob("*none.csv"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"out": Path("out.xlsx")}, r"out\.xlsx: ends in none of \.csv, \.csv\.gz, \.parquet"),
        ({"out": Path("nowhere/out.csv")}, "there is no folder nowhere"),
        ({"out": Path("fresh.csv")}, "is the file that is read"),
    ],
)
def test_what_cannot_be_done_is_said_with_the_way_out(
    root: Path, fresh: pd.DataFrame, change: dict[str, Any], said: str
) -> None:
    fresh.to_csv(root / "fresh.csv", index=False)
    with pytest.raises(UsageError, match=said):
        predict(**({"name": "churn", "file": "fresh.csv", "out": Path("out.csv")} | change))


def test_a_version_that_is_not_there_ends_with_the_exit_code_of_the_registry(root: Path) -> None:
    with pytest.raises(RegistryError, match=r"churn: no version 7; known: 1$") as refused:
        predict("churn", "fresh.csv", Path("out.csv"), version=7)
    assert refused.value.exit_code == 7


def test_a_model_that_looks_at_earlier_rows_points_to_score(root: Path, fresh: pd.DataFrame) -> None:
    path = root / "deployments" / "churn.yaml"
    before = path.read_text()
    try:
        history = "history: [{by: [plan], over: 3d, of: amount, take: [mean]}]"
        path.write_text(before.replace("features: {", f"features: {{{history}, "))
        with pytest.raises(UsageError, match=r"looks at earlier rows .*run: evergreen score churn"):
            predict("churn", "fresh.csv", root / "out.csv")
    finally:
        path.write_text(before)


def test_without_a_champion_predict_says_what_to_do(project: Path) -> None:
    with pytest.raises(RegistryError, match="no champion yet; run: evergreen train churn"):
        predict("churn", "data/customers.csv", project / "out.csv")
    with pytest.raises(RegistryError, match="no version 3; there is none yet; run: evergreen train churn"):
        predict("churn", "data/customers.csv", project / "out.csv", version=3)


@pytest.mark.parametrize("strange", ["0,123", "n.v.", "1.2 kg", "\u20ac 12"])
def test_a_column_without_one_value_that_can_be_read_is_refused(root: Path, fresh: pd.DataFrame, strange: str) -> None:
    fresh.assign(amount=strange).to_csv(root / "odd.csv", index=False)
    with pytest.raises(DataError, match=r"odd.csv: 301 of 301 values of amount are no number .*e.g. '"):
        predict("churn", "odd.csv", root / "never.csv")
    assert not (root / "never.csv").exists()


def test_single_values_that_cannot_be_read_and_unknown_levels_are_counted_and_refused_by_strict(
    root: Path, fresh: pd.DataFrame, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = fresh.astype({"amount": "str"})
    odd.loc[[3, 70, 200], "amount"] = "abc"
    odd.loc[5, "plan"] = "Atlantis"
    odd.to_csv(root / "odd.csv", index=False)
    monkeypatch.setattr(text, "_CHUNK", 64)  # whole batches are read without a loss
    predict("churn", "odd.csv", root / "some.csv")
    said = capsys.readouterr().out
    assert "3 of 301 values of amount are no number and count as missing (e.g. 'abc')" in said
    assert "1 of 301 values of plan are unknown to the model (e.g. 'Atlantis')" in said
    predict("churn", "odd.csv", root / "some.csv", as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["unread"], told["unknown"]) == ({"amount": 3}, {"plan": 1})
    with pytest.raises(DataError, match=r"amount .* leave --strict out"):
        predict("churn", "odd.csv", root / "never.csv", strict=True)
    predict("churn", "fresh.csv", root / "some.csv", strict=True)
