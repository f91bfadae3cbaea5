from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest

from evergreen.evaluation import figures

RNG = np.random.default_rng(0)
TARGET = RNG.integers(0, 2, 300)


@pytest.mark.parametrize(
    ("task", "target", "prediction", "names"),
    [
        ("binary", TARGET, RNG.random(300), {"roc", "precision_recall", "calibration"}),
        ("binary", np.ones(300), RNG.random(300), {"calibration"}),
        ("multiclass", RNG.integers(0, 3, 300), RNG.dirichlet(np.ones(3), 300), {"confusion"}),
        ("multiclass", RNG.integers(0, 40, 300), RNG.dirichlet(np.ones(40), 300), {"confusion"}),
        ("regression", RNG.normal(size=300), RNG.normal(size=300), {"residuals", "predicted_vs_actual"}),
    ],
)
def test_each_task_has_its_figures_and_they_can_be_saved(task, target, prediction, names) -> None:
    drawn = figures(task, target, prediction)
    assert set(drawn) == names
    for figure in drawn.values():
        png = io.BytesIO()
        figure.savefig(png)
        assert png.getvalue().startswith(b"\x89PNG")


def test_importances_are_drawn_from_the_largest() -> None:
    axes = figures("binary", TARGET, RNG.random(300), {"a": 0.1, "b": 0.3})["importances"].axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]  # bars grow upwards
    assert [bar.get_width() for bar in axes.patches] == [0.1, 0.3]


def test_pyplot_and_its_global_state_are_never_loaded() -> None:
    code = "import sys, evergreen.evaluation; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
