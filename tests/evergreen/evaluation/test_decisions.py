from __future__ import annotations

import numpy as np
import pytest

from evergreen import promotion
from evergreen.evaluation import Decisions, Terms, decisions_of, evaluate, paired
from evergreen.learning_tasks import TASKS
from evergreen.metrics import find_metric
from evergreen.spec import Costs, Promotion

COSTS = Costs(false_positive=1, false_negative=9)


def rows(n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    chance = rng.beta(1, 6, n)
    return (rng.random(n) < chance).astype(float), chance


def test_what_is_decided_from_the_threshold_is_decided_from_one_half_after_it_was_moved() -> None:
    chance = np.array([0.0, np.nextafter(0.1, 0), 0.1, 0.3, 1.0])
    bent = TASKS["binary"].moved(chance, 0.1)
    assert (bent >= 0.5).tolist() == [False, False, True, True, True]
    assert (np.diff(bent) >= 0).all()
    assert bent[[0, -1]].tolist() == [0, 1]


def test_metrics_of_decisions_are_those_of_the_threshold_and_the_others_stay() -> None:
    target, chance = rows()
    low = evaluate("binary", target, chance, ["no", "yes"], threshold=0.1).values
    even = evaluate("binary", target, chance, ["no", "yes"]).values
    decided = (chance >= 0.1).astype(float)
    for name in ("accuracy", "precision", "recall", "f1", "mcc", "balanced_accuracy"):
        assert low[name] == pytest.approx(find_metric(name).value(target, decided))
    assert low["recall"] > even["recall"]
    assert low["recall/yes"] == low["recall"]
    assert all(low[name] == even[name] for name in ("roc_auc", "pr_auc", "log_loss", "brier"))


def test_each_side_of_a_contest_decides_by_its_own_threshold() -> None:
    target, chance = rows()
    evidence = paired("binary", "f1", target, chance, chance, None, "champion",
                      terms=Terms(decisions=Decisions(0.15, 0.5)))  # fmt: skip
    assert evidence.ours.value == pytest.approx(find_metric("f1").value(target, (chance >= 0.15).astype(float)))
    assert evidence.theirs.value == pytest.approx(find_metric("f1").value(target, (chance >= 0.5).astype(float)))
    assert evidence.values["f1"] == pytest.approx(evidence.ours.value)


def test_what_errors_cost_a_row_is_reported_with_its_interval_and_bounded_by_a_floor() -> None:
    target, chance = rows()
    evidence = paired("binary", "roc_auc", target, chance, np.full(len(target), 0.1), None, "trivial",
                      terms=Terms(decisions=decisions_of(0.1, None, COSTS)))  # fmt: skip
    decided = chance >= 0.1
    cost = np.mean(decided & (target == 0)) + 9 * np.mean(~decided & (target == 1))
    assert evidence.values["cost"] == pytest.approx(cost)
    assert evidence.intervals["cost"].low < cost < evidence.intervals["cost"].high
    held = {bound: promotion.decide(evidence, Promotion(floors={"cost": bound})).promote for bound in (0.2, 2.0)}
    assert held == {0.2: False, 2.0: True}


def test_a_constant_decides_as_the_costs_alone_say() -> None:
    assert decisions_of(0.3, None, COSTS).theirs == pytest.approx(0.1)
    assert decisions_of(0.3, None, None).theirs == 0.3
    assert decisions_of(0.3, 0.4, COSTS) == Decisions(0.3, 0.4, COSTS)
