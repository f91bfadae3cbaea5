from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

import evergreen
from evergreen.spec import ModelSpec
from evergreen.spec.kinds import family_names
from evergreen.training.families.catalogue import FAMILIES, family_of

PACKAGE = Path(evergreen.__file__).parent
SPEC = {"model": "m", "data": {"source": "s", "target": {"column": "y"}}}


def test_the_names_that_a_spec_may_hold_are_those_of_the_families() -> None:
    assert set(family_names()) == set(FAMILIES)
    assert set(ModelSpec.model_validate(SPEC).training.families) == set(FAMILIES)


def test_a_name_of_no_family_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(ValidationError, match="'lightgmb' is no family; did you mean lightgbm"):
        ModelSpec.model_validate(SPEC | {"training": {"families": ["lightgmb"]}})


def test_no_code_outside_its_file_names_a_family() -> None:
    names = re.compile(rf"""["']({"|".join(FAMILIES)})["']""")
    allowed = {PACKAGE / "spec" / "learning.py"}  # the default list of names
    named = {
        path.relative_to(PACKAGE).as_posix(): found.group()
        for path in PACKAGE.rglob("*.py")
        if path.parent.name != "kinds" and path not in allowed
        for found in [names.search(path.read_text(encoding="utf-8"))]
        if found
    }
    assert not named


def test_an_estimator_that_no_family_claims_is_a_plain_one() -> None:
    from sklearn.dummy import DummyClassifier

    assert family_of(DummyClassifier()).trees(None) == 1
    assert family_of(DummyClassifier()).parts(None, None) is None
