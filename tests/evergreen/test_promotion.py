from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evergreen.handoffs import Evidence, Interval, SliceEvidence
from evergreen.promotion import Trial, decide, judge_trial, trial_confidence
from evergreen.spec import Probation, Promotion

NOTHING = Interval(np.nan, np.nan, np.nan)
SHOWN = Interval(0.002, 0.006, 0.010)
EVIDENCE = Evidence(
    metric="roc_auc",
    rows=12_904,
    blocks=14,
    gain=SHOWN,
    ours=Interval(0.70, 0.74, 0.78),
    theirs=Interval(0.69, 0.734, 0.77),
    baseline="champion 3",
    values={"roc_auc": 0.74, "log_loss": 0.4},
)
RULES = Promotion()


def slice_of(rows: int, gain: Interval) -> SliceEvidence:
    return SliceEvidence("origin=JFK", rows, gain, Interval(0.6, 0.7, 0.8))


def test_a_gain_that_is_shown_is_promoted() -> None:
    verdict = decide(EVIDENCE, RULES)
    assert verdict.promote
    assert verdict.reasons[2] == (
        "roc_auc gains 0.006 (one-sided 95 % 0.002 to 0.010; 14 days, 12,904 rows): shown to be above 0"
    )


def test_decide_keeps_the_champion_when_the_gain_may_be_chance() -> None:
    verdict = decide(replace(EVIDENCE, gain=Interval(-0.004, 0.003, 0.010)), RULES)
    assert not verdict.promote
    assert not verdict.too_little
    assert verdict.reasons[2] == (
        "roc_auc gains 0.003 (one-sided 95 % -0.004 to 0.010; 14 days, 12,904 rows): not shown to be above 0"
    )


def test_a_gain_of_exactly_zero_is_not_above_zero() -> None:
    assert not decide(replace(EVIDENCE, gain=Interval(0, 0, 0)), RULES).promote


@pytest.mark.parametrize(("low", "promoted"), [(-0.004, True), (-0.006, False)])
def test_not_worse_tolerates_the_margin_and_no_more(low: float, promoted: bool) -> None:
    rules = Promotion(rule="not_worse", margin=0.005)
    assert decide(replace(EVIDENCE, gain=Interval(low, -0.001, 0.003)), rules).promote is promoted


def test_not_worse_than_trivial_is_no_achievement() -> None:
    rules = Promotion(rule="not_worse", margin=0.005)
    assert not decide(replace(EVIDENCE, gain=Interval(-0.001, 0, 0.001), baseline="trivial"), rules).promote


@pytest.mark.parametrize("change", [{"rows": 199}, {"blocks": 3, "gain": Interval(np.nan, 0.1, np.nan)}])
def test_too_few_rows_or_blocks_keep_the_champion_and_say_so(change: dict[str, object]) -> None:
    verdict = decide(replace(EVIDENCE, **change), RULES)
    assert verdict.too_little
    assert not verdict.promote
    assert any("too few" in reason for reason in verdict.reasons)


@pytest.mark.parametrize("gain", [NOTHING, Interval(np.nan, 0.1, np.nan), Interval(0.1, np.nan, 0.2)])
def test_a_gain_without_a_value_keeps_the_champion(gain: Interval) -> None:
    assert not decide(replace(EVIDENCE, gain=gain), RULES).promote


@pytest.mark.parametrize(
    ("metric", "bound", "promoted"),
    [("roc_auc", 0.74, True), ("roc_auc", 0.75, False), ("log_loss", 0.4, True), ("log_loss", 0.39, False)],
)
def test_a_floor_is_a_minimum_and_for_losses_a_maximum(metric: str, bound: float, promoted: bool) -> None:
    assert decide(EVIDENCE, Promotion(floors={metric: bound})).promote is promoted


@pytest.mark.parametrize("values", [{}, {"roc_auc": np.nan}])
def test_a_floor_without_a_value_keeps_the_champion(values: dict[str, float]) -> None:
    assert not decide(replace(EVIDENCE, values=values), Promotion(floors={"roc_auc": 0.1})).promote


