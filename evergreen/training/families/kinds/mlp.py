"""A network of two hidden layers on the scaled matrix, wild values bounded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from evergreen.learning_tasks import TASKS
from evergreen.metrics import find_metric
from evergreen.spec import Task
from evergreen.training.families.family import Entry, Family, Learned, Shape, Space
from evergreen.training.families.fold import Fold
from evergreen.training.families.prediction import predict_matrix
from evergreen.training.families.recipe import Recipe
from evergreen.training.families.standardised import Standardised
from evergreen.training.problem import Problem
from evergreen.training.watch import Watch

#: Epochs at which a network ends if it does not stop early, those without a better one after which it stops, and those
#: that it takes at least, as a rule.
_MAX_EPOCHS, _PATIENT_EPOCHS, _LIKELY_EPOCHS = 100, 12, 30


class Network(Family):
    """A multilayer perceptron by scikit-learn, fitted epoch by epoch."""

    name = "mlp"
    trusted = ("sklearn.neural_network._stochastic_optimizers.AdamOptimizer",)
    estimators = (
        "sklearn.neural_network._multilayer_perceptron.MLPClassifier",
        "sklearn.neural_network._multilayer_perceptron.MLPRegressor",
    )
    scaled = True
    clip = 6.0
    largest = (100_000, 5_000_000)
    space: ClassVar[Space] = {"width": (16, 256), "alpha": (0.00001, 1.0), "learning_rate_init": (0.0005, 0.01)}
    stopped_by = ("epochs",)
    unsteady = True

    def recipes(self, task: Task, shape: Shape, seed: int) -> Sequence[Entry]:
        """A narrow and a wide one; of skewed quantities one that learns their logarithm."""
        narrow = {"layers": 2, "width": 64, "alpha": 1e-3, "learning_rate_init": 2e-3, "random_state": seed,
                  "epochs": _MAX_EPOCHS, "bent": True}  # fmt: skip
        wide = narrow | {"width": 128, "alpha": 0.1, "learning_rate_init": 1e-3}
        ratios = [Entry("mlp-log", narrow | {"log": True}, 100)] if shape.skewed and TASKS[task].any_sign else []
        return [
            Entry("mlp", narrow, 70, {"many": 2, "very many": 1}),
            Entry("mlp-wide", wide, 130, {"many": 6, "very many": 6}),
            *ratios,
        ]

    def unstopped(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """As many epochs as there may be."""
        return dict(params) | {"epochs": _MAX_EPOCHS}

    def make(self, params: dict[str, Any], task: Task, metric: str | None) -> Any:
        """A network of classes or of a quantity."""
        from sklearn import neural_network

        how = {name: params.pop(name) for name in ("bent", "log") if name in params}
        layers = (params.pop("width"),) * params.pop("layers")
        kept = {name: value for name, value in params.items() if name != "epochs"}
        suffix = "Classifier" if TASKS[task].classes else "Regressor"
        return self.encoded(getattr(neural_network, f"MLP{suffix}")(hidden_layer_sizes=layers, **kept), task, **how)

    def fit(
        self, recipe: Recipe, model: Any, rows: Any, parts: tuple[Fold, Fold], problem: Problem, watch: Watch
    ) -> Learned:
        """Stops at the epoch that is best by the primary metric."""
        return Learned(model, {"epochs": _fit(model, parts[0], recipe.params["epochs"], problem, parts[1], watch)})

    def refit(self, recipe: Recipe, model: Any, rows: Any, train: Fold, scale: float) -> None:
        """For as many epochs as the recipe says."""
        _fit(model, train, recipe.params["epochs"])


def _fit(
    model: Standardised, train: Fold, epochs: int, problem: Problem | None = None, tuning: Fold | None = None,
    watch: Watch | None = None,
) -> int:  # fmt: skip
    """Fit a network epoch by epoch; with tuning rows it ends at its best one, whose number is returned."""
    from threadpoolctl import threadpool_limits

    network = model.estimator
    x = model.learn(train.x, train.y)
    y = model.scaled(train.y)
    classes = {"classes": model.classes_} if hasattr(model, "classes_") else {}
    kept: tuple[list[Any], list[Any]] = [], []
    best, value, began = 0, -np.inf, watch.clock() if watch else 0.0
    for epoch in range(1, epochs + 1):
        with threadpool_limits(1):  # a batch is too small for threads, which would wait for each other
            network.partial_fit(x, y, **(classes if epoch == 1 else {}), **train.weights)
        if problem is None or tuning is None or watch is None:
            continue
        watch.check()
        if epoch == 1:
            watch.check_room((watch.clock() - began) * _LIKELY_EPOCHS)
        predicted = predict_matrix(model, problem.task, tuning.x, len(problem.classes))
        sign = find_metric(problem.metric).sign
        now = sign * find_metric(problem.metric).value(tuning.y, predicted)
        if now > value:
            best, value = epoch, now
            kept = [part.copy() for part in network.coefs_], [part.copy() for part in network.intercepts_]
        elif epoch - best >= _PATIENT_EPOCHS:
            break
    if best:
        network.coefs_, network.intercepts_ = kept
    return best or epochs


FAMILY = Network()
