"""The plain script: the same training without Prefect, Great Expectations or the platform (``benchmarks.sides``)."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow
import mlflow.sklearn
import numpy as np
import pandas as pd
import pyarrow.dataset as ds

from evergreen import evaluation, features, training
from evergreen.data import inputs
from evergreen.handoffs import CUT_OFF, DAY, KEY, KNOWN_AT, TARGET, TIME
from evergreen.metrics import find_metric
from evergreen.spec import ModelSpec, load_spec
from evergreen.threads import usable_threads

_LATE = ("dep_delay", "departed_at"), ("departed_at", "departed_at"), ("arr_delay", "arrived_at"), (
    "air_time", "arrived_at"), ("arrived_at", "arrived_at")  # fmt: skip

_PLAUSIBLE = {
    "dep_delay": (-40, 1440), "arr_delay": (-120, 1440), "air_time": (10, 1000), "distance": (50, 6000),
    "temperature": (-30, 120), "wind_speed": (0, 150),
}  # fmt: skip


def train(project: Path, workspace: Path, as_of: datetime) -> dict[str, Any]:
    """Read, join, build, fit, judge, refit, log: from raw files to a registered model."""
    spec = load_spec(project / "deployments" / "flight-delay.yaml")
    joined = join(read(project, pd.Timestamp(as_of)), project, pd.Timestamp(as_of))
    rows = joined[plausible(joined)].reset_index(drop=True)
    table = features.build(rows, spec)
    built = [name for name in table.columns if name not in rows.columns]
    transformer_for = partial(features.row_features, spec, (*inputs(rows, spec), *built))
    contest = training.reserve(table, spec.training, None, as_of)
    problem = training.Problem(spec.training, contest.task, contest.classes, transformer_for, usable_threads())
    fit_rows, tuning = table.iloc[contest.split.train], table.iloc[contest.split.tuning]
    make_experiment(workspace)
    with mlflow.start_run():
        best = training.find_recipe(fit_rows, tuning, problem, time.monotonic, None, log_candidate)
        model = training.refit(best.recipe, table.iloc[contest.choosing], problem)
        log_model(model, table)
        judge(spec, table, contest, model, {"tuning": best.value})
        final = training.refit(best.recipe, table.iloc[training.known_rows(table, contest, as_of)], problem)
        log_model(final, table, "flight-delay")
    return {"recipe": best.recipe.name, "rounds": best.recipe.params.get("n_estimators", 0), "rows": len(joined)}


def make_experiment(workspace: Path) -> None:
    """MLflow's database in a new workspace, and an experiment in it."""
    workspace.mkdir(parents=True, exist_ok=True)
    mlflow.set_tracking_uri(f"sqlite:///{workspace / 'mlflow.db'}")
    mlflow.set_experiment(experiment_id=mlflow.create_experiment("flight-delay", (workspace / "artifacts").as_uri()))


def read(project: Path, as_of: pd.Timestamp) -> pd.DataFrame:
    """The flights whose cut-off has passed, two hours before they leave."""
    flights = ds.dataset(project / "data" / "flights", format="parquet")
    due = ds.field("scheduled_departure") <= as_of + timedelta(hours=2)
    frame: pd.DataFrame = flights.to_table(filter=due).to_pandas()
    return frame


