import numpy as np
import pandas as pd

from evergreen.discovery import find_leaks, shared_rows
from evergreen.discovery.leaks import repeated_rows, sorted_by_target


def table(rows: int = 2000) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    late = rng.random(rows) < 0.3
    return pd.DataFrame(
        {
            "late": late.astype(int),
            "honest": late + rng.normal(0, 1.0, rows),
            "noise": rng.normal(size=rows),
            "level": rng.choice(["a", "b", "c"], rows),
        }
    )


def names(frame: pd.DataFrame, task: str = "binary", **more: object) -> dict[str, str]:
    inputs = [name for name in frame.columns if name != "late"]
    return {leak.column: leak.evidence for leak in find_leaks(frame, "late", task, inputs, **more)}  # type: ignore[arg-type]


def test_honest_columns_are_not_called_leaks() -> None:
    assert names(table()) == {}


def test_a_column_that_alone_predicts_the_target_is_named_with_its_score() -> None:
    frame = table().assign(delay=lambda f: np.where(f["late"] == 1, 40, 5) + np.arange(len(f)) % 7)
    assert list(names(frame)) == ["delay"]
    assert names(frame)["delay"].startswith("alone it predicts the target with ROC AUC 1.000 (next best")


def test_a_column_that_is_null_when_the_target_is_one_class_is_named() -> None:
    frame = table().assign(reason=lambda f: f["noise"].where(f["late"] == 1))
    assert names(frame)["reason"] == ("null in 100.0% of the rows with target 0, and in 0.0% of the others")


def test_a_transformed_quantity_is_named() -> None:
    frame = table().assign(late=lambda f: np.exp(f["honest"]), log=lambda f: f["honest"])
    assert set(names(frame.drop(columns="honest"), "regression")) == {"log"}


def test_a_time_after_the_event_is_named() -> None:
    start = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(np.arange(2000), unit="h")
    frame = table().assign(start=start, end=start + pd.Timedelta(hours=1))
    found = names(frame, times=["start", "end"], event="start")
    assert "lies after start in 100.0%" in found["end"]


def test_an_id_that_sorts_by_the_target_is_named() -> None:
    frame = table().sort_values("late").assign(id=np.arange(2000))
    assert [leak.column for leak in sorted_by_target(frame, "late", "binary", ["id"])] == ["id"]
    mixed = table().assign(id=np.arange(2000))
    assert sorted_by_target(mixed, "late", "binary", ["id"]) == []


def test_rows_that_stand_on_both_sides_of_a_split_are_counted() -> None:
    frame = table()
    assert shared_rows(frame.iloc[:1000], frame.iloc[900:], ["honest", "noise"]) == 100
    torn = pd.concat([frame, frame.iloc[:10].assign(late=lambda f: 1 - f["late"])])
    assert repeated_rows(torn, "late", ["honest", "noise", "level"]) == (10, 10)


def test_parts_that_add_up_to_the_target_are_named_all_of_them() -> None:
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({f"x{at}": rng.normal(size=600) for at in range(4)})
    frame["casual"], frame["registered"] = rng.poisson(20, 600), rng.poisson(90, 600)
    frame["riders"] = frame["casual"] + frame["registered"]
    found = {leak.column: leak.evidence for leak in find_leaks(frame, "riders", "regression", list(frame.columns[:-1]))}
    assert "adds up to the target exactly" in found["casual"]
    assert set(found) == {"casual", "registered"}
    noisy = frame.assign(riders=frame["riders"] + rng.normal(0, 1, 600))
    assert not [leak for leak in find_leaks(noisy, "riders", "regression", ["casual", "x1", "x2", "x3", "registered"])
                if "adds up" in leak.evidence]  # fmt: skip
