from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

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
    assert found["casual"] == "with registered it gives the target: riders = casual + registered"
    assert set(found) == {"casual", "registered"}
    noisy = frame.assign(riders=frame["riders"] + rng.normal(0, 1, 600))
    assert not [leak for leak in find_leaks(noisy, "riders", "regression", ["casual", "x1", "x2", "x3", "registered"])
                if "it gives the target" in leak.evidence]  # fmt: skip


ROWS = 3000


def amounts(**columns: object) -> pd.DataFrame:
    rng = np.random.default_rng(8)
    given = {name: rng.gamma(2, 10, ROWS).round(2) for name in ("fee", "price", "tax", "rate")}
    return pd.DataFrame({**given, "qty": rng.integers(1, 9, ROWS), "noise": rng.normal(size=ROWS), **columns})


@pytest.mark.parametrize(
    ("formula", "parts", "said"),
    [
        (lambda f: f["qty"] * f["price"], {"qty", "price"}, "total = price * qty"),
        (lambda f: (f["qty"] * f["price"]).round(0), {"qty", "price"}, "total = price * qty"),
        (lambda f: f["price"] / f["rate"], {"price", "rate"}, "total = price / rate"),
        (lambda f: f["price"] / f["rate"] ** 2, {"price", "rate"}, "total = price / rate**2"),
        (lambda f: f["price"] * f["qty"] / f["rate"], {"price", "qty", "rate"}, "total = price * qty / rate"),
        (lambda f: f["price"] - f["fee"], {"price", "fee"}, "total = -fee + price"),
        (lambda f: 1.2 * f["qty"] * f["price"] + f["fee"], {"qty", "price", "fee"}, "total = fee + 1.2 * price * qty"),
        (lambda f: f["fee"] + f["price"] / f["rate"], {"fee", "price", "rate"}, "total = fee + price / rate"),
    ],
)
def test_columns_of_which_a_formula_gives_the_target_are_named_with_it(
    formula: Callable[[pd.DataFrame], pd.Series], parts: set[str], said: str
) -> None:
    frame = amounts().assign(late=formula)
    found = find_leaks(frame, "late", "regression", [name for name in frame if name != "late"])
    assert {leak.column for leak in found} == parts
    assert all(leak.evidence.endswith(said.replace("total", "late")) for leak in found)


@pytest.mark.parametrize("count", [2, 3, 7, 12])
def test_sums_of_any_number_of_parts_are_named_among_noise(count: int) -> None:
    rng = np.random.default_rng(9)
    frame = pd.DataFrame({f"part{at}": rng.gamma(2, 10, 2000).round(2) for at in range(count)})
    frame = frame.assign(**{f"noise{at}": rng.normal(size=2000) for at in range(8)})
    frame["late"] = frame[[f"part{at}" for at in range(count)]].sum(axis=1)
    assert set(names(frame, "regression")) == {f"part{at}" for at in range(count)}


def test_an_honest_strong_relation_is_no_formula() -> None:
    rng = np.random.default_rng(10)
    frame = amounts().assign(late=lambda f: f["qty"] * f["price"] + rng.normal(0, 10, ROWS))
    assert not [said for said in names(frame, "regression").values() if "it gives the target" in said]


def test_a_mean_of_the_target_over_all_rows_is_named() -> None:
    rng = np.random.default_rng(11)
    store = rng.integers(0, 60, ROWS)
    frame = pd.DataFrame({"noise": rng.normal(size=ROWS), "late": rng.normal(store / 30, 3).round(2)})
    means = frame["late"].groupby(store).transform("mean")
    assert set(names(frame.assign(usual=means), "regression")) == {"usual"}
    assert set(names(frame.assign(usual=means.round(3)), "regression")) == {"usual"}
    assert names(frame.assign(usual=means + rng.normal(0, 0.01, 60)[store]), "regression") == {}
    churn = pd.Series(np.where(rng.random(ROWS) < store / 90, "yes", "no"))
    share = (churn == "yes").groupby(store).transform("mean")
    assert "the share of late" in names(frame.assign(late=churn, share=share))["share"]


def test_a_note_that_stands_with_one_class_only_is_named_whatever_its_digits() -> None:
    rng = np.random.default_rng(12)
    late = rng.random(ROWS) < 0.4
    refunded = late & (rng.random(ROWS) < 0.3)
    notes = np.where(refunded, [f"refund {at} sent" for at in range(ROWS)], rng.choice(["call", "no call"], ROWS))
    frame = pd.DataFrame({"late": late.astype(int), "noise": rng.normal(size=ROWS), "note": notes})
    assert "'refund # sent' stands in" in names(frame)["note"]


def test_levels_that_all_tell_the_class_are_the_nature_of_the_data() -> None:
    rng = np.random.default_rng(13)
    smell = rng.choice(["almond", "anise", "foul", "none"], ROWS, p=[0.2, 0.2, 0.3, 0.3])
    late = np.where(smell == "none", rng.random(ROWS) < 0.5, smell == "foul").astype(int)
    assert not [said for said in names(pd.DataFrame({"late": late, "smell": smell})).values() if "stands in" in said]


def test_a_near_copy_is_named_among_few_columns() -> None:
    rng = np.random.default_rng(14)
    frame = table().assign(copy=lambda f: np.where(rng.random(len(f)) < 0.03, 1 - f["late"], f["late"]))
    assert set(names(frame[["late", "noise", "copy"]])) == {"copy"}


@pytest.mark.parametrize(
    ("name", "told"),
    [("reservation_status", True), ("RefundAmount", True), ("cancellation_reason", True), ("marital_status", False),
     ("fare", False), ("honest2", False)],
)  # fmt: skip
def test_a_name_that_tells_of_the_end_is_named_where_the_column_tells_of_the_target(name: str, told: bool) -> None:
    rng = np.random.default_rng(15)
    strong = table().assign(**{name: lambda f: f["late"] * 1.5 + rng.normal(0, 1, len(f))})
    assert (name in names(strong)) is told
    assert names(table().assign(**{name: rng.normal(size=2000)})) == {}


def test_fares_and_tips_are_known_with_the_total_that_they_make() -> None:
    rng = np.random.default_rng(16)
    frame = pd.DataFrame({"fare": rng.gamma(2, 9, ROWS), "miles": rng.normal(size=ROWS)})
    frame["total_amount"] = frame["fare"] * 1.3 + rng.gamma(2, 3, ROWS)
    found = find_leaks(frame, "total_amount", "regression", ["fare", "miles"])
    assert [leak.column for leak in found] == ["fare"]


def test_an_honest_strong_column_among_few_is_no_leak() -> None:
    rng = np.random.default_rng(17)
    frame = pd.DataFrame({"x": rng.normal(size=ROWS), "noise": rng.normal(size=ROWS)})
    assert names(frame.assign(late=frame["x"] + rng.normal(0, 0.2, ROWS)), "regression") == {}


def test_a_place_where_only_one_of_several_classes_lives_is_no_leak() -> None:
    rng = np.random.default_rng(18)
    kind = rng.choice(["Adelie", "Gentoo", "Chinstrap"], 600)
    island = np.where((kind == "Adelie") & (rng.random(600) < 0.4), "Torgersen", rng.choice(["Biscoe", "Dream"], 600))
    assert names(pd.DataFrame({"late": kind, "island": island}), "multiclass") == {}
