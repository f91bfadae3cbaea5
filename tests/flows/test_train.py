"""The main job on a small table: real Prefect, real Great Expectations, real MLflow, real files."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from evergreen.errors import ValidationFailed
from evergreen.settings import open_workspace
from flows.evaluate import evaluate
from flows.train import Outcome, train

MARCH = datetime(2026, 3, 10, tzinfo=UTC)
APRIL = datetime(2026, 4, 2, tzinfo=UTC)


def test_a_first_champion_is_trained_judged_and_crowned(first: Outcome) -> None:
    assert first.verdict.promote, first.verdict.reasons
    assert first.evidence is not None
    assert first.evidence.baseline == "trivial"
    reign = open_workspace().champions.champion("churn")
    assert reign is not None
    assert reign.version == first.version
    assert open_workspace().registry.alias("churn", "champion") == first.version.version
    # The champion was refitted with the holdout included.
    assert first.version.fitted_until is not None
    assert MARCH - first.version.fitted_until < pd.Timedelta("2d")


def test_broken_rows_are_put_aside_with_the_rules_name(first: Outcome) -> None:
    assert first.validation is not None
    assert first.validation.quarantined == 3
    rows = open_workspace().champions.quarantined("churn")
    assert [row["row_key"] for row in rows] == ["c000007", "c001207", "c002407"]
    assert all("amount" in row["rule"] for row in rows)


def test_the_run_holds_the_rules_as_a_page_as_data_and_in_figures(first: Outcome) -> None:
    registry, run_id = open_workspace().registry, first.version.run_id
    results = json.loads(registry.read_text(run_id, "validation/results.json") or "[]")
    assert [one["rows_broken"] for one in results] == [0, 0, 3]
    assert "expect_column_values_to_be_between" in (registry.read_text(run_id, "validation/rules.html") or "")
    metrics = registry.metrics(run_id)
    assert (metrics["rules"], metrics["rules_broken"], metrics["rows_put_aside"]) == (3, 1, 3)


def test_training_again_on_the_same_rows_changes_nothing(first: Outcome) -> None:
    again = train("churn", MARCH)
    assert again.repeated
    assert (again.version, again.verdict) == (first.version, first.verdict)
    assert len(open_workspace().registry.versions("churn")) == 1


def test_the_next_challenger_is_judged_on_rows_that_the_champion_has_not_seen(first: Outcome) -> None:
    second = train("churn", APRIL)
    assert second.evidence is not None
    assert second.evidence.baseline == f"champion {first.version.version}"
    # From 9 March (labels unknown on the 10th) to the end of the data: never the 20 days that the spec asks for and
    # the champion has partly seen.
    assert second.evidence.blocks <= 24
    champions = open_workspace().champions.champions("churn")
    assert [reign.version.version for reign in champions] == ([1, 2] if second.verdict.promote else [1])


def test_without_unseen_rows_the_champion_stays(first: Outcome, project: Path) -> None:
    spec = project / "deployments" / "churn.yaml"
    spec.write_text(spec.read_text().replace("budget: 10min", "budget: 11min"))
    outcome = train("churn", MARCH)
    assert outcome.verdict.too_little
    assert not outcome.verdict.promote
    assert [reign.version.version for reign in open_workspace().champions.champions("churn")] == [1]


def test_before_a_whole_new_day_has_passed_there_is_too_little_to_judge_by(first: Outcome) -> None:
    """Rows of the very day that the champion was fitted into are no verdict, and no error either."""
    again = train("churn", MARCH + timedelta(hours=18))
    assert again.evidence is not None
    assert 0 < again.evidence.rows < 40
    assert again.verdict.too_little
    assert not again.verdict.promote
    assert "1 days: too few for an interval" in "; ".join(again.verdict.reasons)


def test_a_champion_is_measured_on_a_later_window(first: Outcome, caplog: pytest.LogCaptureFixture) -> None:
    window = datetime(2026, 3, 10, tzinfo=UTC), datetime(2026, 3, 28, tzinfo=UTC)
    evidence = evaluate("churn", *window, APRIL)
    assert evidence.rows == 18 * 40
    assert evidence.ours.low > 0.6
    said = [path.read_text() for path in open_workspace().folder.glob("artifacts/churn/*/artifacts/summary.md")]
    (measured,) = [text for text in said if text.startswith("## churn: measured\n")]
    assert "| roc_auc, challenger |" not in measured
    assert "| roc_auc, version |" in measured
    assert "flatters" not in caplog.text
    # Once more: the same record, and no second run.
    runs = len(list(open_workspace().folder.glob("artifacts/churn/*")))
    assert evaluate("churn", *window, APRIL) == evidence
    assert len(list(open_workspace().folder.glob("artifacts/churn/*"))) == runs


def test_a_measurement_on_rows_that_the_version_was_fitted_on_says_so(
    first: Outcome, caplog: pytest.LogCaptureFixture
) -> None:
    evaluate("churn", datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 28, tzinfo=UTC), APRIL)
    assert "version 1 may have been fitted on 320 of these 1,079 rows" in caplog.text


def test_a_window_without_a_zone_is_meant_in_utc(first: Outcome) -> None:
    naive, zoned = (datetime(2026, 3, 10, tzinfo=zone) for zone in (None, UTC))
    until = datetime(2026, 3, 28, tzinfo=UTC)
    assert evaluate("churn", naive, until, APRIL) == evaluate("churn", zoned, until, APRIL)


def test_a_run_that_a_critical_rule_stops_leaves_no_version(project: Path) -> None:
    data = project / "data" / "customers.csv"
    pd.read_csv(data).rename(columns={"amount": "sum"}).to_csv(data, index=False)
    with pytest.raises(ValidationFailed, match="amount"):
        train("churn", MARCH)
    assert open_workspace().champions.decisions("churn") == []
    assert open_workspace().champions.champion("churn") is None


def test_a_released_row_goes_on_although_the_source_is_the_same(first: Outcome) -> None:
    open_workspace().champions.release("churn", ["c000007"], "a refund")
    second = train("churn", MARCH)
    assert second.validation is not None
    assert (second.validation.quarantined, second.validation.released) == (2, 1)


def test_an_alias_moved_by_hand_is_reported_and_not_served(first: Outcome, caplog: pytest.LogCaptureFixture) -> None:
    registry = open_workspace().registry
    other = registry.register(first.version, {})
    registry.set_alias("churn", "champion", other.version)
    from tasks.promotion import find_champion

    with caplog.at_level("WARNING"):
        assert find_champion.fn(open_workspace(), "churn") == first.version
    assert "moved to version 2 by hand" in caplog.text


def test_a_decision_to_retrain_that_is_announced_twice_is_answered_once(project: Path) -> None:
    """The second time before the source is read."""
    answer = train("churn", MARCH, cause="churn-v0-0")
    (project / "data" / "customers.csv").unlink()
    again = train("churn", APRIL, cause="churn-v0-0")
    assert again.repeated
    assert again.version == answer.version
    assert len(open_workspace().champions.decisions("churn")) == 1
    assert open_workspace().monitoring.closed("churn") == {}
