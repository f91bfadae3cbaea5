from __future__ import annotations

from pathlib import Path

import numpy as np

from evergreen.io.candidates import Candidates
from evergreen.training import Finished, candidates

RECIPE = candidates("binary", ["lightgbm"], 500, 3, 0)[0]
DONE = Finished(RECIPE.with_settings(n_estimators=7), np.array([0.1, 1 / 3]), 2.5)


def test_a_finished_candidate_is_remembered_to_the_bit(tmp_path: Path) -> None:
    Candidates(tmp_path, "m", "one").keep(RECIPE, 0.7, DONE)
    found = Candidates(tmp_path, "m", "one").recall(RECIPE, 0.7)
    assert found is not None
    assert found.recipe == DONE.recipe
    assert found.tuning.tobytes() == DONE.tuning.tobytes()
    assert found.seconds == 2.5


def test_another_value_to_beat_or_other_rows_are_another_candidate(tmp_path: Path) -> None:
    Candidates(tmp_path, "m", "one").keep(RECIPE, 0.7, DONE)
    assert Candidates(tmp_path, "m", "one").recall(RECIPE, 0.8) is None
    assert Candidates(tmp_path, "other", "one").recall(RECIPE, 0.7) is None


def test_candidates_of_an_earlier_training_are_removed(tmp_path: Path) -> None:
    Candidates(tmp_path, "m", "one").keep(RECIPE, None, DONE)
    Candidates(tmp_path, "m", "two")
    assert not list((tmp_path / "candidates" / "m").iterdir())
