"""What the reference teaches about a metric, as plain numbers and text that can be stored."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from evergreen.monitoring.cells import ColumnProfile
from evergreen.monitoring.curves import Curve
from evergreen.monitoring.losses import LossModel
from evergreen.spec import Task


@dataclass(frozen=True)
class Estimator:
    """What the reference teaches about a metric; plain numbers throughout.

    ``curves`` has P(class) by its predicted probability, one curve a class (one in all for two classes), or for
    quantities the mean of each quantity that the metric needs. ``offset`` is what the estimate misses on the reference
    itself; ``losses`` what the inputs say beside the curves, for quantities. An estimate is off by a variance of
    ``by_row`` / rows + ``by_window``, as seen in ``parts`` windows of the reference of ``rows`` rows in all. ``reason``
    says why there is none, if so.
    """

    task: Task
    metric: str
    curves: tuple[Curve, ...] = ()
    offset: float = 0.0
    by_row: float = np.nan
    by_window: float = np.nan
    parts: int = 0
    rows: int = 0
    reason: str = ""
    losses: LossModel | None = None


def estimator_to_json(estimator: Estimator) -> str:
    """The estimator as one line of JSON."""
    return json.dumps(asdict(estimator), separators=(",", ":"))


def estimator_from_json(text: str) -> Estimator:
    """Read what ``estimator_to_json`` wrote."""
    item: dict[str, Any] = json.loads(text)
    curves = tuple(Curve(*(tuple(curve[key]) for key in ("x", "y", "weights"))) for curve in item.pop("curves"))
    losses = item.pop("losses", None)
    if losses:
        columns = [
            ColumnProfile(column["name"], column["kind"], tuple(column["edges"]), tuple(column["levels"]), (), None)
            for column in losses["columns"]
        ]
        losses = LossModel(tuple(columns), tuple(losses["trees"]))
    return Estimator(curves=curves, losses=losses, **item)
