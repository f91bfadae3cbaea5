from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evergreen.training.ensemble import honest_gain, select

Floats = NDArray[np.float64]
RNG = np.random.default_rng(0)
TRUTH = RNG.normal(size=400)
ROWS = np.arange(400)
#: Three that err independently, and one that is far off.
GOOD = [TRUTH + RNG.normal(size=400) for _ in range(3)]
BAD = TRUTH + 5 * RNG.normal(size=400)


def score(rows: NDArray[np.int64], prediction: Floats) -> float:
    return -float(np.mean((TRUTH[rows] - prediction) ** 2))


def test_models_that_err_independently_are_mixed_and_a_bad_one_is_not() -> None:
    weights = select([*GOOD, BAD], [1.0] * 4, score, ROWS, 5, 10.0)
    assert sum(weights.values()) == 1
    assert set(weights) == {0, 1, 2}
    mixed = sum(weight * GOOD[at] for at, weight in weights.items())
    assert score(ROWS, mixed) > max(score(ROWS, one) for one in GOOD) + 0.3


def test_members_and_their_cost_stay_within_their_bounds() -> None:
    assert len(select(GOOD, [1.0] * 3, score, ROWS, 2, 10.0)) == 2
    best = int(np.argmax([score(ROWS, one) for one in GOOD]))
    assert select(GOOD, [2.0] * 3, score, ROWS, 5, 3.0) == {best: 1.0}


def test_a_gain_counts_only_on_rows_that_did_not_choose() -> None:
    parts = np.array_split(ROWS, 4)
    assert honest_gain(GOOD, [1.0] * 3, score, parts, 5, 3.0) > 0.3
    noise = [TRUTH + 0.01 * RNG.normal(size=400)] * 2
    assert honest_gain(noise, [1.0] * 2, score, parts, 5, 3.0) == 0
