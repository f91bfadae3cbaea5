from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest

from evergreen.evaluation import evaluate, figures

RNG = np.random.default_rng(0)
TARGET = RNG.integers(0, 2, 300)
CLASSES = {"confusion", "roc", "precision_recall", "calibration"}


@pytest.mark.parametrize(
    ("task", "target", "prediction", "names"),
    [
        ("binary", TARGET, RNG.random(300), {"roc", "precision_recall", "calibration"}),
        ("binary", np.ones(300), RNG.random(300), {"calibration"}),
        ("multiclass", RNG.integers(0, 3, 300), RNG.dirichlet(np.ones(3), 300), CLASSES),
        ("multiclass", np.zeros(300), RNG.dirichlet(np.ones(3), 300), {"confusion"}),
        ("multiclass", RNG.integers(0, 40, 300), RNG.dirichlet(np.ones(40), 300), CLASSES),
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


def test_each_class_has_a_curve_with_its_own_value_and_of_many_the_largest_do() -> None:
    target, said = RNG.integers(0, 3, 300), RNG.dirichlet(np.ones(3), 300)
    (roc,) = figures("multiclass", target, said, classes=("a", "b", "c"))["roc"].axes
    values = evaluate("multiclass", target, said, ("a", "b", "c")).values
    shown = [text.get_text() for text in roc.get_legend().get_texts()]
    assert sorted(shown) == [f"{name}: {values[f'roc_auc/{name}']:.3f}" for name in "abc"]
    (many,) = figures("multiclass", RNG.integers(0, 40, 300), RNG.dirichlet(np.ones(40), 300))["roc"].axes
    assert len(many.get_legend().get_texts()) == 6
    assert "the 6 largest classes" in many.get_title()


def test_importances_are_drawn_from_the_largest() -> None:
    axes = figures("binary", TARGET, RNG.random(300), {"a": 0.1, "b": 0.3})["importances"].axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]  # bars grow upwards
    assert [bar.get_width() for bar in axes.patches] == [0.1, 0.3]


def test_pyplot_and_its_global_state_are_never_loaded() -> None:
    code = "import sys, evergreen.evaluation; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
