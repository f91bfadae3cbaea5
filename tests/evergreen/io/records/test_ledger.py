from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from evergreen.io.records import LabelBatch, Ledger, Scoring

ZERO = datetime(2026, 3, 1, tzinfo=UTC)


def hour(number: int) -> datetime:
    return ZERO + timedelta(hours=number)


def entry(since: int, until: int, uri: str = "a", role: str = "champion", model: str = "churn") -> Scoring:
    return Scoring(model, role, hour(since), hour(until), uri, "features", 10, 1, hour(until))  # type: ignore[arg-type]


def held(ledger: Ledger) -> list[tuple[datetime, datetime, str]]:
    return [(one.since, one.until, one.uri) for one in ledger.scorings("churn")]


def test_entries_that_follow_each_other_stand_side_by_side(records_url: str) -> None:
    ledger = Ledger(records_url)
    assert ledger.last_cut_off("churn") is None
    ledger.replace(entry(0, 24, "a"))
    ledger.replace(entry(24, 48, "b"))
    assert held(ledger) == [(hour(0), hour(24), "a"), (hour(24), hour(48), "b")]
    assert ledger.last_cut_off("churn") == hour(48)


def test_the_same_range_again_replaces_and_never_doubles(records_url: str) -> None:
    ledger = Ledger(records_url)
    for uri in ("a", "b", "b"):
        ledger.replace(entry(0, 24, uri))
    assert held(ledger) == [(hour(0), hour(24), "b")]


@pytest.mark.parametrize(
    ("since", "until", "left"),
    [
        (6, 12, [(0, 6, "a"), (6, 12, "new"), (12, 24, "a")]),
        (-6, 12, [(-6, 12, "new"), (12, 24, "a")]),
        (12, 30, [(0, 12, "a"), (12, 30, "new")]),
        (-6, 30, [(-6, 30, "new")]),
        (0, 12, [(0, 12, "new"), (12, 24, "a")]),
        (12, 24, [(0, 12, "a"), (12, 24, "new")]),
        (24, 30, [(0, 24, "a"), (24, 30, "new")]),
    ],
)
def test_a_range_that_overlaps_trims_or_splits_what_was_there(
    since: int, until: int, left: list[tuple[int, int, str]], records_url: str
) -> None:
    ledger = Ledger(records_url)
    ledger.replace(entry(0, 24))
    ledger.replace(entry(since, until, "new"))
    assert held(ledger) == [(hour(first), hour(last), uri) for first, last, uri in left]


@pytest.mark.parametrize("seed", range(6))
def test_any_sequence_of_ranges_leaves_for_each_cut_off_its_last_writer(seed: int, records_url: str) -> None:
    chance, ledger, expected = random.Random(seed), Ledger(records_url), dict[int, str]()
    for number in range(25):
        since = chance.randrange(0, 40)
        until = since + chance.randrange(1, 20)
        ledger.replace(entry(since, until, str(number)))
        expected |= dict.fromkeys(range(since + 1, until + 1), str(number))
    entries = ledger.scorings("churn")
    found = {
        cut_off: [one.uri for one in entries if one.since < hour(cut_off) <= one.until] for cut_off in range(0, 61)
    }
    assert found == {cut_off: [expected[cut_off]] if cut_off in expected else [] for cut_off in range(0, 61)}
    for first, second in pairwise(entries):
        assert first.until <= second.since


def test_only_entries_with_a_cut_off_in_the_range_are_given(records_url: str) -> None:
    ledger = Ledger(records_url)
    ledger.replace(entry(0, 24, "a"))
    ledger.replace(entry(24, 48, "b"))
    assert [one.uri for one in ledger.scorings("churn", since=hour(24), until=hour(48))] == ["b"]
    assert [one.uri for one in ledger.scorings("churn", since=hour(23), until=hour(25))] == ["a", "b"]
    assert ledger.scorings("churn", since=hour(48)) == []


def test_roles_and_models_do_not_touch_each_other(records_url: str) -> None:
    ledger = Ledger(records_url)
    ledger.replace(entry(0, 24, "a"))
    ledger.replace(entry(0, 24, "b", role="previous"))
    ledger.replace(entry(0, 24, "c", model="fraud"))
    assert held(ledger) == [(hour(0), hour(24), "a")]
    assert [one.uri for one in ledger.scorings("churn", "previous")] == ["b"]


def test_an_entry_is_read_back_as_it_was(records_url: str) -> None:
    written = Scoring("churn", "challenger", hour(0), hour(24), "p", "f", 7, 3, hour(25), 1.5, 210.4)
    Ledger(records_url).replace(written)
    assert Ledger(records_url).scorings("churn", "challenger") == [written]


def test_batches_of_labels_are_kept_once_and_given_as_known_at_a_time(records_url: str) -> None:
    ledger = Ledger(records_url)
    first, second = LabelBatch(hour(1), "a", 10, 0), LabelBatch(hour(2), "b", 4, 1)
    for batch in (second, first, LabelBatch(hour(1), "again", 10, 0)):
        ledger.keep_labels("churn", batch)
    assert ledger.label_batches("churn") == [first, second]
    assert ledger.label_batches("churn", hour(1)) == [first]
    assert ledger.label_batches("fraud") == []


def test_writers_of_overlapping_ranges_at_once_leave_no_overlap(records_url: str) -> None:
    def write(number: int) -> None:
        for turn in range(10):
            Ledger(records_url).replace(entry(turn, turn + 3 + number % 3, f"{number}-{turn}"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    left = Ledger(records_url).scorings("churn")
    assert all(one.until <= other.since for one, other in pairwise(left))
    assert (left[0].since, left[-1].until) == (entry(0, 1, "").since, entry(0, 14, "").until)
