from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import skops.io
from lightgbm import LGBMClassifier
from sklearn.pipeline import Pipeline

from evergreen.errors import DataError
from evergreen.features import RowFeatures, signature_frame
from evergreen.features.rows import Plan, plan_of
from evergreen.io.registry import trusted_types
from evergreen.spec import ModelSpec

INPUTS = ["number", "whole", "truth", "city", "code", "made", "constant", "empty"]


def rows(n: int = 400, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    time = pd.Series(pd.Timestamp("2013-03-01", tz="UTC") + pd.to_timedelta(np.arange(n), unit="h"))
    return pd.DataFrame(
        {
            "__time": time.dt.as_unit("us"),
            "number": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
            "whole": rng.integers(0, 9, n),
            "truth": rng.random(n) < 0.5,
            "city": pd.Series(rng.choice(["Rome", "Oslo", "Bonn", None], n)),
            "code": rng.integers(1, 4, n),
            "made": time - pd.to_timedelta(rng.integers(1, 50, n), unit="h"),
            "constant": 1,
            "empty": pd.Series([None] * n, dtype=object),
        }
    )


def transformer(**changed: object) -> RowFeatures:
    settings = {"categorical": ("code",), "time_column": "__time", "timezone": "America/New_York", **changed}
    return RowFeatures(inputs=INPUTS, plan=Plan(**settings))


def test_the_types_in_which_rows_arrive_do_not_matter() -> None:
    frame = rows()
    fitted = transformer().fit(frame)
    other = frame.assign(
        whole=frame["whole"].astype("float64"),
        truth=frame["truth"].astype(object),
        city=frame["city"].astype("category"),
        code=frame["code"].astype("Int64"),
        made=frame["made"].dt.tz_convert("Asia/Tokyo"),
        empty=np.nan,
        number=frame["number"].astype("Float64"),
    )
    other["__time"] = frame["__time"].dt.tz_convert(None).astype("datetime64[ns]")
    assert fitted.transform(frame).tobytes() == fitted.transform(other).tobytes()


def test_a_row_alone_gives_what_it_gives_among_others() -> None:
    frame = rows()
    fitted = transformer(trend="always").fit(frame)
    alone = np.vstack([fitted.transform(frame.iloc[[at]]) for at in range(20)])
    np.testing.assert_array_equal(alone, fitted.transform(frame)[:20])


def test_rare_and_unseen_categories_share_a_code_and_null_is_null() -> None:
    frame = rows()
    frame.loc[0, "city"] = "Rare"
    fitted = transformer().fit(frame)
    at = list(fitted.get_feature_names_out()).index("city")
    assert at in fitted.categorical_indices_
    seen = fitted.transform(frame.head(3).assign(city=["Rare", "Never seen", None]))[:, at]
    assert seen[0] == seen[1] == 3
    assert np.isnan(seen[2])


def test_at_most_max_levels_are_kept_the_frequent_ones_first() -> None:
    frame = rows().assign(city=["x"] * 200 + ["y"] * 150 + ["z"] * 50)
    fitted = transformer(max_levels=2).fit(frame)
    assert fitted.levels_["city"] == ["x", "y"]


def test_columns_without_information_are_dropped_and_it_is_said_why() -> None:
    frame = rows().assign(twin=lambda f: f["whole"] * 1.0, nearly=[1] * 6 + [0] * 394)
    fitted = RowFeatures([*INPUTS, "twin", "nearly"], Plan()).fit(frame)
    assert not {"constant", "empty", "twin", "nearly"} & set(fitted.get_feature_names_out())
    assert {name: fitted.dropped_[name] for name in ("constant", "empty", "twin", "nearly")} == {
        "constant": "always the same",
        "empty": "always missing",
        "twin": "a copy of whole",
        "nearly": "the same in all but 6 of 400 rows",
    }
    everything = RowFeatures([*INPUTS, "twin", "nearly"], Plan(drop=False)).fit(frame)
    assert {"twin", "nearly"} <= set(everything.get_feature_names_out())
    with pytest.raises(DataError, match="no input varies"):
        RowFeatures(inputs=["constant"]).fit(rows())


def test_the_calendar_is_local_and_seasons_need_a_year() -> None:
    frame = rows()
    fitted = transformer().fit(frame)
    names = list(fitted.get_feature_names_out())
    assert "month" not in names
    # Midnight UTC on 1 March is 19:00 of Thursday 28 February in New York.
    first = fitted.transform(frame.head(1))[0]
    assert (first[names.index("minute_of_day")], first[names.index("weekday")]) == (19 * 60, 3)
    year = rows(366 * 24 + 1)
    assert "month" in transformer().fit(year).get_feature_names_out()


def test_other_times_give_their_calendar_and_the_hours_between_each_two() -> None:
    frame = rows().assign(paid=lambda f: f["made"] + pd.to_timedelta(np.arange(400) % 7, unit="h"))
    fitted = RowFeatures(["made", "paid"], Plan(time_column="__time")).fit(frame)
    names = list(fitted.get_feature_names_out())
    assert {"made_hours", "paid_hours", "made_weekday", "paid_minute_of_day", "made_to_paid_hours"} <= set(names)
    np.testing.assert_array_equal(fitted.transform(frame)[:, names.index("made_to_paid_hours")], np.arange(400) % 7)
    few = RowFeatures(["made", "paid"], Plan(time_column="__time", dates=False)).fit(frame)
    assert set(few.get_feature_names_out()) == {"made_hours", "paid_hours", "minute_of_day", "weekday"}


def test_the_age_of_a_row_stops_at_the_newest_row_of_training() -> None:
    frame = rows()
    fitted = transformer(trend="always").fit(frame.head(240))
    at = list(fitted.get_feature_names_out()).index("trend")
    ages = fitted.transform(frame)[:, at]
    assert ages[24] == 1
    assert set(ages[240:]) == {ages[239]}
    assert "trend" not in transformer(trend="auto").fit(frame).get_feature_names_out()


def test_numbers_are_pulled_in_to_what_training_saw() -> None:
    frame = rows()
    fitted = transformer(clip=0.05).fit(frame)
    wild = frame.head(2).assign(number=[1e9, -1e9])
    at = list(fitted.get_feature_names_out()).index("number")
    known = frame["number"].dropna()
    bounds = np.quantile(known, [0.95, 0.05], method="nearest").astype("float32")
    np.testing.assert_array_equal(fitted.transform(wild)[:, at], bounds)


def test_gaps_are_filled_as_the_spec_says_for_those_that_cannot_read_them() -> None:
    missing = {"fill": "most_frequent", "columns": {"number": -1, "city": "Oslo"}}
    spec = ModelSpec.model_validate(
        {"model": "m", "data": {"source": "s", "target": {"column": "y"}}, "features": {"missing": missing}}
    )
    frame = rows().assign(whole=lambda f: f["whole"].where(f["whole"] > 1))
    inputs = ["number", "whole", "city"]
    fitted = RowFeatures(inputs, plan_of(spec, inputs)).fit(frame)
    fills = dict(zip(fitted.feature_names_, [one[2] for one in fitted.layout()], strict=True))
    assert fills == {
        "number": -1,
        "whole": frame["whole"].mode().iloc[0],
        "city": fitted.levels_["city"].index("Oslo"),
    }
    # The matrix itself, which LightGBM and forests read, keeps its gaps.
    np.testing.assert_array_equal(np.isnan(fitted.transform(frame)[:, 0]), frame["number"].isna())


def test_a_stored_pipeline_predicts_the_same_bits_and_holds_trusted_types_only() -> None:
    frame = rows().assign(shop=[f"s{n % 60}" for n in range(400)], note=[f"a very long note {n}" for n in range(400)])
    target = frame["truth"].to_numpy().astype(float)
    by = (("number", "whole"), "sklearn.preprocessing.KBinsDiscretizer", '{"n_bins": 3}')
    columns = RowFeatures([*INPUTS, "shop", "note"], Plan(time_column="__time", trend="always", transform=(by,)))
    pipeline = Pipeline([("rows", columns), ("model", LGBMClassifier(n_estimators=5, verbose=-1))]).fit(frame, target)
    stored = skops.io.dumps(pipeline)
    assert set(skops.io.get_untrusted_types(data=stored)) <= set(trusted_types())
    loaded = skops.io.loads(stored, trusted=trusted_types())
    assert loaded.predict_proba(frame).tobytes() == pipeline.predict_proba(frame).tobytes()


def test_inputs_that_a_search_left_out_are_neither_needed_nor_in_the_matrix() -> None:
    frame = rows().drop(columns="number")
    fitted = transformer(without=(("number", "of no use"), ("weekday", "of no use"))).fit(frame)
    assert not {"number", "weekday"} & set(fitted.sources_)
    assert fitted.dropped_["number"] == "of no use"
    assert "number" not in fitted.kinds_


def test_a_missing_input_is_named() -> None:
    with pytest.raises(
        DataError, match="citi: the rows have no such column, but the model needs it; did you mean city"
    ):
        signature_frame(rows(), ["citi"])


def test_whole_numbers_in_a_text_column_read_alike() -> None:
    kinds = {"code": "text"}
    frames = [pd.DataFrame({"code": values}) for values in ([7, 8], [7.0, 8.0], ["7", "8"])]
    texts = [signature_frame(frame, ["code"], kinds)["code"].tolist() for frame in frames]
    assert texts == [["7", "8"]] * 3


def test_a_column_of_nulls_keeps_the_kind_it_had_in_training() -> None:
    empty = pd.DataFrame({"city": pd.Series([None, None], dtype=object), "made": [None, None]})
    cast = signature_frame(empty, ["city", "made"], {"city": "text", "made": "time"})
    assert [str(kind) for kind in cast.dtypes] == ["str", "datetime64[ns]"]


def test_a_time_that_nanoseconds_do_not_reach_is_missing_and_so_is_the_clock_of_the_machine() -> None:
    texts = ["0001-01-12", "9999-12-31", "now", " Today", "2013-01-01"]
    cast = [signature_frame(pd.DataFrame({"made": [text]}), ["made"], {"made": "time"})["made"][0] for text in texts]
    assert pd.isna(cast).tolist() == [True, True, True, True, False]
