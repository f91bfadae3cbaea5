"""Which encoder serves which family.

Every family starts from the one matrix that ``features.rows`` makes: numbers with gaps, codes of categories, means of
labels for those of many levels, parts of texts and times. What a family needs beyond it stands in ``ENCODERS``.

| family | gaps | categories | scale |
|---|---|---|---|
| lightgbm | read as they are | up to 32 levels split as sets, more by their rank and their mean label | none |
| random_forest, extra_trees | read as they are | codes by rank, means | none |
| linear | filled and marked | a column each of the 24 most frequent levels, means | each column's spread |
| mlp, neighbours, naive_bayes, linear_svm | the same | the same | the same, wild values bounded |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from evergreen.spec import Family
from evergreen.training.families.loglinear import LogLinear, StandardisedRows
from evergreen.training.families.standardised import Standardised


@dataclass(frozen=True)
class Encoder:
    """What a family needs beyond the matrix.

    Attributes:
        scaled: Gaps filled and marked, a column a level, waves for cycles, and one scale.
        clip: Standard deviations beyond which a value counts as so many, where one wild value would lead astray.
    """

    scaled: bool = False
    clip: float = 0.0


ENCODERS: dict[Family, Encoder] = {
    "lightgbm": Encoder(),
    "random_forest": Encoder(),
    "extra_trees": Encoder(),
    "linear": Encoder(scaled=True),
    "mlp": Encoder(scaled=True, clip=6.0),
    "neighbours": Encoder(scaled=True, clip=6.0),
    "naive_bayes": Encoder(scaled=True, clip=6.0),
    "linear_svm": Encoder(scaled=True, clip=6.0),
}


def with_encoder(family: Family, estimator: Any, **how: Any) -> Any:
    """An estimator behind what its family needs.

    Args:
        family: Of the estimator.
        estimator: Unfitted.
        how: Options of ``Standardised``, such as ``quantity``.
    """
    needed = ENCODERS[family]
    if not needed.scaled:
        return estimator
    kind = StandardisedRows if isinstance(estimator, LogLinear) else Standardised
    return kind(estimator, clip=needed.clip, **how)
