from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from evergreen.errors import DataError
from evergreen.features import RowFeatures, signature_frame

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
            "made": time - pd.Timedelta("3h"),
            "constant": 1,
            "empty": pd.Series([None] * n, dtype=object),
        }
    )


def transformer(encode: str = "codes", **changed: object) -> RowFeatures:
    settings = {"categorical": ["code"], "time_column": "__time", "timezone": "America/New_York", **changed}
    return RowFeatures(inputs=INPUTS, encode=encode, cyclic=encode == "onehot", **settings)


@pytest.mark.parametrize("encode", ["codes", "onehot"])
def test_the_types_in_which_rows_arrive_do_not_matter(encode: str) -> None:
    frame = rows()
    fitted = transformer(encode).fit(frame)
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
    for encode in ("codes", "onehot"):
        fitted = transformer(encode).fit(frame)
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


def test_columns_without_information_are_dropped() -> None:
    names = transformer().fit(rows()).get_feature_names_out()
    assert not {"constant", "empty"} & set(names)
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


def test_linear_models_get_scaled_columns_without_nulls() -> None:
    fitted = transformer("onehot").fit(rows())
    matrix = fitted.transform(rows())
    assert matrix.dtype == np.float32
    assert np.isfinite(matrix).all()
    np.testing.assert_allclose(matrix.std(axis=0), 1, atol=1e-3)
    assert "number_is_null" in fitted.get_feature_names_out()


@pytest.mark.parametrize("encode", ["codes", "onehot"])
def test_a_stored_pipeline_predicts_the_same_bits(encode: str) -> None:
    frame = rows()
    target = frame["truth"].to_numpy().astype(float)
    columns = transformer(encode)
    if encode == "codes":
        columns.set_params(inputs=["whole", "code"])
    pipeline = Pipeline([("rows", columns), ("model", LogisticRegression())]).fit(frame, target)
    stored = skops.io.dumps(pipeline)
    strange = skops.io.get_untrusted_types(data=stored)
    assert strange == ["evergreen.features.rows.RowFeatures"]
    loaded = skops.io.loads(stored, trusted=strange)
    assert loaded.predict_proba(frame).tobytes() == pipeline.predict_proba(frame).tobytes()


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
