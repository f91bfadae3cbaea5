import pytest

from evergreen.training.families.catalogue import FAMILIES
from evergreen.training.search.portfolio import candidates


@pytest.mark.parametrize("family", [name for name, family in FAMILIES.items() if family.space])
def test_what_a_search_varies_by_default_is_a_parameter_of_each_recipe_of_the_family(family: str) -> None:
    recipes = [one for one in candidates("binary", (family,), 5000, 10, 0) if one.family == family]
    assert recipes
    for recipe in recipes:
        assert set(FAMILIES[family].space) <= recipe.params.keys()
