from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evergreen.data import assemble, with_measures
from evergreen.discovery import infer, suite_file
from evergreen.discovery.limits import ceil, floor
from evergreen.io import suites
from evergreen.spec import Data, Target
from evergreen.validation import Suite, load_suite

NOW = datetime(2024, 4, 1, tzinfo=UTC)
DATA = Data(source="t", key="id", time="at", target=Target(column="late"))


def rows(days: int = 60, seed: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    at = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(np.repeat(np.arange(days), 40), unit="D")
    size = len(at)
    return pd.DataFrame(
        {
            "id": [f"R{seed}{number:05d}" for number in range(size)],
            "at": at + pd.to_timedelta(rng.integers(8, 18, size), unit="h"),
            "price": rng.gamma(3, 10, size),
            "shop": rng.choice(["Rome", "Oslo", "Bern"], size),
            "late": (rng.random(size) < 0.3).astype(int),
        }
    )


def table(frame: pd.DataFrame) -> pd.DataFrame:
    return with_measures(assemble(frame, [], DATA, NOW), "UTC", NOW)


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    seen = table(rows())
    path: Path = tmp_path_factory.mktemp("suites") / "shops.yaml"
    path.write_text(suite_file("shops", infer(seen, "late", "binary"), "by a test", len(seen)), encoding="utf-8")
    return load_suite(path)


def broken(frame: pd.DataFrame, suite: Suite) -> set[str]:
    outcomes = suites.validate(table(frame), suite)
    return {f"{outcome.rule.type} {' '.join(outcome.rule.columns)}" for outcome in outcomes if not outcome.success}


def test_an_inferred_suite_holds_for_its_rows_and_for_other_rows_of_the_same_kind(suite: Suite) -> None:
    assert broken(rows(), suite) == set()
    assert broken(rows(seed=6), suite) == set()


def test_an_inferred_suite_lets_a_week_be_scored_though_it_was_found_from_months(suite: Suite) -> None:
    week = rows(days=7, seed=6).assign(late=np.nan)
    outcomes = suites.validate(table(week), suite)
    assert [one.rule for one in outcomes if not one.success and one.rule.severity == "critical"] == []


def test_no_rule_counts_labels_that_are_not_due() -> None:
    late = table(rows()).assign(late=lambda seen: seen["late"].where(seen.index % 3 > 0))
    for task in ("binary", "regression"):
        told = [rule for rule in infer(late, "late", task) if rule.kwargs.get("column") == "late"]
        assert told
        assert "expect_column_values_to_not_be_null" not in [rule.type for rule in told]


def test_an_inferred_suite_sees_what_changed(suite: Suite) -> None:
    clean = rows(seed=6)
    assert "expect_column_mean_to_be_between price" in broken(clean.assign(price=clean["price"] * 2.5), suite)
    assert "expect_column_values_to_be_in_set shop" in broken(clean.assign(shop=clean["shop"].str.upper()), suite)
    assert "expect_column_mean_to_be_between late" in broken(clean.assign(late=1 - clean["late"]), suite)
    hours = clean.assign(at=clean["at"] + pd.Timedelta(hours=9))
    assert "expect_column_values_to_be_in_set __hour" in broken(hours, suite)
    short = clean[(clean["at"].dt.day != 9) | (clean["at"].dt.hour < 10)]
    assert "expect_column_values_to_be_between __day_rows" in broken(short, suite)


def test_every_rule_says_where_it_comes_from(suite: Suite) -> None:
    text = suite_file("shops", infer(table(rows()), "late", "binary"), "by a test", 10)
    assert "# price: mean " in text
    assert "# volume: 40 to 40 rows a day over 58 days" in text
    assert "# freshness: the newest row was " in text
    assert "# late: label balance 0." in text


@pytest.mark.parametrize("value", [0.0, 3.0, -17.123456, 1234567.8, 1e-9, -0.99999])
def test_a_rounded_limit_only_gets_wider(value: float) -> None:
    assert floor(value) <= value <= ceil(value)
    assert floor(value) == pytest.approx(value, rel=2e-3, abs=1e-12)