def join(flights: pd.DataFrame, project: Path, as_of: pd.Timestamp) -> pd.DataFrame:
    """The weather of the cut-off, the plane, the airport; what was not known as of the time is null."""
    flights[KEY], flights[TIME] = flights["flight_id"], flights["scheduled_departure"]
    flights[CUT_OFF] = flights[TIME] - pd.Timedelta(hours=2)
    days = flights[TIME].dt.tz_convert("America/New_York").dt.tz_localize(None).dt.normalize()
    flights[DAY] = (days - pd.Timestamp(0)).dt.days.astype("int32")
    weather = pd.read_parquet(project / "data" / "weather.parquet").sort_values("observed_at")
    weather = weather[weather["observed_at"] <= as_of]
    rows = pd.merge_asof(
        flights.sort_values(CUT_OFF), weather, left_on=CUT_OFF, right_on="observed_at", by="origin",
        tolerance=pd.Timedelta(hours=3),
    )  # fmt: skip
    for name, key in (("planes", "tailnum"), ("airports", "dest")):
        rows = rows.merge(pd.read_parquet(project / "data" / f"{name}.parquet"), on=key, how="left")
    rows = rows.sort_values([TIME, KEY], ignore_index=True)
    due = rows[TIME] + pd.Timedelta(days=1)
    rows[TARGET] = rows["late"].where(due <= as_of)
    rows[KNOWN_AT] = due.where(rows["late"].notna())
    known = {name: rows[name].where(rows[when] <= as_of) for name, when in _LATE}
    return rows.assign(**known)


def plausible(rows: pd.DataFrame) -> pd.Series:
    """The rows that the flow's suite does not quarantine, (n,), by masks: what is missing breaks no rule."""
    kept = ~(rows["arrived_at"] <= rows["departed_at"]) & (rows["type"] != "Rotorcraft")
    for name, (low, high) in _PLAUSIBLE.items():
        kept &= rows[name].isna() | rows[name].between(low, high)
    return kept


def judge(spec: ModelSpec, table: pd.DataFrame, contest: Any, model: Any, values: dict[str, float]) -> None:
    """Metrics with intervals, slices, importances and plots on the holdout, logged."""
    rows = table.iloc[contest.split.holdout]
    target, _ = training.encode_target(rows[TARGET], contest.task, contest.classes)
    ours = training.predict(model, contest.task, rows, len(contest.classes))
    seen, _ = training.encode_target(table[TARGET].iloc[contest.choosing], contest.task, contest.classes)
    theirs = evaluation.trivial_prediction(contest.task, seen, len(rows), contest.classes)
    evidence = evaluation.paired_rows(
        rows, contest.task, contest.metric, (target, ours, theirs), "trivial", spec.promotion.slices
    )
    score = find_metric(contest.metric).value
    seed = spec.training.seed
    importances = training.permutation_importance(model, contest.task, rows, target, score, seed=seed)
    drawn = evaluation.figures(contest.task, target, ours, importances, contest.classes)
    shap = training.tree_shap(model, rows, seed)
    if shap:
        drawn["tree_shap"] = evaluation.shap_figure(shap.names, shap.values, shap.contributions)
    curves = training.partial_dependence(model, contest.task, rows, list(importances), len(contest.classes), seed)
    shown = [(curve.name, curve.grid, curve.means) for curve in curves]
    drawn["partial_dependence"] = evaluation.dependence_figure(shown, contest.classes)
    log_results(evidence.values | values, drawn)


def log_candidate(fitted: training.Finished, value: float) -> None:
    """A child run for a candidate."""
    with mlflow.start_run(run_name=fitted.recipe.name, nested=True):
        mlflow.log_params(json.loads(fitted.recipe.params_json))
        mlflow.log_metrics({"fit_seconds": fitted.seconds, "tuning": value})


def log_results(values: dict[str, float], figures: dict[str, Any]) -> None:
    """Metrics and plots of the run."""
    mlflow.log_metrics({name: value for name, value in values.items() if not np.isnan(value)})
    for name, figure in figures.items():
        mlflow.log_figure(figure, f"plots/{name}.png")


def log_model(model: Any, table: pd.DataFrame, registered: str | None = None) -> None:
    """The model with its signature and requirements, pickled as most scripts do."""
    kinds = model.named_steps["rows"].kinds_
    example = features.signature_frame(table.head(5), list(kinds), kinds)
    mlflow.sklearn.log_model(
        model, name="model", serialization_format="cloudpickle", registered_model_name=registered,
        signature=mlflow.models.infer_signature(example, model.predict_proba(example)), input_example=example,
        pip_requirements=[f"{name}=={version(name)}" for name in ("lightgbm", "numpy", "pandas", "scikit-learn")],
    )  # fmt: skip
