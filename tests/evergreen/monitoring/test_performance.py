from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from evergreen.errors import SpecError
from evergreen.handoffs import WindowValue
from evergreen.monitoring import default_tolerance, judge_performance
from evergreen.monitoring.performance import trace_performance

START = datetime(2024, 1, 1, tzinfo=UTC)
WEEK, DAY = timedelta(days=7), timedelta(days=1)
#: Thirty weeks by hand: a mean of 0.75, a spread of 0.017, and neighbours that do not resemble each other.
PAST = [0.75 + 0.017 * x for x in (1, -1, 0, 1.5, -0.5, -1, 1, 0.5, -1.5, 0, 1, -0.5, 0.5, -1, 0) * 2]


def windows(values, start=START, length=WEEK, rows=1_000, error=0.017):
    return [
        WindowValue(start + i * length, start + (i + 1) * length, rows, float(value), error)
        for i, value in enumerate(values)
    ]


REFERENCE = windows(PAST)
TODAY = REFERENCE[-1].end


def judge(live, reference=REFERENCE, greater_is_better=True, tolerance=0.01, **kept):
    seen = live if live and isinstance(live[0], WindowValue) else windows(live, TODAY, **kept)
    return judge_performance(
        reference, seen, greater_is_better=greater_is_better, tolerance=tolerance, metric="roc_auc"
    )


def test_figures_that_stay_at_the_reference_do_not_fire():
    signal = judge(PAST[:20])
    assert not signal.fired
    assert signal.since is None
    assert signal.reference == pytest.approx(0.75)
    assert signal.threshold > 2.5
    assert signal.reason.startswith("roc_auc is not shown to have fallen: ")


def test_a_fall_that_lasts_fires_and_says_since_when():
    signal = judge([*PAST[:8], 0.70, 0.69, 0.71, 0.70, 0.69, 0.70])
    assert signal.fired
    assert signal.statistic > signal.threshold
    assert signal.current == pytest.approx(0.70, abs=0.012)
    assert abs(signal.since - (TODAY + 8 * WEEK)) <= 2 * WEEK
    assert "roc_auc has fallen since 2024-" in signal.reason
    assert "reference 0.75 from 30 windows" in signal.reason


def test_the_start_of_an_excursion_stays_where_it_was_while_it_lasts():
    fallen = [*PAST[:8], *([0.69, 0.70, 0.71] * 15)]
    early, late = judge(fallen[:20]), judge(fallen)
    assert early.fired
    assert late.fired
    assert early.since == late.since


@pytest.mark.parametrize("dip", [0.69, 0.60, 0.30, 0.0])
def test_a_dip_of_one_window_does_not_fire_then_nor_later(dip):
    live = [*PAST[:6], dip, *PAST[7:14]]
    assert not any(judge(live[:n]).fired for n in range(6, len(live) + 1))


def test_a_fall_within_the_tolerance_does_not_fire():
    assert not judge([value - 0.009 for value in PAST]).fired
    assert judge([value - 0.06 for value in PAST]).fired


def test_a_wider_tolerance_keeps_quiet_about_what_a_narrow_one_reports():
    fallen = [value - 0.06 for value in PAST[:12]]
    assert judge(fallen, tolerance=0.01).fired
    assert not judge(fallen, tolerance=0.07).fired


def test_an_improvement_never_fires():
    assert not judge([value + 0.1 for value in PAST]).fired


def test_a_fall_that_is_over_does_not_fire_any_more():
    live = [*PAST[:6], *[0.68] * 6, *PAST[6:12]]
    assert judge(live[:12]).fired
    assert not any(judge(live[:n]).fired for n in range(14, len(live) + 1))


def test_a_loss_fires_when_it_rises_and_not_when_it_sinks():
    past = windows([40 * value for value in PAST], error=0.6)
    rising, sinking = [30 + 3 + x for x in (0.5, -0.5, 0) * 4], [30 - 3 + x for x in (0.5, -0.5, 0) * 4]
    worse = judge(rising, past, greater_is_better=False, tolerance=0.6, error=0.6)
    assert worse.fired
    assert worse.reference == pytest.approx(30, abs=0.1)
    assert worse.current > 32
    assert not judge(sinking, past, greater_is_better=False, tolerance=0.6, error=0.6).fired


def test_too_few_reference_windows_are_said_to_be_too_few():
    signal = judge([0.5] * 10, REFERENCE[:3])
    assert not signal.fired
    assert np.isnan(signal.statistic)
    assert np.isnan(signal.threshold)
    assert signal.reason == ("roc_auc cannot be judged: 3 reference windows with a figure; needed are 4, better 26")
    assert judge([0.5] * 10, []).reason.startswith("roc_auc cannot be judged: 0 reference windows")


def test_without_a_live_figure_nothing_is_judged():
    assert judge([]).reason == "roc_auc cannot be judged: no live window has a figure yet"
    assert "no live window has a figure yet" in judge([float("nan")] * 3).reason


def test_one_live_window_is_not_enough():
    signal = judge([0.2])
    assert not signal.fired
    assert "one window alone never shows it" in signal.reason


def test_windows_of_another_length_are_not_compared():
    signal = judge([0.5] * 10, length=DAY)
    assert not signal.fired
    assert "live windows last 1 day, 0:00:00 and reference windows 7 days, 0:00:00" in signal.reason


def test_a_day_of_23_hours_is_still_a_day():
    past = windows(PAST, length=DAY)
    live = [replace(window, end=window.end - timedelta(hours=1)) for window in windows([0.5] * 10, TODAY, DAY)]
    assert judge(live, past).fired


