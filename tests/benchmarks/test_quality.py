from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.quality import Tally, _conclude, main
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
    ranks = {"ours": [1.0, 2.0, 1.0], "flaml": [2.0, 1.0, 2.0]}
    _conclude(Tally(30.0, ranks, over=["letter"], worse=[], speeds=[2.0, 4.0, 3.0]))
    said = capsys.readouterr().out
    assert "mean rank over 3 tables" in said
    assert "ours over budget: letter" in said
    assert "ours significantly worse than lightgbm-stopped: nowhere" in said
    assert "3.0 times AutoGluon's rows per second" in said


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
