from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
import pytest
import skops.io

from evergreen import features, training
from evergreen.errors import TrainingError
from evergreen.io.registry.models import trusted_types
from evergreen.spec import ModelSpec
from evergreen.training import Recipe

INPUTS = ["x", "noise", "city"]
FAMILIES = ("lightgbm", "random_forest", "extra_trees", "linear", "mlp", "neighbours", "naive_bayes", "linear_svm")


def spec(**settings: object) -> ModelSpec:
    return ModelSpec.model_validate(
        {"model": "m", "data": {"source": "s", "target": {"column": "y"}}, "training": settings}
    )


def rows(task: str, n: int = 600, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x, city = rng.normal(size=n), rng.choice(["Rome", "Oslo", "Bonn"], n)
    signal = 2 * x + (city == "Rome") + rng.normal(size=n)
    target = {"binary": signal > 0, "multiclass": np.digitize(signal, [-1, 1]), "regression": signal}[task]
    return pd.DataFrame(
        {"x": x, "noise": rng.normal(size=n), "city": city, "__target": target, "w": rng.random(n) + 0.1}
    )


def recipes(task: str) -> tuple[Recipe, ...]:
    return training.candidates(task, FAMILIES, 600, 3, seed=0)


def fit(
    recipe: Recipe, task: str, model: ModelSpec | None = None, train: pd.DataFrame | None = None
) -> training.Fitted:
    model = model or spec()
    train = rows(task) if train is None else train
    _, classes = training.encode_target(train["__target"], task)
    return training.fit_candidate(recipe, train, rows(task, seed=1), problem(task, classes, model))


def problem(task: str, classes: Sequence[str], model: ModelSpec | None = None) -> training.Problem:
    model = model or spec()
    return training.Problem(model.training, task, tuple(classes), partial(features.row_features, model, INPUTS))


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_each_candidate_learns_each_task_and_survives_storage(task: str) -> None:
    chosen = {recipe.family: recipe for recipe in reversed(recipes(task))}
    tuning = rows(task, seed=1)
    for recipe in chosen.values():
        fitted = fit(recipe, task)
        target, classes = training.encode_target(tuning["__target"], task)
        if task == "regression":
            assert np.corrcoef(fitted.tuning, target)[0, 1] > 0.8
        elif task == "binary":
            assert ((fitted.tuning > 0.5) == target).mean() > 0.8
        else:
            assert fitted.tuning.shape == (600, len(classes))
            assert (fitted.tuning.argmax(axis=1) == target).mean() > 0.65
        stored = skops.io.dumps(fitted.pipeline)
        loaded = skops.io.loads(stored, trusted=trusted_types())
        assert training.predict(loaded, task, tuning).tobytes() == fitted.tuning.tobytes()


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_seed_gives_the_same_bits(family: str) -> None:
    recipe = next(recipe for recipe in recipes("binary") if recipe.family == family)
    assert fit(recipe, "binary").tuning.tobytes() == fit(recipe, "binary").tuning.tobytes()


def test_refitting_with_fixed_rounds_on_the_same_rows_gives_the_same_model() -> None:
    fitted = fit(recipes("binary")[0], "binary")
    assert fitted.recipe.params["n_estimators"] < recipes("binary")[0].params["n_estimators"]
    again = training.refit(fitted.recipe, rows("binary"), problem("binary", ("0", "1")))
    assert training.predict(again, "binary", rows("binary", seed=1)).tobytes() == fitted.tuning.tobytes()


def test_a_recipe_survives_its_json() -> None:
    for recipe in recipes("binary"):
        assert Recipe.from_json(recipe.to_json()) == recipe


def test_the_sequence_is_fixed_whatever_the_order_of_the_families() -> None:
    assert training.candidates("binary", FAMILIES[::-1], 600, 3, 0) == recipes("binary")
    assert {recipe.family for recipe in training.candidates("binary", ("linear",), 600, 3, 0)} == {"linear"}


def test_weights_and_balance_change_what_is_learned() -> None:
    rare = rows("binary").sort_values("x").iloc[:400]
    recipe = next(recipe for recipe in recipes("binary") if recipe.family == "linear")
    plain = fit(recipe, "binary", train=rare).tuning.mean()
    balanced = Recipe(recipe.name, recipe.family, recipe.params_json, "balanced")
    assert fit(balanced, "binary", train=rare).tuning.mean() > plain + 0.05
    assert fit(recipe, "binary", spec(weight="w"), rare).tuning.mean() != plain
    with pytest.raises(TrainingError, match=r"training\.weight: v: the table has no such column"):
        fit(recipe, "binary", spec(weight="v"), rare)
    with pytest.raises(TrainingError, match="weights must be numbers from 0 up"):
        fit(recipe, "binary", spec(weight="w"), rare.assign(w=-1.0))


def test_a_part_with_one_class_only_is_refused() -> None:
    frame = rows("binary")
    recipe = recipes("binary")[0]
    with pytest.raises(TrainingError, match="rows of a part belong to the class 1"):
        training.refit(recipe, frame[frame["__target"]], problem("binary", ("0", "1")))


def test_a_class_that_the_model_never_saw_has_probability_zero() -> None:
    frame = rows("multiclass")
    learned = problem("multiclass", ("0", "1", "2"))
    model = training.refit(recipes("multiclass")[1], frame[frame["__target"] != 1], learned)
    probabilities = training.predict(model, "multiclass", frame, 3)
    assert probabilities.shape == (600, 3)
    assert (probabilities[:, 1] == 0).all()


def test_shuffling_the_useful_input_costs_most() -> None:
    fitted = fit(recipes("binary")[0], "binary")
    tuning = rows("binary", seed=1)
    target, _ = training.encode_target(tuning["__target"], "binary")
    found = training.permutation_importance(
        fitted.pipeline, "binary", tuning, target, lambda y, p: float(((p > 0.5) == y).mean()), seed=0
    )
    assert list(found) == ["x", "city", "noise"]
    assert found["x"] > 0.2


def test_means_of_levels_are_rates_in_the_search_and_in_the_refit_alike() -> None:
    rng = np.random.default_rng(0)
    shop, days = rng.integers(0, 40, 2000), rng.gamma(0.5, 10.0, 2000) + 0.1
    claims = rng.poisson(days * shop / 400)
    frame = pd.DataFrame({"shop": [f"s{one}" for one in shop], "days": days, "__target": claims})
    model = spec(task="count", exposure="days")
    asked = training.Problem(model.training, "count", (), partial(features.row_features, model, ["shop"]))
    recipe = next(one for one in training.candidates("count", ("lightgbm",), 2000, 1, seed=0))
    shops = frame.drop_duplicates("shop")
    searched = training.fit_candidate(recipe, frame, frame, asked).pipeline.named_steps["rows"].transform(shops)
    refitted = training.refit(recipe, frame, asked).named_steps["rows"].transform(shops)
    np.testing.assert_array_equal(searched, refitted)
    assert np.corrcoef(searched[:, -1], shops["shop"].str[1:].astype(float))[0, 1] > 0.9


def test_two_hundred_classes_are_learned_and_those_of_a_part_keep_their_places() -> None:
    rng = np.random.default_rng(0)
    label = rng.integers(0, 200, 4000)
    frame = pd.DataFrame({"x": label % 20 + 0.1 * rng.normal(size=4000), "noise": label // 20, "city": "Rome"})
    frame["__target"] = [f"class {one:03d}" for one in label]
    _, classes = training.encode_target(frame["__target"], "multiclass")
    few = frame[label < 50]
    for family in ("extra_trees", "lightgbm"):
        recipe = training.candidates("multiclass", (family,), 4000, 3, seed=0)[0].with_params(n_estimators=8)
        model = training.refit(recipe, frame, problem("multiclass", classes))
        found = training.predict(model, "multiclass", few, len(classes))
        assert found.shape == (len(few), 200)
        assert (found.argmax(axis=1) == label[label < 50]).mean() > 0.8
