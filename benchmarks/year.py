"""What the year costs beside its bare work: reading, building features, fitting and predicting, by the pure functions.

Run ``make demo year`` first, then ``make bench-year``: for every step that the real flows took, the same rows are read,
assembled, built, predicted and fitted again in one process, without Prefect, MLflow, Great Expectations, ledgers or
reports. Printed is the ratio of the flows' wall time to the bare work's, and what is left after 1.1 s a flow run.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial

import pandas as pd

from evergreen import features, monitoring, training
from evergreen.cli.environment import prepare
from evergreen.data import assemble, inputs
from evergreen.handoffs import TARGET, TIME, ModelVersion
from evergreen.io.records import TrainingOutcome
from evergreen.io.sources import read
from evergreen.settings import open_workspace
from evergreen.spec import ModelSpec, load_spec
from evergreen.threads import usable_threads

MODEL = "flight-delay"
PREFECT_SECONDS = 1.1  # what an empty flow run takes where its end waits for its heartbeat


class Work:
    """Seconds by kind of work."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def timed(self, kind: str) -> Iterator[None]:
        """Add what the block takes."""
        began = time.perf_counter()
        yield
        self.seconds[kind] = self.seconds.get(kind, 0.0) + time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    here = open_workspace()
    prepare(here)
    place = here.folder / "year.json"
    if not place.is_file():
        raise SystemExit(f"{place} is not there; run: make demo year")
    flows = {datetime.fromisoformat(at): seconds for at, seconds in json.loads(place.read_text()).items()}
    spec, work = load_spec(here.deployments / f"{MODEL}.yaml"), Work()
    versions = {r.version.version: r.version for r in here.champions.champions(MODEL)}
    first = min(flows)
    for entry in here.ledger.scorings(MODEL):
        if entry.until in flows:
            score(spec, versions[entry.version], entry.since, entry.until, work)
    for as_of in flows:
        with work.timed("read labels"):
            table(spec, as_of, as_of - timedelta(days=30), as_of, joins=False)
    for decision in here.champions.decisions(MODEL):
        if decision.as_of >= first and decision.cause:
            retrain(spec, decision, work)
    for version in versions.values():  # a reference is made for what is watched, not for what was kept
        reference(spec, version, work)
    bare, total = sum(work.seconds.values()), sum(flows.values())
    for kind, seconds in sorted(work.seconds.items(), key=lambda one: -one[1]):
        print(f"  {kind:<22}{seconds:8.1f} s")
    runs = 2 * len(flows)
    print(f"bare work             {bare:8.1f} s")
    print(
        f"{runs} flow runs         {total:8.1f} s, {total / bare:.2f} times; wanted at most 1.5 times and 1.1 s a run:"
    )
    print(f"  allowed {1.5 * bare + PREFECT_SECONDS * runs:.1f} s, taken {total:.1f} s")


def table(spec: ModelSpec, as_of: datetime, start: datetime | None, end: datetime, joins: bool = True) -> pd.DataFrame:
    """Rows of a window as known at a time, with their features."""
    here, data = open_workspace(), spec.data
    since = start - spec.run_up if start else None
    known = {"time": data.time, "timezone": data.timezone, "partition": data.partition}
    rows = read(data.source, here.project, start=since, end=end, **known)  # type: ignore[arg-type]
    light = data if joins else data.model_copy(update={"join": ()})
    others = [
        read(join.source, here.project, time=join.as_of, end=as_of if join.as_of else None, timezone=data.timezone)
        for join in light.join
    ]
    assembled = assemble(rows, others, light, as_of)
    if not joins:
        return assembled
    built = features.build(assembled, spec)
    return built if start is None else built[built[TIME] >= pd.Timestamp(start)].reset_index(drop=True)


def score(spec: ModelSpec, version: ModelVersion, since: datetime, until: datetime, work: Work) -> None:
    """Read, build and predict one range of cut-offs."""
    with work.timed("read and build"):
        rows = table(spec, until, since + spec.data.lead, until + spec.data.lead)
    pipeline = open_workspace().registry.load(version)
    with work.timed("predict"):
        training.predict(pipeline, version.task, rows, len(version.classes))


def reference(spec: ModelSpec, version: ModelVersion, work: Work) -> None:
    """Roll the reference of a version through the rows that it was trained on, which stand in the store."""
    rows = table(spec, version.fitted_as_of, None, version.fitted_as_of + spec.data.lead)
    with work.timed("references"):
        _, codes = monitoring.past_windows(rows[TIME], spec.monitoring.window, spec.data.timezone)
        training.rolling_predictions(
            rows, codes, training.Recipe.from_json(version.recipe), _problem(spec, version, rows)
        )


def _problem(spec: ModelSpec, version: ModelVersion, rows: pd.DataFrame) -> training.Problem:
    names = tuple(name for name in inputs(rows, spec) if name in rows)
    row_features = partial(features.row_features, spec, names, task=version.task)
    return training.Problem(spec.training, version.task, version.classes, row_features, usable_threads())


def retrain(spec: ModelSpec, decision: TrainingOutcome, work: Work) -> None:
    """Read, build, and fit the contest and, where it was promoted, the final version."""
    version, as_of = decision.version, decision.as_of
    with work.timed("training: read and build"):
        rows = table(spec, as_of, None, as_of + spec.data.lead)
    problem = _problem(spec, version, rows)
    recipe = training.Recipe.from_json(version.recipe)
    reigns = [r.version for r in open_workspace().champions.champions(MODEL) if r.as_of < as_of]
    contest = training.reserve(rows, spec.training, reigns[-1], as_of)
    every = spec.training.holdout_refit
    with work.timed("training: contest"):
        training.refit(recipe, rows.iloc[contest.choosing], problem)
        if every:
            training.holdout_predictions(rows, contest.split.holdout, recipe, problem, every)
    if decision.verdict.promote:
        with work.timed("training: final fit"):
            training.refit(recipe, rows[rows[TARGET].notna()], problem)


if __name__ == "__main__":
    main()
