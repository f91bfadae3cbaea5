from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest

from evergreen.handoffs import ColumnDrift, Health, Interval, RetrainingDecision, Rule, WindowSlice, WindowValue
from evergreen.monitoring.chart import draw
from evergreen.monitoring.profile import Profile
from evergreen.monitoring.reference import Reference
from evergreen.monitoring.report import estimate_error, health_markdown, health_page

WEEK = timedelta(days=7)
FIRST = datetime(2013, 4, 1, tzinfo=UTC)
NAN = math.nan


def window(number: int, value: float, error: float = 0.01) -> WindowValue:
    return WindowValue(FIRST + number * WEEK, FIRST + (number + 1) * WEEK, 5000, value, error)


def health(number: int, realised: float | None, estimated: float | None, **more: object) -> Health:
    start = FIRST + number * WEEK
    found = Health(
        "churn", 1, start, start + WEEK, start + 2 * WEEK, 5200, 12, 5000, "roc_auc",
        None if realised is None else window(number, realised),
        None if estimated is None else Interval(estimated - 0.01, estimated, estimated + 0.01),
        seconds=2.0, peak_mb=310.0, reasons=(f"window {number} was looked at",),
    )  # fmt: skip
    return replace(found, **more)  # type: ignore[arg-type]


def drift(name: str, effect: float, drifted: bool = False) -> ColumnDrift:
    return ColumnDrift(name, effect, NAN, drifted, 5000, 0.25, 0.0001, f"{name}: looked at")


def reference(level: float = 0.74, values: int = 26) -> Reference:
    past = tuple(window(i - values, level + 0.01 * (-1) ** i) for i in range(values))
    return Reference("roc_auc", level, 0.01, past, Profile((), ()), None)


def firing(fire: bool = False) -> RetrainingDecision:
    triggers = (Rule("performance", True, "roc_auc has fallen"), Rule("age", False, "the champion is young"))
    bars = (Rule("frozen", True, "not frozen"), Rule("cool_down", fire, "the last training was 3 days ago"))
    return RetrainingDecision("churn", FIRST + 3 * WEEK, 1, fire, triggers, bars, "churn-v1-0")


def plain(page: str) -> str:
    """What a reader of the page sees of its text."""
    return unescape(re.sub(r"<[^>]*>", " ", page))


def test_names_from_outside_are_escaped_on_the_page_and_in_the_artifact() -> None:
    evil = "<img src=x onerror=alert(1)>|*_"
    seen = health(
        0, 0.7, 0.7, reasons=(f"{evil} drifted",), drift=(drift(evil, 0.3),),
        slices=(WindowSlice(evil, 300, Interval(0.6, 0.7, 0.8)),),
    )  # fmt: skip
    asked = replace(firing(), triggers=(Rule(evil, True, evil),))
    page = health_page(evil, [seen], None, asked)
    assert "<img" not in page
    assert plain(page).count(evil) == 7  # title, heading, rule and its reason, window, slice, column
    text = health_markdown(evil, [seen], asked)
    assert re.search(r"(?<!\\)<img", text) is None
    assert re.search(r"x\|", text) is None


def test_every_reason_is_shown_those_that_hold_and_those_that_do_not() -> None:
    seen = [health(i, 0.7, 0.7) for i in range(3)]
    page = plain(health_page("churn", seen, reference(), firing()))
    for rule in (*firing().triggers, *firing().bars):
        assert rule.reason in page
    assert "window 2 was looked at" in page
    assert "called for, and held back" in page
    text = health_markdown("churn", seen, firing())
    assert "- roc_auc has fallen" in text
    assert "- the last training was 3 days ago" in text
    assert "window 2 was looked at" in text


@pytest.mark.parametrize(("fire", "word"), [(True, "A training is started"), (False, "held back")])
def test_the_decision_stands_in_one_sentence(fire: bool, word: str) -> None:
    assert word in health_page("churn", [], None, firing(fire))
    assert word in health_markdown("churn", [], firing(fire))


def test_without_a_window_the_page_says_so() -> None:
    for text in (health_page("churn", [], None, None), health_markdown("churn", [], None)):
        assert "No window is over yet" in text
    assert "have not been asked yet" in health_page("churn", [], reference(), None)


