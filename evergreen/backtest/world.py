"""The past as a model would have met it: what was known at each moment, and what fitting then would have given.

Everything is made once and shared by all arms; a fit that two policies ask for on the same day is one fit.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen import evaluation, features, monitoring, promotion, training
from evergreen.arrays import Floats
from evergreen.backtest.cost import Cost
from evergreen.backtest.moments import MICROSECOND, microseconds, moment_name, stamp
from evergreen.cache import Arrays, Cache
from evergreen.handoffs import CUT_OFF, KNOWN_AT, TARGET, TIME, Evidence, ModelVersion, Verdict
from evergreen.monitoring import Reference
from evergreen.spec import ModelSpec, Task

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Replay:
    """What a backtest plays through: a feature table as known at its end, by event time, and a recipe to refit.

    ``digest`` names rows, spec and program: finished parts are kept under it. ``threads`` is how many a fit may use.
    """

    rows: pd.DataFrame
    inputs: tuple[str, ...]
    spec: ModelSpec
    recipe: str
    task: Task
    classes: tuple[str, ...]
    digest: str
    threads: int = 1


@dataclass(frozen=True)
class Fit:
    """The recipe fitted on all that was known at a moment.

    ``predictions`` belong to the rows from position ``first`` on, the first that it has not seen: (n,) or (n, k).
    ``seconds`` is what fitting took when it was done.
    """

    version: ModelVersion
    first: int
    predictions: Floats
    seconds: float

    def at(self, positions: NDArray[np.int64]) -> Floats:
        """Predictions of rows by position; they must lie at ``first`` or later."""
        return self.predictions[positions - self.first]


@dataclass(frozen=True)
class Contested:
    """A challenger's contest at a moment, and the seconds that fitting the challenger took."""

    evidence: Evidence
    verdict: Verdict
    seconds: float