@pytest.mark.parametrize(
    ("rows", "gain", "promoted"),
    [
        (900, Interval(-0.05, -0.03, -0.011), False),  # shown to lose more than 0.01
        (900, Interval(-0.05, -0.03, -0.009), True),  # may lose less
        (499, Interval(-0.05, -0.03, -0.02), True),  # too small to be judged
        (900, NOTHING, False),
        (499, NOTHING, True),
    ],
)
def test_a_slice_breaks_the_gate_only_when_its_loss_is_not_in_doubt(rows: int, gain: Interval, promoted: bool) -> None:
    verdict = decide(replace(EVIDENCE, slices=(slice_of(rows, gain),)), RULES)
    assert verdict.promote is promoted
    assert verdict.reasons[-1].startswith("origin=JFK: ")
    assert ("not judged" in verdict.reasons[-1]) is (rows < 500)


@pytest.mark.parametrize(("seconds", "promoted"), [(1e-3, True), (2e-3, False), (np.nan, False)])
def test_scoring_time_is_bounded(seconds: float, promoted: bool) -> None:
    rules = Promotion(max_seconds_per_1000_rows=1.0)
    assert decide(replace(EVIDENCE, seconds_per_row=seconds), rules).promote is promoted


def test_every_rule_is_named_also_after_one_is_broken() -> None:
    rules = Promotion(floors={"roc_auc": 0.9}, max_seconds_per_1000_rows=1.0)
    verdict = decide(replace(EVIDENCE, rows=10, slices=(slice_of(600, SHOWN),)), rules)
    assert [rule.name for rule in verdict.rules] == [
        "min_rows",
        "min_blocks",
        "superior",
        "floors.roc_auc",
        "slices.origin=JFK",
        "max_seconds_per_1000_rows",
    ]
    assert [rule.held for rule in verdict.rules] == [False, True, True, False, True, True]


def test_the_sentence_names_the_confidence_that_the_evidence_was_computed_at() -> None:
    from evergreen.evaluation import Terms, paired

    rng = np.random.default_rng(0)
    target = (rng.random(900) < 0.4).astype(float)
    ours, theirs = target * 0.3 + rng.random(900), rng.random(900)
    contest = paired("binary", "roc_auc", target, ours, theirs, None, "champion 1", terms=Terms(0.975))
    assert contest.confidence == 0.975
    assert any("one-sided 97.5 %" in reason for reason in decide(contest, Promotion()).reasons)


def trial(gain: Interval | None, windows: int, **settings: object) -> Trial:
    shown = None if gain is None else replace(EVIDENCE, gain=gain)
    return judge_trial(shown, windows, Probation.model_validate(settings))


def test_a_probation_that_is_not_over_judges_nothing_at_its_end_only() -> None:
    assert trial(Interval(-0.05, -0.04, -0.03), 3) == trial(None, 3)
    assert not trial(None, 3).over


@pytest.mark.parametrize(
    ("gain", "worse", "better"),
    [
        (Interval(-0.05, -0.04, -0.03), True, False),
        (Interval(-0.05, -0.02, 0.01), False, False),
        (Interval(-0.01, 0.02, 0.05), False, True),
        (NOTHING, False, False),
    ],
)
def test_a_probation_rolls_back_only_what_is_shown_to_be_worse(gain: Interval, worse: bool, better: bool) -> None:
    ended = trial(gain, 4)
    assert (ended.over, ended.worse, ended.better) == (True, worse, better)


def test_a_probation_judged_at_each_window_ends_as_soon_as_harm_is_shown() -> None:
    early = trial(Interval(-0.05, -0.04, -0.03), 1, judge="each")
    assert (early.over, early.worse) == (True, True)
    assert not trial(Interval(-0.05, -0.02, 0.01), 1, judge="each").over


def test_looking_at_each_window_asks_for_more_at_each_look() -> None:
    assert trial_confidence(Probation(windows=5)) == pytest.approx(0.95)
    assert trial_confidence(Probation(windows=5, judge="each")) == pytest.approx(0.99)