def test_what_is_not_a_number_is_never_printed() -> None:
    seen = health(
        1, NAN, NAN, drift=(drift("a", NAN), replace(drift("b", 0.2), missing=NAN, unseen=NAN)),
        slices=(WindowSlice("plan=pro", 3, Interval(NAN, NAN, NAN)),), seconds=0.0, peak_mb=NAN,
    )  # fmt: skip
    unsure = replace(health(0, 0.7, None), realised=window(0, 0.7, NAN))
    for healths in ([health(0, None, None), seen], [seen], [unsure]):
        for past in (None, replace(reference(values=0), level=NAN, tolerance=NAN), reference()):
            texts = health_page("churn", healths, past, firing()), health_markdown("churn", healths, firing())
            for text in texts:
                assert re.search(r"\b(nan|inf|None)\b", text) is None


def test_the_estimate_is_held_against_what_came_with_its_error_so_far() -> None:
    seen = [health(0, 0.70, 0.72), health(1, 0.70, 0.69), health(2, None, 0.71), health(3, 0.70, None)]
    said = estimate_error(seen)
    assert "off by 0.0150 in the mean over the 2 windows that have both (at most 0.0200" in said
    assert "0.0050 too high" in said
    assert said in plain(health_page("churn", seen, None, None))
    assert said in health_markdown("churn", seen, None)
    assert "No window has both" in estimate_error(seen[2:])


def test_the_reference_windows_are_drawn_in_grey_before_the_live_ones() -> None:
    chart = draw([health(0, 0.73, 0.73), health(1, None, 0.70), health(2, 0.71, None)], reference(values=5))
    assert chart is not None
    assert [point.live for point in chart.points] == [False] * 5 + [True] * 2
    assert [point.x for point in chart.points] == sorted(point.x for point in chart.points)
    assert chart.border is not None
    assert chart.points[4].x < chart.border < chart.points[5].x
    assert len(chart.estimates[0]) == 2
    page = health_page("churn", [health(0, 0.73, 0.73)], reference(values=5), None)
    assert page.count('r="3" fill="#9aa5b1"') == 5
    assert page.count('r="4" fill="#1b6ca8"') == 1


def test_the_tolerated_fall_lies_on_the_side_of_the_worse_values() -> None:
    falls = draw([health(0, 0.73, None)], reference())
    loss = draw([health(0, 0.73, None)], replace(reference(), metric="log_loss"))
    assert falls is not None
    assert loss is not None
    # Places are counted from the top.
    assert (falls.tolerated or 0) > (falls.level or 0)
    assert (loss.tolerated or 0) < (loss.level or 0)


def test_a_new_champion_is_marked_where_it_took_over() -> None:
    chart = draw([health(0, 0.7, None), health(1, 0.74, None, version=2)], None)
    assert chart is not None
    (mark,) = chart.crowned
    assert mark.text == "version 2"
    assert chart.points[0].x < mark.place < chart.points[1].x


def test_columns_stand_in_the_order_of_their_drift_and_what_is_missing_is_shown() -> None:
    columns = (drift("small", 0.01), drift("unknown", NAN), drift("large", 0.4, drifted=True))
    page = " ".join(plain(health_page("churn", [health(0, 0.7, 0.7, drift=columns)], None, None)).split())
    places = [page.index(f"{name} {effect}") for name, effect in (("large", 0.4), ("small", 0.01), ("unknown", "–"))]
    assert page.count("looked at") == 4  # each column's words, without its name once more; and the window's
    assert places == sorted(places)
    assert "25.0 %" in page
    assert "under 0.1 %" in page


def test_rows_a_second_and_memory_are_shown_and_no_division_by_no_time() -> None:
    page = plain(health_page("churn", [health(0, 0.7, 0.7)], None, None))
    assert "2,600" in page
    assert "310 MB" in page
    assert "ZeroDivision" not in plain(health_page("churn", [health(0, 0.7, 0.7, seconds=0.0)], None, None))


def test_the_page_needs_no_script_and_nothing_from_elsewhere() -> None:
    page = health_page("churn", [health(i, 0.7, 0.7) for i in range(70)], reference(), firing())
    assert re.search(r"<script|<link|<img|src=|href=|url\(|@import|https?:", page) is None
    assert "10 older windows" in page
