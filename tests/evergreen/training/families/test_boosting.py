from __future__ import annotations

import lightgbm
import numpy as np
import pytest

from evergreen.spec import Training
from evergreen.training.families.boosting import boost
from evergreen.training.families.fold import Fold
from evergreen.training.problem import Problem
from evergreen.training.watch import Watch


def _watched(metric: str) -> set[str]:
    """What boosting with early stopping watched on the rows that it stops by."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 3))
    y = (x[:, 0] + rng.normal(size=600) > 1).astype(float)
    problem = Problem(Training(task="binary", metric=metric), "binary", ("0", "1"), lambda _: None)
    model = lightgbm.LGBMClassifier(n_estimators=40, verbosity=-1)
    fitted, _, _ = boost(model, (), (Fold(x[:400], y[:400], None), Fold(x[400:], y[400:], None)), problem, Watch())
    return set(fitted.booster.best_score["valid_0"])


@pytest.mark.parametrize(
    ("metric", "watched"),
    [("pr_auc", "average_precision"), ("roc_auc", "auc"), ("log_loss", "binary_logloss"), ("f1", "binary_logloss")],
)
def test_boosting_stops_by_the_primary_metric_where_it_can_watch_it(metric: str, watched: str) -> None:
    assert _watched(metric) == {watched}
