from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evergreen.errors import SpecError
from evergreen.features import add_history, history_name
from evergreen.spec import History

TAKES = ["count", "mean", "last", "sum", "min", "max", "std"]
KNOWN = {"delay": "departed"}


def flights(rows: int, seed: int = 0, lead: str = "2h") -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    minutes = np.sort(rng.integers(0, 20 * 24 * 60, rows))
    time = pd.Timestamp("2013-03-01", tz="UTC") + pd.to_timedelta(minutes, unit="min")
    delay = np.where(rng.random(rows) < 0.2, np.nan, rng.normal(10, 30, rows))
    time = pd.Series(time).dt.as_unit("us")
    return pd.DataFrame(
        {
            "__key": [f"k{number:06d}" for number in rng.permutation(rows)],
            "__time": time,
            "__cut_off": time - pd.Timedelta(lead),
            "origin": pd.Series(rng.choice(["EWR", "JFK", None], rows)),
            "carrier": rng.integers(0, 3, rows),
            "delay": delay,
            "departed": (time + pd.to_timedelta(rng.integers(-30, 120, rows), unit="min")).dt.as_unit("us"),
        }
    )


def by_hand(frame: pd.DataFrame, rule: History) -> pd.DataFrame:
    """Each aggregate of each row: NaN where its key is null, and, but for the count, where nothing is known."""
    found = []
    for number, row in frame.iterrows():
        if any(pd.isna(row[column]) for column in rule.by):
            found.append(dict.fromkeys(rule.take, np.nan))
            continue
        seen = frame.drop(index=number)
        for column in rule.by:
            seen = seen[seen[column] == row[column]]
        seen = seen[seen.departed > row["__cut_off"] - rule.over]
        seen = seen[(seen.departed <= row["__cut_off"]) & seen.delay.notna()]
        known = seen.sort_values(["departed", "__time", "__key"]).delay
        values = {take: getattr(known, take)() for take in ("mean", "sum", "min", "max", "std") if len(known)}
        found.append({"count": len(known), "last": known.iloc[-1] if len(known) else np.nan, **values})
    return pd.DataFrame(found)


@pytest.mark.parametrize("lead", ["0h", "2h"])
@pytest.mark.parametrize("by", [[], ["origin"], ["origin", "carrier"]])
def test_each_aggregate_equals_the_one_computed_by_hand(by: list[str], lead: str) -> None:
    frame = flights(150, lead=lead)
    rule = History(by=by, over="9h", of="delay", take=TAKES)
    built, expected = add_history(frame, [rule], KNOWN), by_hand(frame, rule)
    for take in TAKES:
        np.testing.assert_allclose(built[history_name(rule, take)], expected[take], rtol=1e-12, atol=1e-9)


def test_a_past_week_replayed_as_of_that_week_gives_the_same_bits() -> None:
    frame = flights(4000)
    rules = [History(by=by, over="12h", of="delay", take=TAKES) for by in ([], ["origin"], ["carrier"])]
    full = add_history(frame, rules, KNOWN)
    start, end = pd.Timestamp("2013-03-08", tz="UTC"), pd.Timestamp("2013-03-15", tz="UTC")
    # As of the week's last cut-off: later values are not known; the run-up is over, two days of patience, and lead.
    past = frame[(frame["__time"] >= start - pd.Timedelta("62h")) & (frame["__time"] < end)].reset_index(drop=True)
    as_of = past["__cut_off"].max()
    past[["delay", "departed"]] = past[["delay", "departed"]].where(past["departed"] <= as_of)
    replayed = add_history(past, rules, KNOWN)
    names = [history_name(rule, take) for rule in rules for take in TAKES]
    ours = replayed.loc[replayed["__time"] >= start, names].to_numpy()
    theirs = full.loc[(full["__time"] >= start) & (full["__time"] < end), names].to_numpy()
    assert len(ours) > 1000
    assert ours.tobytes() == theirs.tobytes()


