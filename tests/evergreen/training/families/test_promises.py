"""What every family promises for every task that it says it can learn."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io

from evergreen import features, training
from evergreen.io.registry.models import trusted_types
from evergreen.io.registry.stored_models import read_model
from evergreen.learning_tasks import TASKS
from evergreen.spec import ModelSpec
from evergreen.training.families import fold
from evergreen.training.families.catalogue import FAMILIES, family_of
from evergreen.training.families.family import Family, Shape

N = 240
INPUTS = ["x", "z", "city"]
PROMISES = [
    pytest.param(family, task, id=f"{family}-{task}")
    for family in FAMILIES.values()
    for task in TASKS
    if family.can_learn(task, Shape(N, len(INPUTS), 3 if task == "multiclass" else 0))
]


def rows(task: str, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x, city = rng.normal(size=N), rng.choice(["Rome", "Oslo", "Bonn"], N)
    z = np.where(rng.random(N) < 0.1, np.nan, rng.normal(size=N))
    signal = 1.5 * x + (city == "Rome") + np.nan_to_num(z) + rng.normal(size=N) / 2
    count = rng.poisson(np.exp(np.clip(signal / 3, -2, 2)))
    target = {
        "binary": signal > 0, "multiclass": np.digitize(signal, [-1, 1]), "regression": signal, "quantile": signal,
        "count": count, "amount": count * rng.gamma(2.0, 1.0, N),
    }[task]  # fmt: skip
    return pd.DataFrame({"x": x, "z": z, "city": city, "w": rng.random(N) + 0.1, "__target": target})


def problem(task: str, **settings: object) -> training.Problem:
    content = {"model": "m", "data": {"source": "s", "target": {"column": "y"}}, "training": {"task": task, **settings}}
    spec = ModelSpec.model_validate(content)
    classes = {"binary": ("0", "1"), "multiclass": ("0", "1", "2"), "quantile": ("0.1", "0.5", "0.9")}.get(task, ())
    transformer_for = partial(features.row_features, spec, INPUTS, task=task)
    return training.Problem(spec.training, task, classes, transformer_for)


def recipe_of(family: Family, task: str) -> training.Recipe:
    """The first recipe of a family, with few trees where it has some."""
    n_classes = 3 if task == "multiclass" else 0
    recipe = training.candidates(task, [family.name], N, len(INPUTS), 0, n_classes=n_classes)[0]
    return recipe.with_params(n_estimators=30) if "n_estimators" in recipe.params else recipe


def predicted(model: Any, task: str, frame: pd.DataFrame) -> bytes:
    return np.ascontiguousarray(training.predict(model, task, frame, len(problem(task).classes))).tobytes()


def contents(model: Any) -> list[str]:
    """Digests of all that a stored model holds; what skops numbers anew each time is left out."""

    def plain(node: Any) -> Any:
        if isinstance(node, dict):
            return {name: plain(value) for name, value in node.items() if name not in ("__id__", "file")}
        return [plain(one) for one in node] if isinstance(node, list) else node

    with zipfile.ZipFile(BytesIO(skops.io.dumps(model))) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    schema = json.dumps(plain(json.loads(parts.pop("schema.json"))), sort_keys=True).encode()
    return sorted(hashlib.sha256(part).hexdigest() for part in (schema, *parts.values()))


@pytest.mark.parametrize(("family", "task"), PROMISES)
def test_a_family_keeps_its_promises(family: Family, task: str, tmp_path: Path) -> None:
    asked, train, unseen = problem(task), rows(task), rows(task, seed=1)
    fitted = training.fit_candidate(recipe_of(family, task), train, unseen, asked)
    assert set(fitted.recipe.params) - set(recipe_of(family, task).params) <= {*family.stopped_by}
    model = training.refit(fitted.recipe, train, asked)
    said = training.predict(model, task, unseen, len(asked.classes))
    assert said.shape == ((N, len(asked.classes)) if TASKS[task].columns else (N,))
    assert np.isfinite(said).all()
    # Refitted with the same seed it is the same, to the bit.
    assert contents(training.refit(fitted.recipe, train, asked)) == contents(model)
    # Stored and loaded by the types that are trusted, it predicts the same.
    skops.io.dump(model, tmp_path / "model.skops")
    loaded = read_model(tmp_path / "model.skops", trusted_types())
    assert predicted(loaded, task, unseen) == predicted(model, task, unseen)
    # A row is predicted alike alone and among others, but for the last bits of what is added up in float32.
    alone = np.concatenate([training.predict(model, task, unseen[at : at + 1], len(asked.classes)) for at in range(20)])
    np.testing.assert_allclose(alone, said[:20], rtol=1e-5, atol=1e-6)
    # The fitted estimator finds its family again, and its parts add up.
    inner = model.named_steps["model"]
    owner = inner.members[0] if task == "quantile" else inner
    assert family_of(owner) is family
    parts = family.parts(owner, model.named_steps["rows"].transform(unseen))
    assert parts is None or np.isfinite(parts.scores).all()
    assert (parts is not None) <= bool(family.explains)


@pytest.mark.parametrize(("family", "task"), PROMISES)
def test_a_family_learns_the_same_with_one_two_and_four_threads(
    family: Family, task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fold, "SMALL_MATRIX", 0)  # so that few values are fitted on several threads too
    train, unseen = rows(task), rows(task, seed=1)
    made = []
    for threads in (1, 2, 4):
        asked = replace(problem(task), threads=threads)
        fitted = training.fit_candidate(recipe_of(family, task), train, unseen, asked)
        made.append((fitted.recipe, fitted.tuning.tobytes(), contents(training.refit(fitted.recipe, train, asked))))
    assert made[0] == made[1] == made[2]


@pytest.mark.parametrize(("family", "task"), PROMISES)
def test_weights_count_where_a_family_says_that_it_learns_from_them(family: Family, task: str) -> None:
    train = rows(task)
    if not family.can_learn(task, Shape(N, len(INPUTS), 0, weighted=True)):
        return
    plain = training.refit(recipe_of(family, task), train, problem(task))
    weighted = training.refit(recipe_of(family, task), train, problem(task, weight="w"))
    assert predicted(plain, task, train) != predicted(weighted, task, train)


@pytest.mark.parametrize(
    "family", [one for one in FAMILIES.values() if one.can_learn("multiclass", Shape(N, 3, 3))], ids=str
)
def test_a_class_that_a_fold_lacks_has_probability_zero(family: Family) -> None:
    train = rows("multiclass")
    model = training.refit(recipe_of(family, "multiclass"), train[train["__target"] != 1], problem("multiclass"))
    said = training.predict(model, "multiclass", train, 3)
    assert (said[:, 1] == 0).all()
    np.testing.assert_allclose(said.sum(axis=1), 1, rtol=1e-5)
