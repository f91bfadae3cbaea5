"""Metrics of counts and amounts: unit deviances of Tweedie distributions (Jorgensen 1997), and the bias."""

from __future__ import annotations

from typing import Literal

import numpy as np

from evergreen.arrays import Floats
from evergreen.metrics.metric import Watched, ratio
from evergreen.metrics.sums import Mean, OfSums


class Deviance(Mean):
    """The unit deviance of a Tweedie distribution: 1 Poisson, between 1 and 2 with zeros, 2 Gamma.

    NaN where a prediction is not above 0 or a target is below 0 (for Gamma: not above 0).

    Attributes:
        power: Of the mean, that the variance is in proportion to.
    """

    estimated_from: Literal["means"] = "means"
    power: float

    def loss(self, target: Floats, prediction: Floats) -> Floats:
        """The deviance of each row."""
        power = self.power
        with np.errstate(divide="ignore", invalid="ignore"):
            if power == 1:
                part = np.where(target > 0, target * np.log(target / prediction), 0.0) - target + prediction
            elif power == 2:
                part = np.where(target > 0, np.log(prediction / target) + target / prediction - 1, np.nan)
            else:
                part = (
                    np.maximum(target, 0) ** (2 - power) / ((1 - power) * (2 - power))
                    - target * prediction ** (1 - power) / (1 - power)
                    + prediction ** (2 - power) / (2 - power)
                )
        return np.where((prediction > 0) & (target >= 0), 2 * part, np.nan)

    def _why_undefined(self, target: Floats, prediction: Floats) -> str:
        if (target < 0).any():
            return f"{int((target < 0).sum())} targets are below zero"
        if (prediction <= 0).any():
            return f"{int((prediction <= 0).sum())} predictions are not above zero"
        return f"{int((target == 0).sum())} targets are zero"


class PoissonDeviance(Deviance):
    """The deviance of counts."""

    name, tasks, power = "poisson_deviance", ("count",), 1.0


class TweedieDeviance(Deviance):
    """The deviance of amounts of which some are 0."""

    name, tasks, power = "tweedie_deviance", ("amount",), 1.5


class GammaDeviance(Deviance):
    """The deviance of amounts above 0."""

    name, tasks, power, fixed_power = "gamma_deviance", ("amount",), 2.0, 2.0
    watched, objective, refuses_zeros = Watched("gamma"), "gamma", True


class Bias(OfSums):
    """What is predicted in all by what was observed in all: 1 is best, so that it is reported only."""

    name, tasks = "bias", ("count", "amount")
    greater_is_better, primary, interval = True, False, True

    def rows(self, target: Floats, prediction: Floats) -> Floats:
        """Both, as they are."""
        return np.column_stack([target, prediction])

    def of_sums(self, sums: Floats) -> Floats:
        """The second by the first."""
        return ratio(sums[..., 1], sums[..., 0])

    def _why_undefined(self, target: Floats, prediction: Floats) -> str:
        return "all targets are zero"
