"""What stands beside the loss of quantiles, counts and amounts: coverage, bias, baselines and pictures."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from evergreen.errors import SpecError
from evergreen.evaluation import Terms, evaluate, figures, paired, summary, trivial_rows
from evergreen.evaluation.plots import curve_figure
from evergreen.handoffs import Interval, Verdict
from evergreen.learning_tasks import TASKS
from evergreen.training.insight.lookback import Point

RNG = np.random.default_rng(0)
TARGET = RNG.normal(size=400)
LEVELS = ("0.05", "0.5", "0.95")
SAID = np.tile([-1.645, 0.0, 1.645], (400, 1))


def test_coverage_is_reported_with_an_interval_and_is_no_primary_metric() -> None:
    trivial = np.tile([-1.0, 0.0, 1.0], (400, 1))
    days = np.arange(400) // 20
    found = paired("quantile", "pinball_5_50_95", TARGET, SAID, trivial, days, "trivial", terms=Terms(classes=LEVELS))
    assert set(found.values) == {
        "pinball", "coverage", "width", "share_below/0.05", "share_below/0.5", "share_below/0.95",
    }  # fmt: skip
    assert found.values["pinball"] == found.ours.value
    assert found.intervals["coverage"].low < 0.9 < found.intervals["coverage"].high
    page = summary("m", found, Verdict(True, ()))
    assert "| coverage | 0.9" in page
    assert "| quantile | share_below |" in page
    for name in ("coverage", "width", "rmse"):
        with pytest.raises(SpecError, match="does not fit a quantile model; choose from pinball"):
            TASKS["quantile"].primary(name)
    assert TASKS["quantile"].primary("pinball_5_50_95").value(TARGET, SAID) == found.ours.value


def test_slices_and_probations_need_no_names_of_quantiles() -> None:
    found = paired("quantile", "pinball_5_50_95", TARGET, SAID, SAID, None, "champion 1")
    assert found.gain.value == 0
    assert found.values["coverage"] == pytest.approx(0.9, abs=0.05)


def test_the_baseline_of_rates_is_the_mean_rate_times_the_exposure() -> None:
    seen, rows = pd.DataFrame({"days": [1.0, 3.0]}), pd.DataFrame({"days": [2.0, 10.0]})
    assert trivial_rows(seen, rows, "count", np.array([1.0, 1.0]), (), "days").tolist() == [1.0, 5.0]
    assert trivial_rows(seen, rows, "count", np.array([1.0, 3.0])).tolist() == [2.0, 2.0]
    quantiles = trivial_rows(seen, rows, "quantile", TARGET, LEVELS)
    assert quantiles.shape == (2, 3)
    assert quantiles[0] == pytest.approx(np.quantile(TARGET, [0.05, 0.5, 0.95]))


def test_counts_and_amounts_say_whether_their_level_is_right() -> None:
    counts = RNG.poisson(2.0, 400).astype(float)
    found = evaluate("count", counts, np.full(400, 4.0))
    assert found.values["bias"] == pytest.approx(4.0 / counts.mean())
    amounts = evaluate("amount", counts, np.full(400, 2.0))
    assert math.isnan(amounts.values["gamma_deviance"])
    assert amounts.undefined["gamma_deviance"] == f"{int((counts == 0).sum())} targets are zero"


def test_each_task_has_its_pictures() -> None:
    assert set(figures("quantile", TARGET, SAID, classes=LEVELS)) == {"quantile_calibration", "intervals"}
    counts = RNG.poisson(2.0, 400).astype(float)
    assert set(figures("count", counts, np.full(400, 2.0) + RNG.random(400))) == {"predicted_vs_observed", "residuals"}
    curve = curve_figure("rmse", [Point(100, Interval(1.0, 1.1, 1.2)), Point(200, Interval(math.nan, 1.0, math.nan))])
    assert [text.get_text() for text in curve.axes[0].get_xticklabels()] == ["100", "200"]
