"""Which inputs are worth looking at, found on the tuning rows before any candidate is fitted."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.arrays import Floats
from evergreen.handoffs import DAY, GROUP, TIME, InputSelection
from evergreen.metrics import find_metric
from evergreen.statistics import paired_interval
from evergreen.training.families.catalogue import FAMILIES, family
from evergreen.training.families.family import Shape
from evergreen.training.families.fold import Fold
from evergreen.training.families.learning import make_estimator, refit_estimator
from evergreen.training.families.prediction import predict_matrix
from evergreen.training.families.quantiles import Quantiles
from evergreen.training.problem import Problem
from evergreen.training.search.folds import Folds
from evergreen.training.search.halving import some_rows

logger = logging.getLogger(__name__)


#: The name of a row's age among the inputs.
TREND = "trend"
#: Rounds of the boosting that is asked, fewer where a round is a tree a class, and the fewest.
_ROUNDS, _FEWEST_ROUNDS = 100, 10
#: Rows looked at: at most, and at least; where the budget is too small for these nothing is asked.
_MOST_ROWS, _FEWEST_ROWS = 20_000, 1000
#: Tuning rows on which inputs are shuffled, and copies of them that are predicted at once.
_SHUFFLED_ROWS, _AT_ONCE = 1000, 16
#: The share of the budget that one fit may take, and values of the matrix that a round passes in a second. Both bound
#: the rows by the spec alone: a clock would let the machine's load decide what is found.
_SHARE, _A_SECOND = 0.01, 1e8
#: Of a gain by the age of rows: on tables that never change, intervals at 95 % saw one in 4 of 30, at 99 % in none.
_CONFIDENCE = 0.99
#: Of the loss by leaving inputs out: one standard error, beyond which they stay.
_ONE_ERROR = 0.84
#: In rows of less than a year age stands for the season: a year of hourly temperatures, of which autumn tuned, made the
#: age of a row an input, and December's error rose from 5.4 to 7.4 degrees.
_YEAR = pd.Timedelta(days=365)
#: Below, what is seen on the tuning rows is chance.
_FEWEST_TUNING = 200
#: Inputs from which leaving some out is tried. Of 800 some 550 went, so that boosting took a quarter of the time
#: (ROC AUC 0.826 and 0.834 before, 0.818 and 0.833 after; linear 0.739 and 0.837, then 0.791 and 0.832). With fewer
#: inputs, where there is no time to win, it lost more often than it gained (on 5 and 2 of 14 tables).
_MANY_INPUTS, _FEWEST_INPUTS = 100, 4


@dataclass(frozen=True)
class SelectedInputs:
    """What was found: the view, and in words why; ``importance`` is the loss in the metric by shuffled input."""

    view: InputSelection
    reasons: tuple[str, ...] = ()
    importance: dict[str, float] = field(default_factory=dict)


def select_inputs(train: pd.DataFrame, tuning: pd.DataFrame, problem: Problem) -> SelectedInputs:
    """Ask a small boosting whether the age of a row helps, and which inputs it does not miss.

    The age of a row is an input where the rows to fit on cover a year and the tuning rows, which are newer, show a gain
    at 99 % in whole days. Inputs are left out whose shuffling loses nothing on one half of the tuning rows, where a fit
    without them loses no more than one standard error on the other half.

    Args:
        train: Rows to fit on.
        tuning: Rows to compare on.
        problem: What is learned; its transformer's plan says what may be decided.
    """
    plan = problem.transformer_for("").plan
    timed = plan.trend == "auto" and TIME in train and train[TIME].max() - train[TIME].min() >= _YEAR
    inputs = len(problem.transformer_for("").inputs)
    select = inputs >= {"auto": _MANY_INPUTS, "always": _FEWEST_INPUTS}.get(plan.select, np.inf)
    affordable = _size(problem)[1] >= min(_FEWEST_ROWS, len(train))
    if not (timed or select) or not affordable or len(train) + len(tuning) < _FEWEST_TUNING:
        return SelectedInputs(InputSelection())
    race = _Trial(train, tuning, problem, InputSelection(trend=timed))
    reasons: list[str] = []
    unseen = set()
    if timed:
        gain = race.gain(set(), {TREND}, _CONFIDENCE)
        trend = gain is not None and gain.low > 0
        word = "is an input" if trend else "is no input: the gain may be chance"
        reasons.append(f"the age of a row {word} ({problem.metric} on the tuning rows: {gain or 'no interval'})")
        unseen = set() if trend else {TREND}
    importance: dict[str, float] = {}
    without: tuple[str, ...] = ()
    if select:
        # The tuning rows are all newer than those fitted on: shuffling their age shows nothing.
        kept = {TREND, *(name for columns, _, _ in plan.transform for name in columns)}
        importance, without = race.useless(unseen, kept)
        if without:
            reasons.append(f"{len(without)} inputs are left out, of no use on the tuning rows: {', '.join(without)}")
    for reason in reasons:
        logger.info("%s", reason)
    return SelectedInputs(InputSelection(timed and not unseen, without), tuple(reasons), importance)


class _Trial:
    """One small boosting, fitted with and without some of its inputs."""

    def __init__(self, train: pd.DataFrame, tuning: pd.DataFrame, problem: Problem, view: InputSelection) -> None:
        self.problem, self.view = problem, view.to_json()
        rounds, size = _size(problem)
        shape = Shape(size, len(problem.transformer_for("").inputs), len(problem.classes))
        probes = (one.probe(rounds, shape, self.seed) for one in FAMILIES.values())
        self.recipe = replace(next(one for one in probes if one), class_weight=problem.class_weight)
        train, tuning = some_rows(train, size, self.seed), some_rows(tuning, size // 2, self.seed)
        self.folds = Folds(train, tuning, problem)
        rows = pd.concat([train, tuning]) if len(self.folds.parts) > 1 else tuning
        name = DAY if DAY in rows else GROUP if GROUP in rows else None
        self.blocks = pd.factorize(rows[name])[0] if name else np.arange(len(rows))
        self._found: dict[frozenset[str], tuple[Floats, list[Any]]] = {}

    @property
    def seed(self) -> int:
        """Of all that is drawn."""
        return self.problem.settings.seed

    @property
    def inputs(self) -> set[str]:
        """Names of what can be looked at."""
        return {name for _, part in self.folds.parts for name in part.of(self.view)[0].sources_}

    def gain(self, unseen: set[str], less: set[str], confidence: float, rows: NDArray[np.bool_] | None = None) -> Any:
        """How much better a fit without ``unseen`` is than one without ``less``, one-sided; None where unknown."""
        kept = np.ones(len(self.folds.target), dtype=bool) if rows is None else rows
        ours, theirs = self.predictions(unseen)[kept], self.predictions(less)[kept]
        target, blocks = self.folds.target[kept], self.blocks[kept]
        found = paired_interval(self.problem.metric, target, ours, theirs, blocks, confidence)
        return None if np.isnan(found.low) else found

    def useless(self, unseen: set[str], kept: set[str]) -> tuple[dict[str, float], tuple[str, ...]]:
        """What shuffling each input loses, and those that a fit can do without."""
        chosen = self.blocks % 2 == 0
        importance = self._importance(unseen, chosen)
        without = tuple(sorted(name for name, loss in importance.items() if loss <= 0 and name not in kept))
        if not without or len(without) == len(importance):
            return importance, ()
        gain = self.gain(unseen | set(without), unseen, _ONE_ERROR, ~chosen)
        if gain is None or gain.high < 0:
            logger.info("all inputs are kept: without the %d that seem of no use it is worse", len(without))
            return importance, ()
        return importance, without

    def predictions(self, unseen: set[str]) -> Floats:
        """Predictions of the tuning rows by a fit that does not look at some inputs."""
        return self._fitted(unseen)[0]

    def _fitted(self, unseen: set[str]) -> tuple[Floats, list[Any]]:
        key = frozenset(unseen)
        if key not in self._found:
            made, models = None, []
            for places, part in self.folds.parts:
                rows, x, x_tuning = part.of(self.view)
                (y, weight), _ = part.labels(self.recipe)
                columns = _seen(rows, unseen)
                models.append(self._fit(rows, x[:, columns], y, weight, columns))
                found = self._predict(models[-1], x_tuning[:, columns])
                made = np.empty((len(self.folds.target), *found.shape[1:])) if made is None else made
                made[places] = found
            assert made is not None
            self._found[key] = made, models
        return self._found[key]

    def _fit(self, rows: Any, x: Any, y: Floats, weight: Floats | None, columns: Sequence[int]) -> Any:
        model = make_estimator(self.recipe, self.problem.task, self.problem.metric)
        sets = set(rows.categorical_indices_)
        seen = _Seen([at for at, column in enumerate(columns) if column in sets])
        refit_estimator(self.recipe, model, seen, Fold(x, y, weight, most_threads=self.problem.threads))
        return model

    def _predict(self, model: Any, x: Any) -> Floats:
        return predict_matrix(model, self.problem.task, x, len(self.problem.classes))

    def _used(self, model: Any) -> NDArray[np.bool_]:
        """Which columns a model, or one of its quantiles, looks at; all where that is not known."""
        models = model.members if isinstance(model, Quantiles) else [model]
        each = [family(self.recipe.family).used(one) for one in models]
        return np.asarray(np.logical_or.reduce([np.ones(1, dtype=bool) if one is None else one for one in each]))

    def _importance(self, unseen: set[str], chosen: NDArray[np.bool_]) -> dict[str, float]:
        """The mean loss in the metric as one input is shuffled, by input, weighted by each part's rows."""
        sign = find_metric(self.problem.metric).sign
        rng = np.random.default_rng(self.seed)
        losses = dict.fromkeys(sorted(self.inputs - unseen), 0.0)
        for (places, part), model in zip(self.folds.parts, self._fitted(unseen)[1], strict=True):
            rows, _, x = part.of(self.view)
            columns = _seen(rows, unseen)
            sources = np.asarray(rows.sources_, dtype=object)[columns]
            at = np.flatnonzero(chosen[places])
            at = at[:: max(1, len(at) * len(self.folds.parts) // _SHUFFLED_ROWS)]
            if len(at) < 2:
                continue
            x, target = x[at][:, columns], self.folds.target[places[at]]
            full = find_metric(self.problem.metric).value(target, self._predict(model, x))
            # Shuffling what no tree looks at changes nothing.
            used = sorted(set(sources[self._used(model)]))
            for first in range(0, len(used), _AT_ONCE):
                names = used[first : first + _AT_ONCE]
                several = np.tile(x, (len(names), 1))
                for number, name in enumerate(names):
                    own = np.flatnonzero(sources == name)
                    several[number * len(x) : (number + 1) * len(x), own] = x[rng.permutation(len(x))][:, own]
                for name, found in zip(names, np.split(self._predict(model, several), len(names)), strict=True):
                    losses[name] += sign * (full - find_metric(self.problem.metric).value(target, found)) * len(at)
        return {name: loss / max(1, int(chosen.sum())) for name, loss in losses.items()}


@dataclass(frozen=True)
class _Seen:
    """What a family asks of the transformer, of some of its columns."""

    categorical_indices_: list[int]


def _size(problem: Problem) -> tuple[int, int]:
    """Rounds of boosting, and rows to fit it on, that the budget allows."""
    outputs = len(problem.classes) if len(problem.classes) > 2 else 1
    rounds = max(_FEWEST_ROUNDS, _ROUNDS // outputs)
    bound = _SHARE * problem.settings.budget.total_seconds() * _A_SECOND
    inputs = max(1, len(problem.transformer_for("").inputs))
    return rounds, int(min(_MOST_ROWS, bound / (rounds * outputs * inputs)))


def _seen(rows: Any, unseen: set[str]) -> list[int]:
    return [at for at, source in enumerate(rows.sources_) if source not in unseen]
