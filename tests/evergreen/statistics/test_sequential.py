import numpy as np
import pytest

from evergreen.statistics.sequential import SPANS, fit_baseline, inflation, scan, scan_threshold

NONE = np.array(0.0)


def test_the_mean_of_independent_windows_is_as_sure_as_their_number_says():
    assert inflation(10, NONE) == pytest.approx(1)


def test_the_mean_of_two_neighbours_varies_by_their_correlation_more():
    assert inflation(2, np.array(0.3)) == pytest.approx(1.3)
    assert inflation(3, np.array(0.5)) == pytest.approx(1 + 2 * (2 / 3 * 0.5 + 1 / 3 * 0.25))


def test_the_spread_beyond_sampling_error_is_learned_by_moments():
    values = np.array([1.0, -1.0] * 50)
    known = fit_baseline(values, np.full(100, 0.6))
    assert known.mean == pytest.approx(0)
    assert known.correlation == 0  # neighbours differ as much as can be
    assert known.between == pytest.approx(100 / 99 - 0.6)
    assert known.uncertainty == pytest.approx(100 / 99 / 100)
    assert fit_baseline(values, np.full(100, 2.0)).between == pytest.approx(0, abs=1e-9)


def test_the_correlation_of_neighbours_is_recovered_on_average_and_mistrusted_in_a_short_reference():
    rng = np.random.default_rng(3)
    series = rng.standard_normal((400, 240))
    for i in range(1, 240):
        series[:, i] = 0.5 * series[:, i - 1] + np.sqrt(0.75) * series[:, i]
    long, short = (fit_baseline(series[:, -n:], np.zeros((400, n))) for n in (200, 8))
    assert long.correlation.mean() == pytest.approx(0.48, abs=0.02)
    assert 0.15 < short.correlation.mean() < 0.4
    assert long.between.mean() == pytest.approx(1, abs=0.05)


def test_windows_with_more_rows_weigh_more_in_the_reference():
    values, sampling = np.array([0.0, 0.0, 0.0, 0.0, 0.1, 0.1]), np.array([1.0, 1, 1, 1, 0.01, 0.01])
    assert fit_baseline(values, sampling).mean > 0.09


def test_the_statistic_of_a_fall_is_the_mean_fall_over_its_standard_error():
    baseline = fit_baseline(np.array([1.0, -1.0] * 50), np.zeros(100))
    statistic, span = scan(baseline, np.array([0.5, -2.0, -2.0, -2.0]), np.zeros(4), 0.5)
    variance = 100 / 99
    assert statistic[0] == 0  # above the bound
    assert span.tolist() == [0, 2, 2, 3]
    assert statistic[3] == pytest.approx(1.5 / np.sqrt(variance / 3 + variance / 100))


def test_a_span_counts_no_window_beyond_the_first():
    baseline = fit_baseline(np.array([1.0, -1.0] * 10), np.zeros(20))
    statistic, span = scan(baseline, np.full(5, -1.0), np.zeros(5), 0.0)
    assert statistic[0] == 0
    assert span.tolist() == [0, 2, 3, 4, 5]
    assert max(SPANS) > 5


def test_one_window_however_bad_counts_no_more_than_a_rare_one():
    baseline = fit_baseline(np.array([1.0, -1.0] * 50), np.zeros(100))
    bad, worse = (scan(baseline, np.array([-1.0, x, -1.0]), np.zeros(3), 0.0)[0][-1] for x in (-10, -1_000))
    assert bad == worse


def test_a_fall_that_ended_is_forgotten_at_once():
    baseline = fit_baseline(np.array([1.0, -1.0] * 50), np.zeros(100))
    statistic, _ = scan(baseline, np.array([*[-4.0] * 10, 0.3, -0.1, -0.2]), np.zeros(13), 0.0)
    assert statistic[9] > 8
    assert statistic[10:].max() < 1


def test_many_series_at_once_give_what_each_gives_alone():
    rng = np.random.default_rng(4)
    past, live = rng.standard_normal((3, 12)), rng.standard_normal((3, 20)) - 1
    together, _ = scan(fit_baseline(past, np.zeros((3, 12))), live, np.zeros((3, 20)), 0.1)
    for i in range(3):
        alone, _ = scan(fit_baseline(past[i], np.zeros(12)), live[i], np.zeros(20), 0.1)
        assert together[i] == pytest.approx(alone)


def test_thresholds_fall_with_a_longer_reference_and_a_wider_tolerance_and_rise_with_the_horizon():
    by_reference = [scan_threshold(n, 0.1, 52, 0.3) for n in (5, 10, 30, 120, 10_000)]
    assert by_reference == sorted(by_reference, reverse=True)
    by_ratio = [scan_threshold(30, 0.1, 52, ratio) for ratio in (0, 0.2, 0.5, 5)]
    assert by_ratio == sorted(by_ratio, reverse=True)
    by_horizon = [scan_threshold(30, 0.1, horizon, 0.3) for horizon in (1, 12, 52, 365, 8_766)]
    assert by_horizon == sorted(by_horizon)
    assert by_reference[-1] == scan_threshold(120, 0.1, 52, 0.3)


@pytest.mark.parametrize(("windows", "phi"), [(8, 0.0), (30, 0.0), (30, 0.3)])
def test_a_simulated_year_without_a_change_seldom_passes_its_threshold(windows, phi):
    rng, years = np.random.default_rng(5), 300
    series = rng.standard_normal((years, windows + 52))
    for i in range(1, series.shape[1]):
        series[:, i] = phi * series[:, i - 1] + np.sqrt(1 - phi**2) * series[:, i]
    baseline = fit_baseline(series[:, :windows], np.zeros((years, windows)))
    statistic, _ = scan(baseline, series[:, windows:], np.zeros((years, 52)), 0.3)
    thresholds = [
        scan_threshold(windows, correlation, 52, 0.3 / np.sqrt(between))
        for correlation, between in zip(baseline.correlation, baseline.between, strict=True)
    ]
    assert (statistic.max(axis=1) > np.array(thresholds)).mean() < 0.05
