"""Scoring and labels on a small table: real Prefect, real Great Expectations, real MLflow, real files."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from evergreen.errors import TamperedModel, UsageError, ValidationFailed
from evergreen.handoffs import CUT_OFF, KEY, KNOWN_AT, TARGET, ModelVersion, Rule, Verdict
from evergreen.io.records import Ledger, Scoring
from evergreen.settings import open_workspace
from flows.score import score
from flows.train import train
from tasks.labels import take_labels
from tasks.scoring import find_due, shadows

MARCH = datetime(2026, 3, 10, tzinfo=UTC)
DAY = timedelta(days=1)
#: A row every 36 minutes.
A_DAY = 40


@pytest.fixture(scope="module")
def trained(
    tmp_path_factory: pytest.TempPathFactory, lay_out: Callable[..., Path], content: dict[str, Any]
) -> Iterator[tuple[Path, ModelVersion]]:
    """A project whose champion, of one quick candidate, was crowned as of 10 March; trained once for all tests."""
    root = tmp_path_factory.mktemp("scoring")
    lay_out(root, content["spec"].replace("[lightgbm, linear]", "[linear]"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVERGREEN_PROJECT", str(root))
        patch.setenv("EVERGREEN_WORKSPACE", str(root / ".evergreen"))
        patch.chdir(root)
        yield root, train("churn", MARCH).version


@pytest.fixture
def root(trained: tuple[Path, ModelVersion], content: dict[str, Any]) -> Path:
    """The project as it was right after the training."""
    folder, version = trained
    content["rows"].to_csv(folder / "data" / "customers.csv", index=False)
    with closing(sqlite3.connect(folder / ".evergreen" / "records.db")) as records, records:
        for table in (
            "scorings",
            "label_batches",
            "champion_history WHERE sequence > 1",
            "verdicts WHERE cause = 'a test'",
        ):
            records.execute(f"DELETE FROM {table}")
    open_workspace().registry.set_alias("churn", "champion", version.version)
    return folder


@pytest.fixture
def champion(root: Path, trained: tuple[Path, ModelVersion]) -> ModelVersion:
    return trained[1]


def predicted(since: datetime | None = None, until: datetime | None = None) -> pd.DataFrame:
    return open_workspace().labelled_predictions.read_scored(open_workspace().spec("churn"), since, until)


def another(champion: ModelVersion) -> ModelVersion:
    """One more version with the champion's files."""
    return open_workspace().registry.register(champion, {})


def edit(project: Path, change: object) -> None:
    """Write the source anew, as ``change`` makes it."""
    path = project / "data" / "customers.csv"
    change(pd.read_csv(path)).to_csv(path, index=False)  # type: ignore[operator]


def test_each_cut_off_is_read_by_one_run_and_one_run_only(champion: ModelVersion) -> None:
    first, second = score("churn", MARCH + DAY), score("churn", MARCH + 3 * DAY)
    assert first.scoring is not None
    assert second.scoring is not None
    assert (first.scoring.since, first.scoring.until) == (MARCH, MARCH + DAY)
    assert (second.scoring.since, second.scoring.until) == (MARCH + DAY, MARCH + 3 * DAY)
    one, two = predicted(None, MARCH + DAY), predicted(MARCH + DAY, None)
    # There is a row at each midnight: the one at the end of a range is part of it, the one at its beginning is not.
    assert (one[CUT_OFF].min(), one[CUT_OFF].max()) == (MARCH + timedelta(minutes=36), MARCH + DAY)
    assert (len(one), len(two)) == (A_DAY, 2 * A_DAY)
    assert predicted()[KEY].is_unique
    assert not predicted().late.any()
    assert one.prediction.between(0, 1).all()
    assert (one.version == champion.version).all()
    assert "plan" in one.columns


def test_a_window_scored_twice_leaves_one_set(champion: ModelVersion) -> None:
    score("churn", MARCH + 3 * DAY)
    once = predicted()
    again = score("churn", MARCH + 3 * DAY)
    assert again.scoring is None
    assert "is scored" in again.why
    anew = score("churn", MARCH + 3 * DAY, since=MARCH)
    assert anew.scoring is not None
    assert (anew.scoring.rows, anew.late) == (3 * A_DAY, 0)
    pd.testing.assert_frame_equal(predicted(), once)
    assert len(open_workspace().ledger.scorings("churn")) == 1


def test_a_part_scored_again_replaces_that_part(champion: ModelVersion) -> None:
    score("churn", MARCH + 4 * DAY)
    score("churn", MARCH + 3 * DAY, since=MARCH + 2 * DAY)
    assert len(open_workspace().ledger.scorings("churn")) == 3
    rows = predicted()
    assert rows[KEY].is_unique
    assert len(rows) == 4 * A_DAY
    assert rows.scored_at.value_counts().to_dict() == {
        pd.Timestamp(MARCH + 4 * DAY): 3 * A_DAY, pd.Timestamp(MARCH + 3 * DAY): A_DAY,
    }  # fmt: skip


