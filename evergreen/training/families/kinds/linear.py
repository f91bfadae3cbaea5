"""Linear models of the scaled matrix: a column each of the most frequent levels, gaps filled and marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from evergreen.learning_tasks import TASKS
from evergreen.metrics import find_metric
from evergreen.spec import Task
from evergreen.training.families.family import Entry, Family, Parts, Shape, Space
from evergreen.training.families.loglinear import LOG_ALPHA, TWEEDIE_POWER, LogLinear
from evergreen.training.families.quantiles import Quantiles

#: The most rows of a linear programme, which a linear quantile is.
_PROGRAMME_ROWS = 5_000


class Linear(Family):
    """A logistic, ridge, log-linear or quantile regression."""

    name = "linear"
    trusted = (
        "evergreen.training.families.loglinear.LogLinear", "evergreen.training.families.loglinear.StandardisedRows",
    )  # fmt: skip
    estimators = (
        "evergreen.training.families.loglinear.LogLinear", "sklearn.linear_model._logistic.LogisticRegression",
        "sklearn.linear_model._ridge.Ridge", "sklearn.linear_model._quantile.QuantileRegressor",
    )  # fmt: skip
    scaled = True
    space: ClassVar[Space] = {"strength": (0.0001, 100.0)}
    powered = True
    explains = "coefficient times (value - mean): exact, adds up from expected to prediction"

    def learns(self, task: Task, shape: Shape) -> bool:
        """Every task, quantiles of few rows."""
        return not TASKS[task].levels or shape.rows <= _PROGRAMME_ROWS

    def recipes(self, task: Task, shape: Shape, seed: int) -> Sequence[Entry]:
        """As the data say, and shrunk."""
        early = {"timed": 1, "many": 3, "very many": 2}
        return [Entry("linear", {"strength": 1.0}, 20, early), Entry("linear-shrunk", {"strength": 0.01}, 140)]

    def make(self, params: dict[str, Any], task: Task, metric: str | None) -> Any:
        """One estimator, or one a quantile."""
        models = [self.encoded(one, task) for one in _estimators(params, task, metric)]
        return Quantiles(models) if TASKS[task].levels else models[0]

    def parts(self, model: Any, matrix: Any) -> Parts | None:
        """The mean is off each column, which is divided by its spread: the coefficients are of those."""
        if model.log:
            return None
        coefficients = np.atleast_2d(np.asarray(model.estimator.coef_, dtype=float))
        intercepts = np.broadcast_to(np.asarray(model.estimator.intercept_, dtype=float), (len(coefficients),))
        each = np.asarray(model.widened(matrix), dtype=float)[:, None, :] * coefficients
        amounts = each @ np.eye(matrix.shape[1])[model.origins]
        return Parts(amounts * model.spread_, intercepts * model.spread_ + model.middle_)

    def logs(self, model: Any) -> bool:
        """Of counts and amounts."""
        return isinstance(model.estimator, LogLinear)


def _estimators(params: Mapping[str, Any], task: Task, metric: str | None) -> list[Any]:
    from sklearn.linear_model import LogisticRegression, QuantileRegressor, Ridge

    strength = params["strength"]
    if TASKS[task].rises:
        power = params.get("power", TWEEDIE_POWER) if TASKS[task].has_power else 1.0
        fixed = find_metric(metric).fixed_power if metric else None
        return [LogLinear(fixed or power, LOG_ALPHA / strength)]
    if TASKS[task].classes:
        return [LogisticRegression(C=strength, max_iter=200, tol=1e-3)]
    levels = find_metric(metric).levels if metric else ()
    models = [QuantileRegressor(quantile=level, alpha=LOG_ALPHA / strength) for level in levels]
    return models or [Ridge(alpha=1.0 / strength)]


FAMILY = Linear()
