"""Neighbouring identifiers stay two in every stage: joins, keys, groups, history, expressions, inputs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from evergreen.data import assemble, clean
from evergreen.data.keys import content_key, group_names
from evergreen.errors import DataError
from evergreen.features import RowFeatures, add_expressions, add_history, readable, signature_frame
from evergreen.handoffs import CUT_OFF, KEY, TIME, Lost
from evergreen.spec import Data, History, Join, Read, Target

BIG = 2**53
NOW = datetime(2024, 6, 1, tzinfo=UTC)


def rows(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"row": [1, 2, 3, 4], "y": [0, 1, 0, 1], **columns})


def data(**more: Any) -> Data:
    return Data(source="rows.csv", key="row", target=Target(column="y"), **more)


def test_a_row_is_joined_to_its_own_identifier_and_to_no_neighbour() -> None:
    table = rows(cust=pd.array([BIG + 1, BIG + 2, None, BIG + 3], dtype="Int64"))
    other = pd.DataFrame({"cust": [BIG + 2, BIG + 4], "score": [2.0, 4.0]})
    joined = assemble(table, [other], data(join=[Join(source="cust.csv", on=("cust",))]), NOW)
    assert joined["score"].fillna(0).tolist() == [0, 2, 0, 0]


def test_an_identifier_that_a_join_brought_is_the_key_of_the_next_to_its_last_digit() -> None:
    link = pd.DataFrame({"row": [1, 2, 4], "acct": [BIG + 1, BIG + 2, BIG + 3]})
    accounts = pd.DataFrame({"acct": [BIG + 2, BIG + 4], "limit": [20.0, 40.0]})
    joins = [Join(source="link.csv", on=("row",)), Join(source="acct.csv", on=("acct",))]
    joined = assemble(rows(), [link, accounts], data(join=joins), NOW)
    assert joined["limit"].fillna(0).tolist() == [0, 20, 0, 0]


def test_the_newest_row_of_the_same_identifier_is_taken_where_a_join_looks_back() -> None:
    days = pd.date_range("2024-01-02", periods=4, tz="UTC")
    table = rows(at=days, cust=pd.array([BIG + 1, BIG + 2, None, BIG + 3], dtype="Int64"))
    other = pd.DataFrame(
        {"cust": [BIG + 2, BIG + 4], "seen": pd.Timestamp("2024-01-01", tz="UTC"), "score": [2.0, 4.0]}
    )
    join = Join(source="cust.csv", on=("cust",), as_of="seen")
    joined = assemble(table, [other], data(time="at", join=[join]), NOW)
    assert joined["score"].fillna(0).tolist() == [0, 2, 0, 0]


@pytest.mark.parametrize("kind", ["int64", "Int64", "uint64"])
def test_rows_that_differ_in_the_last_digit_of_an_identifier_have_keys_of_their_own(kind: str) -> None:
    spec = Data(source="t.csv", target=Target(column="y"))
    keys = content_key(pd.DataFrame({"y": [0, 0, 0], "id": [BIG, BIG + 1, BIG + 2]}).astype({"id": kind}), spec)
    assert keys.nunique() == 3


def test_what_a_float_holds_has_the_key_that_it_always_had() -> None:
    spec = Data(source="t.csv", target=Target(column="y"))
    whole, floats = (content_key(pd.DataFrame({"y": [0, 0], "id": pd.Series([7, 2**60]).astype(kind)}), spec)
                     for kind in ("int64", "float64"))  # fmt: skip
    assert whole.tolist() == floats.tolist()


def test_groups_and_inputs_of_text_are_written_to_the_last_digit() -> None:
    ids = pd.Series(pd.array([BIG + 1, BIG + 2, None], dtype="Int64"), name="id")
    assert group_names(ids, pd.Series([1, 2, 3])).tolist() == [str(BIG + 1), str(BIG + 2), "\x003"]
    assert signature_frame(ids.to_frame(), ["id"], {"id": "text"})["id"].tolist()[:2] == [str(BIG + 1), str(BIG + 2)]


def test_history_counts_neighbouring_identifiers_apart_and_gives_the_last_one_whole() -> None:
    times = pd.date_range("2024-01-01", periods=4, freq="h", tz="UTC")
    table = pd.DataFrame({KEY: [1, 2, 3, 4], TIME: times, CUT_OFF: times, "v": 1.0, "all": 1,
                          "cust": pd.array([BIG + 1, BIG + 2, BIG + 1, None], dtype="Int64")})  # fmt: skip
    day = pd.Timedelta("1d").to_pytimedelta()
    rules = [History(by=("cust",), over=day, of="v", take=("count",)),
             History(by=("all",), over=day, of="cust", take=("last",))]  # fmt: skip
    built = add_history(table, rules, {})
    assert built["v_count_1d_by_cust"].tolist()[:3] == [0, 0, 1]
    assert built["cust_last_1d_by_all"].tolist()[1:] == [BIG + 1, BIG + 2, BIG + 1]


def test_an_expression_compares_and_chooses_identifiers_exactly() -> None:
    table = pd.DataFrame({"a": pd.array([BIG + 1, None, BIG + 1], dtype="Int64"), "b": [BIG, BIG + 3, BIG + 1],
                          "c": [5.0, None, 7.0]})  # fmt: skip
    built = add_expressions(table, {
        "same": "a == b", "either": "where(isnull(a), b, a)", "small": "where(a == b, c, b)",
        "only": "where(c > 6, b, 0)",
    })  # fmt: skip
    assert built["same"].tolist() == [False, False, True]
    assert built["either"].tolist() == [BIG + 1, BIG + 3, BIG + 1]
    assert built["small"].tolist() == [BIG, BIG + 3, 7]
    assert built["only"].tolist() == [0, 0, BIG + 1]


def test_what_a_model_cannot_read_is_counted_by_column_over_all_batches() -> None:
    learned = RowFeatures(["size", "when", "town"]).fit(pd.DataFrame(
        {"size": [1.0, 2.0, 3.0] * 30, "when": list(pd.date_range("2024-01-01", periods=90, freq="31h")),
         "town": ["Ulm", "Bonn", "Bonn"] * 30}))  # fmt: skip
    whole = pd.DataFrame({"size": [1, 2], "when": ["2024-01-01", None], "town": ["Ulm", None]})
    odd = pd.DataFrame({"size": ["n.v.", None], "when": [1704067200, 1704067201], "town": ["Rom", "Bonn"]})
    _, read = readable(whole, learned)
    mended, lost = readable(odd, learned)
    assert not read
    assert mended["size"].isna().all()
    assert mended["when"].isna().all()
    assert (read + lost).counts() == {"unread": {"size": 1, "when": 2}, "unknown": {"town": 1}}
    (read + lost).refuse("t.csv")  # a batch of them was read
    with pytest.raises(DataError, match=r"1 of 1 values of size are no number .*; 2 of 2 values of when are no time"):
        lost.refuse("t.csv")
    with pytest.raises(DataError, match="leave --strict out"):
        (read + lost).refuse("t.csv", strict=True)


def test_what_a_spec_says_how_to_read_is_counted_too() -> None:
    lost: dict[str, Lost] = {}
    clean(pd.DataFrame({"price": ["$ 5", "free", None], "day": ["1.2.2024", "3.2.2024", "soon"]}),
          Read(numbers=("price",), dates={"day": ("%d.%m.%Y",)}), lost)  # fmt: skip
    assert lost == {"price": Lost("number", 2, 1, "free"), "day": Lost("time", 3, 1, "soon")}
