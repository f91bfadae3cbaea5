from __future__ import annotations

import io

import numpy as np

from evergreen.evaluation import dependence_figure, shap_figure

RNG = np.random.default_rng(0)


def test_the_largest_contributions_are_drawn_and_the_others_counted() -> None:
    parts = RNG.normal(size=(50, 20)) * np.arange(1, 21)
    figure = shap_figure([f"f{at}" for at in range(20)], np.full((50, 20), np.nan), parts)
    bars = figure.axes[0]
    assert "5 smaller ones left out" in bars.get_title()
    assert bars.get_yticklabels()[-1].get_text() == "f19"  # bars grow upwards
    assert [bar.get_width() for bar in bars.patches] == sorted(np.abs(parts).mean(axis=0))[5:]


def test_every_row_is_a_point_coloured_by_its_value_where_it_has_one() -> None:
    values = np.array([[1.0], [2.0], [np.nan]])
    strips = shap_figure(["x"], values, [[0.1], [0.1], [-0.2]]).axes[1].collections
    assert [len(points.get_offsets()) for points in strips] == [1, 2]
    assert {float(at) for at, _ in strips[1].get_offsets()} == {0.1}
    assert len({float(up) for _, up in strips[1].get_offsets()}) == 2  # beside each other, not on top


def test_numbers_are_lines_and_levels_points_with_their_names() -> None:
    figure = dependence_figure([("age", (1.0, 2.0), [0.2, 0.4]), ("plan", ("basic", "pro"), [0.5, 0.1])])
    age, plan = figure.axes
    assert age.lines[0].get_xdata().tolist() == [1, 2]
    assert [label.get_text() for label in plan.get_xticklabels()] == ["basic", "pro"]
    figure.savefig(png := io.BytesIO())
    assert png.getvalue().startswith(b"\x89PNG")


def test_each_class_has_a_curve_of_its_own() -> None:
    figure = dependence_figure([("x", (0.0, 1.0), RNG.random((2, 3)))], classes=("a", "b", "c"))
    assert [line.get_label() for line in figure.axes[0].lines] == ["a", "b", "c"]