def test_windows_without_a_figure_are_passed_over():
    nan = float("nan")
    gaps = [*PAST[:4], nan, 0.70, 0.69, nan, 0.71, 0.70, 0.69, 0.70, nan]
    full = [value for value in gaps if not np.isnan(value)]
    with_gaps, without = judge(gaps), judge(full)
    assert (with_gaps.fired, with_gaps.statistic) == (True, without.statistic)
    holes = [REFERENCE[0], replace(REFERENCE[0], value=nan, error=nan), *REFERENCE[1:]]
    assert judge(full, holes).statistic == pytest.approx(without.statistic)


def test_the_same_windows_give_the_same_signal():
    live = [*PAST[:8], 0.70, 0.69, 0.71, 0.70]
    assert judge(live) == judge(live)


def test_an_unknown_error_is_no_obstacle():
    nan = float("nan")
    past = windows(PAST, error=nan)
    assert not judge(PAST, past, error=nan).fired
    assert judge([0.69] * 6, past, error=nan).fired


@pytest.mark.parametrize("error", [0.017, float("nan")])
def test_windows_of_fewer_rows_have_to_fall_farther(error):
    past = windows(PAST, error=error)
    small = 0.017 * np.sqrt(10) if np.isfinite(error) else error
    assert judge([0.70] * 8, past, error=error).fired
    assert not judge([0.70] * 8, past, rows=100, error=small).fired


def test_fewer_reference_windows_need_clearer_evidence():
    by_count = [judge([0.69] * 5, REFERENCE[:n]).threshold for n in (6, 10, 20, 30)]
    assert by_count == sorted(by_count, reverse=True)


def test_windows_that_resemble_their_neighbours_need_more_of_them():
    resembling = windows(np.repeat(sorted(PAST[:15], key=lambda value: abs(value - 0.75)), 2), error=0.001)
    mixed = windows([*PAST], error=0.001)
    live = [0.705] * 5
    assert judge(live, resembling, error=0.001).statistic < judge(live, mixed, error=0.001).statistic


def test_a_pattern_of_the_week_is_taken_out_of_daily_windows():
    weekdays = 0.04 * np.array([1, 1, 0, 0, 0, -1, -1])
    noise = np.tile([0.004, -0.004, 0.002, 0, -0.002], 12)[:56]
    past = windows(0.75 + np.tile(weekdays, 8) + noise, length=DAY, error=float("nan"))
    nan, today = float("nan"), past[-1].end
    quiet = windows(0.75 + np.tile(weekdays, 8), today, DAY, error=nan)
    assert not any(judge(quiet[:n], past).fired for n in range(1, 57))
    fallen = windows(0.71 + weekdays[:4], today, DAY, error=nan)  # no worse than a weekend, but on weekdays
    assert judge(fallen, past).fired


def test_windows_without_any_spread_are_judged_too():
    perfect = windows([1.0] * 10, error=0.0)
    assert not judge(windows([1.0] * 5, TODAY, error=0.0), perfect).fired
    assert judge(windows([0.9] * 5, TODAY, error=0.0), perfect).fired


def test_hourly_and_monthly_windows_are_judged_too():
    for length in (timedelta(hours=1), timedelta(days=30)):
        past = windows(PAST, length=length)
        assert not judge(PAST, past, length=length).fired
        assert judge([0.68] * 8, past, length=length).fired


def test_the_trace_tells_what_each_window_would_have_said():
    live = windows([*PAST[:5], 0.70, 0.69, 0.71, 0.70, 0.69, *PAST[:3]], TODAY)
    trace = trace_performance(REFERENCE, live, greater_is_better=True, tolerance=0.01)
    one_by_one = [judge(live[: n + 1]) for n in range(len(live))]
    assert trace.statistic.tolist() == pytest.approx([signal.statistic for signal in one_by_one])
    assert trace.fired.tolist() == [signal.fired for signal in one_by_one]


def test_tolerances_fit_the_scale_of_the_metric():
    assert default_tolerance("roc_auc", 0.75) == 0.01
    assert default_tolerance("r2", 0.3) == 0.01
    assert default_tolerance("rmse", 30.0) == pytest.approx(0.6)
    assert default_tolerance("log_loss", 0.5) == pytest.approx(0.01)
    with pytest.raises(SpecError, match="rmsa"):
        default_tolerance("rmsa", 1.0)


def simulated_year(rng, fall, phi=0.0):
    noise = rng.standard_normal(30 + 52)
    for i in range(1, len(noise)):
        noise[i] = phi * noise[i - 1] + np.sqrt(1 - phi**2) * noise[i]
    values = 0.75 + 0.0175 * noise
    errors = 0.0175 * np.sqrt(rng.chisquare(6, len(values)) / 6)
    live = windows(values[30:] - fall, TODAY)
    pairs = zip([*windows(values[:30]), *live], errors, strict=True)
    told = [replace(window, error=float(error)) for window, error in pairs]
    return trace_performance(told[:30], told[30:], greater_is_better=True, tolerance=0.01).fired


@pytest.mark.parametrize(("phi", "most"), [(0.0, 4), (0.3, 8)])
def test_in_simulated_years_without_a_fall_it_seldom_fires(phi, most):
    rng = np.random.default_rng(1)
    assert sum(simulated_year(rng, 0.0, phi).any() for _ in range(150)) <= most


def test_in_simulated_years_a_fall_of_five_points_is_found_within_weeks():
    rng = np.random.default_rng(2)
    delays = []
    for _ in range(150):
        fired = simulated_year(rng, 0.05)
        delays.append(np.argmax(fired) + 1 if fired.any() else np.inf)
    assert np.median(delays) <= 4
    assert np.quantile(delays, 0.95) <= 10