def test_a_clock_that_jumps_back_gives_nothing_to_do(champion: ModelVersion) -> None:
    score("churn", MARCH + 2 * DAY)
    assert score("churn", MARCH + DAY).scoring is None
    assert len(predicted()) == 2 * A_DAY
    with pytest.raises(UsageError, match="not before"):
        score("churn", MARCH, since=MARCH)


def test_rows_that_a_backfill_brings_after_their_event_are_late_and_those_that_were_there_are_not(
    champion: ModelVersion, root: Path
) -> None:
    whole = pd.read_csv(root / "data" / "customers.csv")
    edit(root, lambda rows: rows[rows.index % 4 != 0])
    score("churn", MARCH + 3 * DAY)
    whole.to_csv(root / "data" / "customers.csv", index=False)
    found = score("churn", MARCH + 4 * DAY, since=MARCH)
    assert found.scoring is not None
    assert found.scoring.rows == 4 * A_DAY
    # A quarter of three days came late; the fourth day was not scored before.
    assert found.late == 3 * A_DAY // 4
    rows = predicted()
    assert set(rows.loc[rows.late, KEY]).isdisjoint(whole.id[whole.index % 4 != 0])
    # Once more: what was late stays late.
    assert score("churn", MARCH + 4 * DAY, since=MARCH).late == found.late


def test_an_empty_window_counts_as_scored_and_is_looked_at_again(champion: ModelVersion, root: Path) -> None:
    whole = pd.read_csv(root / "data" / "customers.csv")
    edit(root, lambda rows: rows[rows["at"] < "2026-03-10"])
    nothing = score("churn", MARCH + 2 * DAY)
    assert nothing.scoring is not None
    assert nothing.scoring.rows == 0
    assert "no row" in nothing.why
    assert predicted().empty
    assert (
        open_workspace()
        .labelled_predictions.read_live(open_workspace().spec("churn"), MARCH, MARCH + DAY, MARCH + 9 * DAY)
        .empty
    )
    whole.to_csv(root / "data" / "customers.csv", index=False)
    found = score("churn", MARCH + 3 * DAY)
    assert found.scoring is not None
    assert found.scoring.since == MARCH
    # Two days of rows came after their events; they are there, and never count as live.
    assert (found.scoring.rows, found.late) == (3 * A_DAY, 2 * A_DAY)
    assert len(open_workspace().ledger.scorings("churn")) == 1


def test_without_a_champion_nothing_is_scored(project: Path) -> None:
    assert "evergreen train churn" in score("churn", MARCH).why


def test_a_champion_that_cannot_be_loaded_leaves_no_entry(champion: ModelVersion, root: Path) -> None:
    stored = next((root / ".evergreen" / "artifacts").rglob(f"{champion.model_id}/artifacts/model.skops"))
    whole = stored.read_bytes()
    stored.write_bytes(whole + b"x")
    with pytest.raises(TamperedModel):
        score("churn", MARCH + DAY)
    stored.write_bytes(whole)
    assert open_workspace().ledger.scorings("churn") == []


def test_a_critical_rule_that_breaks_leaves_no_entry(champion: ModelVersion, root: Path) -> None:
    whole = pd.read_csv(root / "data" / "customers.csv")
    edit(root, lambda rows: rows.rename(columns={"amount": "sum"}))
    with pytest.raises(ValidationFailed, match="amount"):
        score("churn", MARCH + DAY)
    assert open_workspace().ledger.scorings("churn") == []
    whole.to_csv(root / "data" / "customers.csv", index=False)
    assert score("churn", MARCH + DAY).scoring is not None


def test_an_alias_moved_by_hand_is_never_scored_with(champion: ModelVersion) -> None:
    registry = open_workspace().registry
    registry.set_alias("churn", "champion", registry.register(champion, {}).version)
    score("churn", MARCH + DAY)
    assert set(predicted().version) == {champion.version}