def test_a_value_known_after_the_cut_off_never_reaches_a_row() -> None:
    frame = flights(2000)
    rule = History(by=["origin"], over="9h", of="delay", take=["mean", "max", "std", "last"])
    built = add_history(frame, [rule], KNOWN)
    at = int(np.flatnonzero(built["delay_std_9h_by_origin"].notna())[900])
    row = frame.loc[at]
    assert pd.notna(built.loc[at, "delay_mean_9h_by_origin"])
    planted = frame.copy()
    planted.loc[planted.departed > row["__cut_off"], "delay"] = 1e6
    planted.loc[at, ["delay", "departed"]] = [1e6, row["__cut_off"]]  # its own value, even if it were known in time
    again = add_history(planted, [rule], KNOWN)
    for take in rule.take:
        name = history_name(rule, take)
        assert built.loc[at, name] == again.loc[at, name]
    assert (again.loc[at + 200 :, history_name(rule, "max")] == 1e6).any()


def test_the_order_of_the_rows_does_not_matter() -> None:
    frame = flights(1000)
    rule = History(by=["origin"], over="9h", of="delay", take=TAKES)
    shuffled = add_history(frame.sample(frac=1, random_state=1), [rule], KNOWN).sort_index()
    pd.testing.assert_frame_equal(shuffled, add_history(frame, [rule], KNOWN), check_exact=True)


def test_the_standard_deviation_survives_a_mean_a_billion_times_larger() -> None:
    frame = flights(300).assign(carrier=1)
    rule = History(over="2d", of="delay", take=["std"])
    name = history_name(rule, "std")
    plain = add_history(frame.assign(delay=frame.delay.round()), [rule], KNOWN)[name]
    shifted = add_history(frame.assign(delay=frame.delay.round() + 1e10), [rule], KNOWN)[name]
    pd.testing.assert_series_equal(plain, shifted, check_exact=True)


def test_the_last_value_may_be_text() -> None:
    frame = flights(50).assign(gate=lambda rows: "G" + rows["carrier"].astype(str), __key="x")
    rule = History(over="20d", of="gate", take=["last", "count"])
    built = add_history(frame, [rule], {})
    assert built["gate_last_20d"].iloc[-1].startswith("G")
    assert pd.isna(built["gate_last_20d"].iloc[0])
    with pytest.raises(SpecError, match="needs numbers"):
        add_history(frame, [History(over="1d", of="gate", take=["mean"])], {})


def test_a_misspelt_column_is_named_with_a_suggestion() -> None:
    with pytest.raises(SpecError, match=r"features\.history\.0\.by: orign: .*did you mean origin\?"):
        add_history(flights(10), [History(by=["orign"], over="1h", of="delay")], KNOWN)


def test_a_key_that_is_not_known_at_the_cut_off_is_refused() -> None:
    with pytest.raises(SpecError, match="not known at the cut-off"):
        add_history(flights(10), [History(by=["delay"], over="1h", of="carrier")], KNOWN)


def test_names_say_column_aggregate_period_and_key() -> None:
    assert history_name(History(by=["origin"], over="3h", of="dep_delay"), "mean") == "dep_delay_mean_3h_by_origin"
    assert history_name(History(over="14d", of="late"), "count") == "late_count_14d"


def test_a_value_that_took_longer_than_the_patience_to_become_known_does_not_count() -> None:
    frame = flights(100).assign(delay=1.0)
    late = frame.assign(departed=frame["__time"] + pd.Timedelta("49h"))
    rule = History(over="12h", of="delay", take=["count"])
    assert add_history(late, [rule], KNOWN)[history_name(rule, "count")].eq(0).all()
    in_time = frame.assign(departed=frame["__time"] + pd.Timedelta("47h"))
    assert add_history(in_time, [rule], KNOWN)[history_name(rule, "count")].gt(0).any()


def test_an_empty_table_and_a_column_of_nulls_are_fine() -> None:
    rule = History(by=["origin"], over="9h", of="delay", take=TAKES)
    assert len(add_history(flights(10).iloc[:0], [rule], KNOWN)) == 0
    built = add_history(flights(10).assign(delay=np.nan, origin="EWR"), [rule], KNOWN)
    assert built["delay_count_9h_by_origin"].eq(0).all()
    assert built[[history_name(rule, take) for take in TAKES[1:]]].isna().all(axis=None)
