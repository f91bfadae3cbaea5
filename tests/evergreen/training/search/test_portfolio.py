from __future__ import annotations

from evergreen import training


def leaf(rows: int, classes: int) -> int:
    (forest,) = training.candidates("multiclass", ("extra_trees",), rows, 12, seed=0, n_classes=classes)
    return int(forest.params["min_samples_leaf"])


def test_a_forest_of_many_classes_has_larger_leaves_for_each_node_holds_a_number_a_class() -> None:
    assert leaf(16_000, 3) == leaf(16_000, 10) == 8
    # Nodes, at most two a leaf, of 200 trees, eight bytes a class: no more than 400 MB.
    for rows in (16_000, 100_000):
        assert 2 * rows / leaf(rows, 200) * 200 * 200 * 8 <= 4e8
    assert leaf(300, 3) == 2
