from __future__ import annotations

from datetime import timedelta
from functools import partial

import numpy as np
import pandas as pd

from evergreen import features, training
from evergreen.spec import ModelSpec
from evergreen.training.families.bagging import bag, bagged, unbagged
from evergreen.training.search.folds import Folds
from evergreen.training.search.race import Race
from evergreen.training.watch import Watch

RNG = np.random.default_rng(0)
X = RNG.normal(size=(900, 4))
ROWS = pd.DataFrame(X, columns=list("abcd")).assign(__target=X[:, 0] * X[:, 1] + X[:, 2] + RNG.normal(size=900))


def problem(**settings: object) -> training.Problem:
    given = {"families": ["lightgbm", "linear"], "search": "portfolio"} | settings
    model = ModelSpec.model_validate(
        {"model": "m", "data": {"source": "s", "target": {"column": "y"}}, "training": given}
    )
    return training.Problem(model.training, "regression", (), partial(features.row_features, model, list("abcd")))


def recipe() -> training.Recipe:
    return training.candidates("regression", ["lightgbm"], 300, 4, 0)[0].with_params(n_estimators=60)


def test_a_bag_errs_less_on_unseen_rows_than_its_fits() -> None:
    several = bag(recipe(), 4, 0)
    assert several is not None
    train, rest = ROWS[:300], ROWS[300:]

    def error(one: training.Recipe) -> float:
        found = training.predict(training.refit(one, train, problem()), "regression", rest)
        return float(np.mean((rest["__target"] - found) ** 2))

    assert len(several.members) == 3
    assert error(several) < min(error(one) for one in several.members)
    assert training.refit(several, train, problem()).predict(rest).tobytes() == (
        training.refit(training.Recipe.from_json(several.to_json()), train, problem()).predict(rest).tobytes()
    )


def test_each_fit_of_a_bag_divides_the_rows_into_folds_anew() -> None:
    several = bag(recipe(), 4, 0)
    assert several is not None
    first, *others = (Folds(ROWS[:240], ROWS[240:300], problem(), turn=turn).parts for turn in (0, 1, 2))
    assert all(not np.array_equal(first[0][0], other[0][0]) for other in others)
    folds = Folds(ROWS[:240], ROWS[240:300], problem())
    found = folds.fit(several, Watch())
    each = [Folds(ROWS[:240], ROWS[240:300], problem(), turn=one.bag).fit(one, Watch())
            for one in several.members]  # fmt: skip
    assert np.allclose(found.tuning, np.mean([one.tuning for one in each], axis=0))
    assert [one.recipe for one in each] == list(found.recipe.members)


def test_the_best_candidates_of_a_small_table_are_fitted_several_times_where_the_spec_allows_it() -> None:
    for settings, expected in (({}, 3), ({"max_scoring_factor": 2}, 2), ({"bagging": "never"}, 0),
                               ({"max_scoring_factor": 1}, 0), ({"ensemble": "never"}, 0)):  # fmt: skip
        learned = problem(families=["lightgbm"], budget=timedelta(days=1), **settings)
        race = Race(Folds(ROWS[:240], ROWS[240:300], learned), lambda: 0.0, 1e9)
        race.run(training.candidates("regression", ["lightgbm"], 240, 4, 0)[:1])
        race.bag()
        assert len(race.done[-1].recipe.members) == expected
        assert len(race.done) == (2 if expected else 1)


def test_a_bag_in_a_mix_is_its_fits_and_begins_the_next_search_as_one_recipe() -> None:
    several, line = bag(recipe(), 4, 0), training.candidates("regression", ["linear"], 300, 4, 0)[0]
    assert several is not None
    mixed = training.Recipe.mixing([several, line], [0.75, 0.25])
    assert [one.bag for one in mixed.members] == [1, 2, 3, 0]
    assert np.allclose(mixed.shares, [0.25] * 4)
    assert {unbagged(one, 0).params_json for one in mixed.members[:3]} == {recipe().params_json}
    assert bag(line, 4, 0) is None


def test_weights_are_drawn_and_no_row_is_lost() -> None:
    several = bag(recipe(), 4, 0)
    assert several is not None
    one, two = (bagged(None, 500, member) for member in several.members[:2])
    assert one is not None
    assert two is not None
    assert (one > 0).all()
    assert not np.allclose(one, two)
    weighted = bagged(np.full(500, 2.0), 500, several.members[0])
    assert weighted is not None
    assert np.array_equal(weighted, 2 * one)
    assert bagged(None, 500, recipe()) is None
