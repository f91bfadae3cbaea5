from __future__ import annotations

import numpy as np
import pytest

from evergreen.errors import SpecError
from evergreen.evaluation import Terms, paired
from evergreen.metrics import find_metric
from evergreen.statistics import paired_interval

RNG = np.random.default_rng(0)
ROWS = 1200
TARGET = RNG.integers(0, 2, ROWS).astype(float)
OURS = np.clip(0.3 * TARGET + 0.7 * RNG.random(ROWS), 0, 1)
THEIRS = np.clip(0.1 * TARGET + 0.9 * RNG.random(ROWS), 0, 1)
DAYS = np.repeat(np.arange(12), 100)


def test_the_evidence_holds_gain_values_and_sizes() -> None:
    evidence = paired("binary", "roc_auc", TARGET, OURS, THEIRS, DAYS, "champion 3", {})
    assert (evidence.rows, evidence.blocks, evidence.baseline) == (1200, 12, "champion 3")
    assert evidence.gain == paired_interval("roc_auc", TARGET, OURS, THEIRS, DAYS)
    assert evidence.gain.value == pytest.approx(evidence.ours.value - evidence.theirs.value)
    assert evidence.values["roc_auc"] == evidence.ours.value
    assert evidence.gain.low > 0


def test_slices_are_the_largest_levels_of_each_column() -> None:
    origin = np.array(["JFK"] * 600 + ["EWR"] * 400 + ["LGA"] * 200, dtype=object)[RNG.permutation(ROWS)]
    evidence = paired("binary", "roc_auc", TARGET, OURS, THEIRS, DAYS, "trivial", {"origin": origin}, Terms(largest=2))
    assert [(part.name, part.rows) for part in evidence.slices] == [("origin=JFK", 600), ("origin=EWR", 400)]
    rows = origin == "EWR"
    gain = find_metric("roc_auc").value(TARGET[rows], OURS[rows]) - find_metric("roc_auc").value(
        TARGET[rows], THEIRS[rows]
    )
    assert evidence.slices[1].gain.value == pytest.approx(gain)


def test_a_slice_of_one_class_has_no_gain() -> None:
    evidence = paired("binary", "roc_auc", TARGET, OURS, THEIRS, DAYS, "trivial", {"label": TARGET})
    assert all(np.isnan(part.gain.value) for part in evidence.slices)
    ones = int(TARGET.sum())
    said = {part.name: part.value for part in evidence.slices}
    assert said == {
        "label=1.0": f"undefined: all {ones} rows are of class 1",
        "label=0.0": f"undefined: all {ROWS - ones} rows are of class 0",
    }


def test_missing_levels_are_a_slice_of_their_own() -> None:
    levels = np.array([None, "a", np.nan] * 400, dtype=object)
    evidence = paired("binary", "roc_auc", TARGET, OURS, THEIRS, DAYS, "trivial", {"x": levels})
    assert [(part.name, part.rows) for part in evidence.slices] == [("x=missing", 800), ("x=a", 400)]


def test_without_blocks_each_row_is_its_own() -> None:
    evidence = paired("binary", "roc_auc", TARGET, OURS, THEIRS, None, "trivial", {})
    assert (evidence.blocks, evidence.block_name) == (1200, "rows")


def test_a_metric_of_another_task_is_refused() -> None:
    with pytest.raises(SpecError, match="does not fit"):
        paired("binary", "rmse", TARGET, OURS, THEIRS, DAYS, "trivial", {})


def test_the_evidence_says_why_a_value_is_undefined_and_names_the_classes() -> None:
    ones = np.ones(ROWS)
    evidence = paired("binary", "log_loss", ones, OURS, THEIRS, DAYS, "trivial", terms=Terms(classes=("no", "yes")))
    assert evidence.undefined["roc_auc"] == "all 1200 rows are of class 1"
    assert "recall/yes" in evidence.values
    assert evidence.undefined["recall/no"] == "no row is of class no"
