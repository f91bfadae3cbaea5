from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evergreen.errors import TrainingError
from evergreen.training import encode_target, find_task


@pytest.mark.parametrize(
    ("values", "task"),
    [
        ([True, False, None], "binary"),
        ([0, 1, 1], "binary"),
        ([0.0, 1.0, np.nan], "binary"),
        (["yes", "no", "no"], "binary"),
        (["a", "b", "c"], "multiclass"),
        ([1, 2, 3, 3], "multiclass"),
        (list(range(40)), "regression"),
        ([0.5, 1.5, 2.25], "regression"),
    ],
)
def test_the_task_is_found_from_the_target(values: list[object], task: str) -> None:
    assert find_task(pd.Series(values)) == task


@pytest.mark.parametrize("values", [[True, False, None], [1, 0, None], [1.0, 0.0, np.nan], ["1", "0", None]])
def test_binary_labels_read_alike_in_every_type(values: list[object]) -> None:
    for series in (pd.Series(values), pd.Series(values, dtype=object)):
        codes, classes = encode_target(series, "binary")
        assert classes == ("0", "1")
        np.testing.assert_array_equal(codes, [1, 0, np.nan])


def test_classes_of_an_earlier_call_keep_their_places() -> None:
    codes, classes = encode_target(pd.Series(["b", "b"]), "multiclass", ("c", "b", "a"))
    assert codes.tolist() == [1, 1]
    assert classes == ("c", "b", "a")


def test_numbered_classes_are_ordered_as_numbers() -> None:
    assert encode_target(pd.Series([10, 9, 2]), "multiclass")[1] == ("2", "9", "10")


def test_a_constant_target_is_refused_with_advice() -> None:
    with pytest.raises(TrainingError, match=r"all 3 labelled rows have the same target, 1.*widen training\.window"):
        find_task(pd.Series([1, 1, 1]))
    with pytest.raises(TrainingError, match="same target"):
        encode_target(pd.Series([2.5, 2.5]), "regression")


def test_a_strange_class_or_a_text_quantity_is_named() -> None:
    with pytest.raises(TrainingError, match="'maybe', which is none of the classes no, yes"):
        encode_target(pd.Series(["yes", "maybe"]), "binary", ("no", "yes"))
    with pytest.raises(TrainingError, match="task: regression needs numbers"):
        encode_target(pd.Series(["1", "two"]), "regression")
    with pytest.raises(TrainingError, match="binary but the target has 3 classes"):
        encode_target(pd.Series(["a", "b", "c"]), "binary")
