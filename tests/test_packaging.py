"""Does requirements.lock cover pyproject.toml? Asked of the files alone: no index is needed."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "requirements.lock").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCKED = {canonicalize_name(name): version for name, version in re.findall(r"^([\w.\-]+)==([^\s;\\]+)", LOCK, re.M)}
WANTED = [*PROJECT["dependencies"], *(one for extra in PROJECT["optional-dependencies"].values() for one in extra)]


@pytest.mark.parametrize("wanted", WANTED)
def test_the_lock_covers_each_requirement(wanted: str) -> None:
    requirement = Requirement(wanted)
    version = LOCKED.get(canonicalize_name(requirement.name))
    assert version is not None, "run: make lock"
    assert requirement.specifier.contains(version, prereleases=True), "run: make lock"


def test_each_locked_file_has_a_hash_and_no_host_is_named() -> None:
    entries = re.split(r"\n(?=[\w.\-]+==)", LOCK)[1:]
    assert len(entries) > 100
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert "://" not in LOCK


def test_the_package_can_never_be_uploaded() -> None:
    assert "Private :: Do Not Upload" in PROJECT["classifiers"]