def test_the_previous_champion_goes_on_beside_the_new_one_until_it_is_rolled_back(champion: ModelVersion) -> None:
    records, ledger, spec = open_workspace().champions, open_workspace().ledger, open_workspace().spec("churn")
    score("churn", MARCH + DAY)
    second = another(champion)
    records.crown(second, records.champion("churn"), "by hand", MARCH + DAY, "a test")
    found = score("churn", MARCH + 3 * DAY)
    assert [(one.role, one.version, one.rows) for one in found.scorings] == [
        ("champion", second.version, 2 * A_DAY), ("previous", champion.version, 2 * A_DAY),
    ]  # fmt: skip
    beside = open_workspace().labelled_predictions.read_live(
        spec, MARCH + DAY, MARCH + 3 * DAY, MARCH + 5 * DAY, "previous"
    )
    served = open_workspace().labelled_predictions.read_live(spec, MARCH + DAY, MARCH + 3 * DAY, MARCH + 5 * DAY)
    # The first midnight was scored before the crown: champion 1 alone had it.
    assert beside[KEY].tolist() == served[KEY].tolist()[1:]
    # A run that was killed between the two entries: the shadow makes up for what it has not scored, since the crown.
    due = find_due.fn(open_workspace(), spec, second, MARCH + 3 * DAY, None)
    assert due.turns == ()
    third = another(champion)
    records.crown(third, records.champion("churn"), "by hand", MARCH + 2 * DAY, "a test")
    due = find_due.fn(open_workspace(), spec, third, MARCH + 3 * DAY, None)
    assert [(turn.role, turn.version, turn.since) for turn in due.turns] == [("previous", second, MARCH + 2 * DAY)]
    records.crown(second, records.champion("churn"), "rollback", MARCH + 3 * DAY, "a test")
    assert shadows(open_workspace(), spec) == []
    assert ledger.last_cut_off("churn") == MARCH + 3 * DAY


@pytest.mark.parametrize("write", [1, 2])
def test_a_run_that_dies_at_a_write_is_made_good_by_the_next(
    write: int, champion: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    records, ledger = open_workspace().champions, open_workspace().ledger
    records.crown(another(champion), records.champion("churn"), "by hand", MARCH, "a test")
    writes, replacing = iter(range(1, 99)), Ledger.replace

    def dies(self: Ledger, entry: Scoring) -> None:
        if next(writes) == write:
            raise KeyboardInterrupt
        replacing(self, entry)

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "replace", dies)
        with pytest.raises(KeyboardInterrupt):
            score("churn", MARCH + DAY)
    assert len(ledger.scorings("churn")) == write - 1
    score("churn", MARCH + DAY)
    for role in ("champion", "previous"):
        rows = open_workspace().labelled_predictions.read_scored(open_workspace().spec("churn"), None, None, role)
        assert (len(rows), int(rows.late.sum())) == (A_DAY, 0)


def test_the_newest_challenger_that_was_kept_runs_beside_the_champion_where_the_spec_says_so(
    champion: ModelVersion,
) -> None:
    spec, records = open_workspace().spec("churn"), open_workspace().champions
    kept = replace(another(champion), fitted_as_of=MARCH + DAY)
    records.settle("a test", kept, Verdict(False, (Rule("gain", False, "does not"),)), None, None, "a test")
    assert shadows(open_workspace(), spec) == []
    shadowed = spec.model_copy(update={"monitoring": spec.monitoring.model_copy(update={"shadow": True})})
    assert shadows(open_workspace(), shadowed) == [("challenger", kept, MARCH + DAY)]


def test_a_challenger_that_was_not_promoted_is_logged_beside_the_champion_and_never_served(
    champion: ModelVersion, root: Path
) -> None:
    """No probation is under way, and none would be: the spec alone asks for it."""
    records, ledger = open_workspace().champions, open_workspace().ledger
    kept = replace(another(champion), fitted_as_of=MARCH + DAY)
    records.settle("a test", kept, Verdict(False, (Rule("gain", False, "does not"),)), None, None, "a test")
    path = root / "deployments" / "churn.yaml"
    plain = path.read_text()
    path.write_text(plain + "monitoring: {shadow: true}\nprobation: {windows: 0}\n")
    try:
        found = score("churn", MARCH + 3 * DAY)
    finally:
        path.write_text(plain)
    # It scores what became due after it was trained.
    assert [(one.role, one.version, one.rows) for one in found.scorings] == [
        ("champion", champion.version, 3 * A_DAY), ("challenger", kept.version, 2 * A_DAY),
    ]  # fmt: skip
    assert [entry.version for entry in ledger.scorings("churn", "challenger")] == [kept.version]
    spec, window = open_workspace().spec("churn"), (MARCH + DAY, MARCH + 3 * DAY, MARCH + 5 * DAY)
    beside, served = (
        open_workspace().labelled_predictions.read_live(spec, *window, "challenger"),
        open_workspace().labelled_predictions.read_live(spec, *window),
    )
    assert set(served.version) == {champion.version}
    assert beside[KEY].tolist() == served[KEY].tolist()[1:]
    champion_now = records.champion("churn")
    assert champion_now is not None
    assert champion_now.version.version == champion.version
    # Once the spec no longer asks, it scores no more.
    assert [one.role for one in score("churn", MARCH + 4 * DAY).scorings] == ["champion"]