class World:
    """Everything that arms share; each part is made when it is first asked for.

    Args:
        history: What is played through.
        folder: Where finished parts are kept.
        clock: Seconds, for the cost of fits.
    """

    def __init__(self, history: Replay, folder: Path, clock: Callable[[], float] = time.perf_counter) -> None:
        self.history = history
        self.spec = history.spec
        self.metric = history.spec.training.metric_of(history.task)
        self.target = training.encode_known(history.rows[TARGET], history.task, history.classes)
        self.work: dict[str, float] = {}
        self._spent = self._compared = 0.0
        self._clock = clock
        self._cache = Cache(folder / history.digest)
        self._times = microseconds(history.rows[TIME])
        self._cut_offs = microseconds(history.rows[CUT_OFF])
        self._known = microseconds(history.rows[KNOWN_AT])
        self._fits: dict[datetime, Fit] = {}
        self._references: dict[datetime, Reference] = {}
        self._contests: dict[tuple[datetime, datetime | None], Contested] = {}
        transformer_for = partial(features.row_features, history.spec, history.inputs, task=history.task)
        self._recipe = training.Recipe.from_json(history.recipe)
        self._problem = training.Problem(
            history.spec.training, history.task, history.classes, transformer_for, history.threads
        )

    def cost(self, elapsed: float) -> Cost:
        """What playing took beside what it could not have done without.

        Args:
            elapsed: The seconds of this world's arms and their results.
        """
        distinct = sum(self.work.values())
        return Cost(elapsed - self._spent + distinct, distinct + self._compared)

    def position(self, event: datetime) -> int:
        """The first row whose event lies at ``event`` or later."""
        return int(np.searchsorted(self._times, stamp(event), side="left"))

    def scored(self, since: datetime, until: datetime) -> NDArray[np.int64]:
        """Positions of the rows whose cut-off lies in ``(since, until]``."""
        first, last = (np.searchsorted(self._cut_offs, stamp(moment), side="right") for moment in (since, until))
        return np.arange(first, last)

    def labelled(self, as_of: datetime) -> NDArray[np.bool_]:
        """Which rows had a label at a moment: (n,)."""
        return np.isfinite(self.target) & (self._known <= stamp(as_of))

    def known_between(self, since: datetime, until: datetime, first_event: datetime) -> NDArray[np.int64]:
        """Positions of the events from ``first_event`` on whose label became known in ``(since, until]``."""
        fresh, first = self.labelled(until) & (self._known > stamp(since)), self.position(first_event)
        return np.flatnonzero(fresh[first:]) + first

    def view(self, as_of: datetime) -> pd.DataFrame:
        """The feature table as a training as of a moment would have had it: no later row, no later label.

        Where ``training.window`` is a period no earlier row either. The index holds the rows' positions.
        """
        end, reach = as_of + self.spec.data.lead, self.spec.training.reach
        first = self.position(end - reach) if reach else 0
        rows = self.history.rows.iloc[first : self.position(end + MICROSECOND)]
        return rows.assign(**{TARGET: rows[TARGET].where(rows[KNOWN_AT] <= pd.Timestamp(as_of))})

    def fit(self, as_of: datetime) -> Fit:
        """The recipe fitted on everything known at a moment, with its predictions of all that it has not seen."""
        if as_of not in self._fits:
            key = f"fit-{moment_name(as_of)}"
            self._fits[as_of] = self._fit_of(as_of, self._made(key, lambda: self._make_fit(as_of)))
        return self._fits[as_of]

    def contest(self, as_of: datetime, champion: datetime | None) -> Contested:
        """A challenger of a moment against the champion that was fitted at another; None: against a constant."""
        if (as_of, champion) not in self._contests:
            theirs = self.fit(champion) if champion else None
            began, spent = time.perf_counter(), self._spent
            self._contests[as_of, champion] = self._judge(as_of, theirs)
            self._compared += time.perf_counter() - began - (self._spent - spent)
        return self._contests[as_of, champion]

    def reference(self, as_of: datetime) -> Reference:
        """What the live windows of the fit of a moment are compared with."""
        if as_of not in self._references:
            part = self._made(f"reference-{moment_name(as_of)}", lambda: self._make_reference(as_of))
            self._references[as_of] = monitoring.reference_from_json(bytes(part["json"]).decode())
        return self._references[as_of]

    def _made(self, key: str, make: Callable[[], Arrays]) -> Arrays:
        found = self._cache.read(key)
        if found is None:
            began, watch = self._clock(), time.perf_counter()
            found = make()
            found["seconds"] = np.array(self._clock() - began)
            self._spent += time.perf_counter() - watch
            self._cache.write(key, found)
            logger.info("%s: %s in %.1f s", self.spec.model, key, float(found["seconds"]))
        self.work[key] = float(found["seconds"])
        return found

    def _make_fit(self, as_of: datetime) -> Arrays:
        rows = self.view(as_of)
        known = rows.iloc[np.flatnonzero(rows[TARGET].notna())]
        pipeline = training.refit(self._recipe, known, self._problem)
        first = self.position(known[TIME].max().to_pydatetime() + MICROSECOND)
        rest = self.history.rows.iloc[first:]
        predictions = training.predict(pipeline, self.history.task, rest, len(self.history.classes))
        return {"predictions": predictions, "first": np.array(first), "rows": np.array(len(known))}

    def _fit_of(self, as_of: datetime, part: Arrays) -> Fit:
        first, history = int(part["first"]), self.history
        until = history.rows[TIME].iloc[first - 1].to_pydatetime() + MICROSECOND
        version = ModelVersion(
            history.spec.model, 0, "", "", "", history.recipe, until, as_of, history.task, history.classes,
            int(part["rows"]),
        )  # fmt: skip
        return Fit(version, first, part["predictions"], float(part["seconds"]))

    def _judge(self, as_of: datetime, champion: Fit | None) -> Contested:
        rows, history = self.view(as_of), self.history
        contest = training.reserve(rows, self.spec.training, champion.version if champion else None, as_of)
        rolled = training.rolls(self.spec.training, champion.version if champion else None)
        key = f"challenger-{moment_name(as_of)}-{len(contest.choosing)}{'-rolled' if rolled else ''}"
        part = self._made(key, lambda: self._challenge(rows, contest, rolled))
        judged = rows.iloc[contest.split.holdout]
        chosen = judged.index.to_numpy()
        target, ours = self.target[chosen], part["predictions"]
        if champion:
            theirs, name = champion.at(chosen), "champion"
        else:
            seen = rows.iloc[contest.choosing]
            known, exposure = self.target[seen.index], self.spec.training.exposure
            theirs = evaluation.trivial_rows(seen, judged, history.task, known, history.classes, exposure)
            name = "trivial"
        rules = self.spec.promotion
        evidence = evaluation.paired_rows(
            judged, history.task, self.metric, (target, ours, theirs), name, rules.slices,
            evaluation.Terms(rules.confidence, decisions=self.decisions(champion is None)),
        )  # fmt: skip
        return Contested(evidence, promotion.decide(evidence, rules), float(part["seconds"]))

    def decisions(self, trivial: bool = False) -> evaluation.Decisions:
        """How the recipe decides between two classes, beside itself or a constant."""
        threshold = self._recipe.threshold
        return evaluation.decisions_of(threshold, None if trivial else threshold, self.spec.training.costs)

    def _challenge(self, rows: pd.DataFrame, contest: training.TrainingRows, rolled: bool) -> Arrays:
        recipe, every = self._recipe, self.spec.training.holdout_refit
        if rolled and every:
            held = contest.split.holdout
            return {"predictions": training.holdout_predictions(rows, held, recipe, self._problem, every)}
        pipeline = training.refit(recipe, rows.iloc[contest.choosing], self._problem)
        holdout = rows.iloc[contest.split.holdout]
        return {"predictions": training.predict(pipeline, self.history.task, holdout, len(self.history.classes))}

    def _make_reference(self, as_of: datetime) -> Arrays:
        rows, rules = self.view(as_of), self.spec.monitoring
        bounds, codes = monitoring.past_windows(rows[TIME], rules.window, self.spec.data.timezone)
        predictions = training.rolling_predictions(rows, codes, self._recipe, self._problem)
        target = np.where(rows[TARGET].notna(), self.target[rows.index], np.nan)
        past = monitoring.ReferenceRows(rows, target, predictions, codes, bounds)
        made = monitoring.build_reference(
            past, self.history.inputs, self.spec.features.categorical, self.history.task, self.metric,
            rules.tolerance, rules.min_rows,
        )  # fmt: skip
        return {"json": np.frombuffer(monitoring.reference_to_json(made).encode(), dtype=np.uint8)}
