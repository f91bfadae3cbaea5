from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from evergreen import function_code
from evergreen.function_code import changed_functions, code_of, digest_of

OURS = '''
"""Columns of ours."""
import numpy as np
from shop import prices
from shop.taxes import RATE as TAX


def product(frame, power=1):
    """Multiply."""
    from words import unused

    return prices.scaled(frame["a"]) * TAX ** power  # the rate of this year
'''


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "shop").mkdir()
    (tmp_path / "ours.py").write_text(OURS)
    (tmp_path / "words.py").write_text("unused = 1\n")
    (tmp_path / "apart.py").write_text("import ours\n")
    (tmp_path / "shop" / "__init__.py").write_text("NAME = 'shop'\n")
    (tmp_path / "shop" / "prices.py").write_text("from . import units\n\ndef scaled(a):\n    return a * units.SCALE\n")
    (tmp_path / "shop" / "units.py").write_text("SCALE = 3\n")
    (tmp_path / "shop" / "taxes.py").write_text("RATE = 0.19\n")
    return tmp_path


def edited(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_the_code_of_a_function_is_its_module_and_what_that_imports_from_the_project(root: Path) -> None:
    modules = ["ours", "shop", "shop.prices", "shop.taxes", "shop.units", "words"]
    assert list(code_of("ours:product", root)) == modules
    assert not any(str(root) in str(getattr(module, "__file__", "")) for module in tuple(sys.modules.values()))


def test_comments_docstrings_blanks_and_other_modules_are_not_its_code(root: Path) -> None:
    before = digest_of("ours:product", root)
    edited(root / "ours.py", "  # the rate of this year", "")
    edited(root / "ours.py", '    """Multiply."""\n', '    """Multiply them,\n\n    all."""\n\n')
    edited(root / "ours.py", '"""Columns of ours."""', "# Columns")
    edited(root / "apart.py", "import ours", "import ours as theirs")
    assert digest_of("ours:product", root) == before
    assert changed_functions({"ours:product": before}, root) == ()


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("ours.py", "power=1", "power=2"),
        ("shop/taxes.py", "0.19", "0.20"),
        ("shop/units.py", "3", "3.0"),
        ("shop/__init__.py", "shop", "store"),
        ("words.py", "1", "True"),
    ],
)
def test_a_line_that_is_edited_anywhere_in_its_code_changes_the_digest(
    root: Path, file: str, old: str, new: str
) -> None:
    before = digest_of("ours:product", root)
    edited(root / file, old, new)
    assert digest_of("ours:product", root) != before
    assert changed_functions({"ours:product": before}, root) == ("ours:product",)
    edited(root / file, new, old)
    assert digest_of("ours:product", root) == before


def test_the_digest_of_the_same_code_never_changes(tmp_path: Path) -> None:
    (tmp_path / "fixed.py").write_text('def f(a, *, b=None):\n    "Do."\n    return {**a, "c": -1.5 if b else None}\n')
    assert digest_of("fixed:f", tmp_path) == "998a3be9b9d8a49f330ea24b6686da5e52e8858f9c3ccaa9a4f12a2a124e345f"


def test_a_module_that_is_gone_or_cannot_be_parsed_changes_the_digest(root: Path) -> None:
    before = digest_of("ours:product", root)
    (root / "shop" / "taxes.py").write_text("RATE = = 1")
    broken = digest_of("ours:product", root)
    (root / "shop" / "taxes.py").unlink()
    gone = digest_of("ours:product", root)
    assert len({before, broken, gone}) == 3


def test_an_installed_package_counts_by_its_version(root: Path) -> None:
    assert code_of("numpy:log1p", root) == {}
    assert digest_of("numpy:log1p", root) != digest_of("there_is_no_such_package:log1p", root)


def test_a_package_that_was_installed_from_a_local_folder_is_the_projects(
    root: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, library = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("library")
    for name, in_place in (("copied", False), ("placed", True)):
        (package := (library / "src" if in_place else site) / name).mkdir(parents=True)
        (package / "__init__.py").write_text("")
        (package / "rates.py").write_text("RATE = 1\n")
        (info := site / f"{name}-1.0.dist-info").mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "RECORD").write_text(f"{name}/__init__.py,,\n{name}/rates.py,,\n")
        origin = {"url": library.as_uri(), "dir_info": {"editable": in_place}}
        (info / "direct_url.json").write_text(json.dumps(origin))
    (root / "ours.py").write_text("from copied.rates import RATE\nimport placed.rates\n")
    monkeypatch.syspath_prepend(str(site))
    function_code._local_folders.cache_clear()
    function_code._copied.cache_clear()
    try:
        assert list(code_of("ours:product", root)) == ["copied", "copied.rates", "ours", "placed", "placed.rates"]
    finally:
        function_code._local_folders.cache_clear()
        function_code._copied.cache_clear()
