from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evergreen import features
from evergreen.io.candidates import Candidates
from evergreen.spec import ModelSpec
from evergreen.training import Finished, Found, Problem, candidates, find_recipe

RECIPE = candidates("binary", ["lightgbm"], 500, 3, 0)[0]
DONE = Finished(RECIPE.with_params(n_estimators=7), np.array([0.1, 1 / 3]), 2.5)


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


def test_an_interrupted_search_goes_on_from_what_the_workspace_holds(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"x": rng.normal(size=200)})
    rows["__target"] = rows["x"] + rng.normal(size=200) > 0
    settings = {"families": ["linear", "naive_bayes"], "search": "portfolio", "budget": timedelta(days=1)}
    spec = ModelSpec.model_validate(
        {"model": "m", "data": {"source": "s", "target": {"column": "y"}}, "training": settings}
    )
    problem = Problem(spec.training, "binary", ("0", "1"), partial(features.row_features, spec, ["x"]))
    fitted: list[str] = []

    def interrupt(finished: Finished, value: float) -> None:
        fitted.append(finished.recipe.name)
        if len(fitted) == 2:
            raise KeyboardInterrupt

    def search() -> Found:
        kept = Candidates(tmp_path, "m", "one")
        return find_recipe(rows[:150], rows[150:], problem, lambda: 0.0, kept, interrupt)

    with pytest.raises(KeyboardInterrupt):
        search()
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "candidates" / "m" / "one").iterdir()}
    assert len(stamps) == 2
    found = search()
    assert len(found.finished) == 3
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items())
