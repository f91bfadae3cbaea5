import pytest

from evergreen.training.search.portfolio import candidates
from evergreen.training.search.space import SPACES


@pytest.mark.parametrize("family", sorted(SPACES))
def test_what_a_search_varies_by_default_is_a_parameter_of_each_recipe_of_the_family(family: str) -> None:
    recipes = [one for one in candidates("binary", (family,), 5000, 10, 0) if one.family == family]  # type: ignore[arg-type]
    assert recipes
    for recipe in recipes:
        assert set(SPACES[family]) <= recipe.params.keys()  # type: ignore[index]