def test_a_shadow_that_cannot_be_loaded_stops_nobody(champion: ModelVersion, caplog: pytest.LogCaptureFixture) -> None:
    records = open_workspace().champions
    damaged = replace(another(champion), sha256="other")
    records.crown(damaged, records.champion("churn"), "by hand", MARCH, "a test")
    records.crown(another(champion), records.champion("churn"), "by hand", MARCH, "a test")
    with caplog.at_level("WARNING"):
        found = score("churn", MARCH + DAY)
    assert [one.role for one in found.scorings] == ["champion"]
    assert f"previous version {damaged.version} did not score" in caplog.text


def test_labels_join_as_they_become_known_and_corrections_count_from_when_they_came(
    champion: ModelVersion, root: Path
) -> None:
    spec = open_workspace().spec("churn")
    score("churn", MARCH + 4 * DAY)
    week = (MARCH, MARCH + 4 * DAY)
    first = take_labels.fn(open_workspace(), spec, MARCH + 2 * DAY, MARCH)
    assert first is not None
    # Labels are known a day after the event, at that very moment too: of a day and the midnight after it.
    assert (first.rows, first.corrected) == (A_DAY + 1, 0)
    assert take_labels.fn(open_workspace(), spec, MARCH + 2 * DAY, MARCH) == first
    early = open_workspace().labelled_predictions.read_live(spec, *week, MARCH + 2 * DAY)
    assert int(early[TARGET].notna().sum()) == A_DAY

    was = early.loc[early[TARGET].notna(), [KEY, TARGET]].iloc[0]
    edit(root, lambda rows: rows.assign(churned=rows.churned.where(rows.id != was[KEY], 1 - rows.churned)))
    second = take_labels.fn(open_workspace(), spec, MARCH + 3 * DAY, MARCH)
    assert second is not None
    assert (second.rows, second.corrected) == (A_DAY + 1, 1)
    late = open_workspace().labelled_predictions.read_live(spec, *week, MARCH + 3 * DAY).set_index(KEY)
    assert late.loc[was[KEY], TARGET] == 1 - was[TARGET]
    assert late.loc[was[KEY], KNOWN_AT] == MARCH + 3 * DAY
    # What was known before is not rewritten, whoever asks when.
    pd.testing.assert_frame_equal(open_workspace().labelled_predictions.read_live(spec, *week, MARCH + 2 * DAY), early)
    assert take_labels.fn(open_workspace(), spec, MARCH + 3 * DAY + timedelta(minutes=1), MARCH) is None


def test_labels_that_never_come_leave_predictions_without(champion: ModelVersion, root: Path) -> None:
    score("churn", MARCH + 2 * DAY)
    edit(root, lambda rows: rows.assign(churned=rows.churned.where(rows["at"] < "2026-03-10")))
    assert take_labels.fn(open_workspace(), open_workspace().spec("churn"), MARCH + 9 * DAY, MARCH) is None
    rows = open_workspace().labelled_predictions.read_live(
        open_workspace().spec("churn"), MARCH, MARCH + 2 * DAY, MARCH + 9 * DAY
    )
    assert len(rows) == 2 * A_DAY - 1
    assert rows[TARGET].isna().all()


UNTIMED = """
model: churn
data: {source: data/customers.csv, key: id, target: {column: churned}}
validation: customers
features: {exclude: [at]}
training: {families: [linear], search: portfolio, budget: 20s}
"""


def test_without_a_time_each_new_row_is_scored_once_and_late_where_its_label_came_first(project: Path) -> None:
    (project / "deployments" / "churn.yaml").write_text(UNTIMED)
    whole = pd.read_csv(project / "data" / "customers.csv")
    edit(project, lambda rows: rows.head(2000))
    assert train("churn", MARCH).verdict.promote
    fresh = whole.iloc[2000:2100].assign(churned=None)
    pd.concat([whole.head(2000), fresh]).to_csv(project / "data" / "customers.csv", index=False)
    found = score("churn", MARCH + DAY)
    assert found.scoring is not None
    # Two negative amounts are put aside; every row but the new ones has a label already.
    assert (found.scoring.rows, found.late) == (2098, 1998)
    assert score("churn", MARCH + 2 * DAY).scorings[0].rows == 0
    whole.head(2150).to_csv(project / "data" / "customers.csv", index=False)
    assert score("churn", MARCH + 3 * DAY).scorings[0].rows == 50
    batch = take_labels.fn(open_workspace(), open_workspace().spec("churn"), MARCH + 4 * DAY)
    assert batch is not None
    assert batch.rows == 2150
    rows = open_workspace().labelled_predictions.read_live(
        open_workspace().spec("churn"), MARCH + DAY, MARCH + 2 * DAY, MARCH + 4 * DAY
    )
    assert len(rows) == 2098
    assert rows.loc[~rows.late, TARGET].notna().sum() == 100
