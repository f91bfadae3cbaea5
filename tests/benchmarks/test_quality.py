from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.quality import main
from benchmarks.quality_report import Compared, Tally, behind, conclude, learned_tables, mean_ratio
from benchmarks.quality_tables import Job, lay_out, manifest


def test_a_column_may_bear_the_name_of_a_label(tmp_path: Path) -> None:
    frame = pd.DataFrame({"y": np.arange(40.0), "x": ["a", "b"] * 20, "label": [0, 1] * 20})
    truth = lay_out(Job("t", frame, "label", "binary"), tmp_path / "t")
    train = pd.read_parquet(tmp_path / "t" / "train.parquet")
    assert len(truth) == 10
    assert json.loads((tmp_path / "t" / "meta.json").read_text())["inputs"] == ["y", "x"]
    assert set(train.pop("__y")) == {0.0, 1.0}
    assert train["y"].nunique() == 30


def test_a_manifest_names_tables_from_outside(tmp_path: Path) -> None:
    pd.DataFrame({"a": [1, 2], "late": ["no", "yes"]}).to_csv(tmp_path / "flights.csv", index=False)
    (tmp_path / "manifest.csv").write_text("file,target,task,time,group\nflights.csv,late,binary,,\n")
    (job,) = manifest(tmp_path)
    assert (job.name, job.target, job.task, job.time, len(job.frame)) == ("flights", "late", "binary", "", 2)


def test_the_end_says_mean_ranks_and_where_ours_fell_short(capsys: pytest.CaptureFixture[str]) -> None:
    learned = sorted(learned_tables())[0]
    tables = [
        Compared("a", {"ours": [1.0], "optuna-lightgbm": [2.0]}),
        Compared("b", {"ours": [2.0, 4.5], "optuna-lightgbm": [2.0, 2.0]}, p_behind={"optuna-lightgbm": 1e-6}),
        Compared("c", {"ours": [1.0], "optuna-lightgbm": [1.0]}, gaps=[0.1], p_behind={"optuna-lightgbm": 0.5}),
        Compared(learned, {"ours": [1.0], "optuna-lightgbm": [9.0]}),
    ]
    conclude(Tally(30.0, tables, over=["letter"], worse=[], speeds=[2.0, 4.0, 3.0]))
    said = capsys.readouterr().out
    assert f"learned from, not counted: {learned}" in said
    assert "mean rank over 3 tables" in said
    assert "beside optuna-lightgbm: -9.59 % (95 % -69.31 to +40.55)" in said
    assert "worst: b +40.5 %, c +0.0 %, a -69.3 %" in said
    assert "behind by a paired test (Holm): b\n" in said
    assert "on the rows that chose: +10.0 %" in said
    assert "ours: seeds differ by 57.34 % (median of 1 tables)" in said
    assert "ours over budget: letter" in said
    assert "ours significantly worse than lightgbm-stopped: nowhere" in said
    assert "3.0 times AutoGluon's rows per second" in said


def test_a_hundredth_behind_is_not_told_and_much_more_is() -> None:
    assert behind(-0.01, -0.012, 1.0) == pytest.approx(0.5)
    assert behind(-0.05, -0.052, 1.0) < 1e-6
    mean, low, high = mean_ratio(np.full(9, 0.2))
    assert (mean, low, high) == pytest.approx((0.2, 0.2, 0.2))


def test_what_is_kept_is_not_measured_again_and_what_takes_no_budget_runs_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=200)
    pd.DataFrame({"x": x, "y": 3 * x + rng.normal(size=200)}).to_csv(tmp_path / "line.csv", index=False)
    (tmp_path / "manifest.csv").write_text("file,target,task,time,group\nline.csv,y,regression,,\n")
    kept = tmp_path / "kept"
    asked = [str(tmp_path), "--budget", "5,10", "--systems", "lightgbm-default", "--keep", str(kept)]
    main(asked)
    (measured,) = kept.iterdir()
    said, written = capsys.readouterr().out, measured.stat().st_mtime_ns
    assert said.count("## line: rmse") == 2
    main(asked)
    assert capsys.readouterr().out == said
    assert measured.stat().st_mtime_ns == written


def test_nobody_is_asked_for_what_no_row_before_has(tmp_path: Path) -> None:
    days = pd.date_range("2024-01-01", periods=40, freq="D").strftime("%d.%m.%Y")
    kinds = ["a", "b"] * 19 + ["new", "a"]
    frame = pd.DataFrame({"day": days, "x": np.arange(40.0), "later": [np.nan] * 35 + [1.0] * 5, "kind": kinds})
    truth = lay_out(Job("t", frame.sample(frac=1, random_state=0), "kind", "multiclass", time="day"), tmp_path / "t")
    assert truth.tolist() == [0, 1] * 4 + [0]
    assert json.loads((tmp_path / "t" / "meta.json").read_text())["inputs"] == ["day", "x"]
    assert pd.read_parquet(tmp_path / "t" / "train.parquet")["x"].tolist() == list(np.arange(30.0))


def test_a_manifest_that_names_no_file_or_no_task_is_refused_before_anything_runs(tmp_path: Path) -> None:
    pd.DataFrame({"x": [1, 2]}).to_csv(tmp_path / "a.csv", index=False)
    (tmp_path / "manifest.csv").write_text("file,target,task,time,group\na.csv,x,regression,,\nb.csv,x,,,\n")
    with pytest.raises(SystemExit, match=r"line 3: no file b\.csv"):
        list(manifest(tmp_path))
    (tmp_path / "manifest.csv").write_text("file,target,task,time,group\na.csv,x,guessing,,\n")
    with pytest.raises(SystemExit, match="line 2: task guessing: binary, multiclass"):
        list(manifest(tmp_path))


def test_a_table_that_cannot_be_read_as_its_manifest_says_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pd.DataFrame({"x": np.arange(40.0), "y": np.arange(40.0)}).to_csv(tmp_path / "line.csv", index=False)
    rows = "line.csv,z,regression,,\nline.csv,y,regression,,\n"
    (tmp_path / "manifest.csv").write_text("file,target,task,time,group\n" + rows)
    main([str(tmp_path), "--budget", "5", "--systems", "lightgbm-default"])
    said = capsys.readouterr().out
    assert "line: left out: no column z; it has x, y" in said
    assert "mean rank over 1 tables" in said
