"""Fit candidates, keep the best as challenger, and refit a recipe on all that is known."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from prefect import task

from evergreen import evaluation, features, training
from evergreen.handoffs import KNOWN_AT, TARGET, TIME, FeatureTable, ModelVersion
from evergreen.io.registry import Registry
from evergreen.io.store import Store
from evergreen.settings import settings
from evergreen.spec import PRIMARY, ModelSpec, Task

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Contest:
    """The rows that a training uses: positions in the feature table, and what is predicted."""

    task: Task
    metric: str
    classes: tuple[str, ...]
    split: training.Split


@task
def reserve(spec: ModelSpec, table: FeatureTable, champion: ModelVersion | None) -> Contest:
    """Set apart the holdout that neither side has seen, and the rows that choices may use."""
    rows = Store(str(settings().store)).read(table.uri)
    task_ = spec.training.task or training.find_task(rows[TARGET])
    metric = spec.training.metric or PRIMARY[task_]
    evaluation.check_metric(task_, metric)
    _, classes = training.encode_target(rows.loc[rows[TARGET].notna(), TARGET], task_)
    unseen = champion.fitted_until if champion and _unseen(rows, champion).any() else None
    split = training.split(rows, spec.training, as_of=table.snapshot.as_of, unseen_from=unseen)
    if champion:
        split = replace(split, holdout=split.holdout[_unseen(rows, champion)[split.holdout]])
    logger.info(
        "%s: %s rows to fit, %s to tune, %s held out",
        spec.model,
        *(f"{len(part):,}" for part in (split.train, split.tuning, split.holdout)),
    )
    return Contest(task_, metric, classes, split)


@task
def fit(spec: ModelSpec, table: FeatureTable, contest: Contest, run_id: str) -> ModelVersion:
    """Fit the candidates, compare them on the tuning rows, and store the best one, refitted up to the holdout."""
    rows = Store(str(settings().store)).read(table.uri)
    registry = Registry(settings())
    tuning = rows.iloc[contest.split.tuning]
    target, _ = training.encode_target(tuning[TARGET], contest.task, contest.classes)
    metric = evaluation.METRICS[contest.metric]

    def log_candidate(fitted: training.Fitted) -> None:
        values = {f"tuning_{contest.metric}": metric.function(target, fitted.tuning)}
        registry.log_child(run_id, fitted.recipe.name, fitted.recipe.settings, values, fitted.seconds)

    training_part = rows.iloc[contest.split.train]
    recipes = training.candidates(
        contest.task,
        spec.training.families,
        n_rows=len(training_part),
        n_features=len(table.inputs),
        seed=spec.training.seed,
        class_weight=spec.training.class_weight,
    )
    fitted = training.fit_all(
        recipes,
        training_part,
        tuning,
        spec,
        contest.task,
        contest.classes,
        partial(features.row_features, spec, table.inputs),
        spec.training.budget,
        time.monotonic,
        log_candidate,
    )
    sign = 1 if metric.greater_is_better else -1
    values = [metric.function(target, one.tuning) for one in fitted]
    best = fitted[int(np.argmax(sign * np.asarray(values)))]
    logger.info(
        "%s: %s is the best of %d candidates (%s %.4f)",
        spec.model,
        best.recipe.name,
        len(fitted),
        contest.metric,
        max(sign * np.asarray(values)) * sign,
    )
    registry.log(
        run_id, metrics={"candidates": len(fitted), f"tuning_{contest.metric}": metric.function(target, best.tuning)}
    )
    known = np.sort(np.concatenate([contest.split.train, contest.split.tuning]))
    return _store(spec, table, rows.iloc[known], contest, best.recipe, run_id)


@task
def refit(
    spec: ModelSpec, table: FeatureTable, contest: Contest, challenger: ModelVersion, run_id: str
) -> ModelVersion:
    """Fit the challenger's recipe on everything known, the holdout included.

    Without a time column the holdout's buckets stay unseen for ever: later contests need them.
    """
    rows = Store(str(settings().store)).read(table.uri)
    parts = [contest.split.train, contest.split.tuning]
    if TIME in rows:
        labelled = rows[TARGET].notna() & (rows[KNOWN_AT] <= pd.Timestamp(table.snapshot.as_of))
        parts = [np.flatnonzero(labelled)]
    known = np.sort(np.concatenate(parts))
    return _store(spec, table, rows.iloc[known], contest, training.Recipe.from_json(challenger.recipe), run_id)


def _store(
    spec: ModelSpec,
    table: FeatureTable,
    rows: pd.DataFrame,
    contest: Contest,
    recipe: training.Recipe,
    run_id: str,
) -> ModelVersion:
    pipeline = training.refit(
        recipe, rows, spec, contest.task, contest.classes, partial(features.row_features, spec, table.inputs)
    )
    # Rows up to the newest one used count as seen, whichever of them were used.
    until = rows[TIME].max().to_pydatetime() + timedelta(microseconds=1) if TIME in rows else None
    facts = ModelVersion(
        model=spec.model,
        version=0,
        model_id="",
        run_id=run_id,
        sha256="",
        recipe=recipe.to_json(),
        fitted_until=until,
        fitted_as_of=table.snapshot.as_of,
        task=contest.task,
        classes=contest.classes,
    )
    registry = Registry(settings())
    kinds = pipeline.named_steps["rows"].kinds_
    example = features.signature_frame(rows.head(5), list(kinds), kinds)
    prediction = training.predict(pipeline, contest.task, example, len(contest.classes))
    return registry.describe(registry.log_model(run_id, pipeline, example, prediction, facts), facts)


def _unseen(rows: pd.DataFrame, champion: ModelVersion) -> NDArray[np.bool_]:
    """Labelled rows that a version has not seen: later events, whose label was known only after it was fitted."""
    if TIME not in rows or champion.fitted_until is None:
        return np.asarray(rows[TARGET].notna())
    later = rows[TIME] >= pd.Timestamp(champion.fitted_until)
    fresh = rows[KNOWN_AT] > pd.Timestamp(champion.fitted_as_of)
    return np.asarray(later & fresh & rows[TARGET].notna())
