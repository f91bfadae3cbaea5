"""Every family by its name, and the family of a fitted estimator."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import Any

from evergreen.training.families import kinds
from evergreen.training.families.family import Family
from evergreen.training.families.standardised import Standardised

_MODULES = [import_module(f"{kinds.__name__}.{module.name}") for module in pkgutil.iter_modules(kinds.__path__)]
#: The families that come with the program: a file each in ``kinds``.
FAMILIES: dict[str, Family] = {module.FAMILY.name: module.FAMILY for module in _MODULES}
_OWNERS = {kind: one for one in FAMILIES.values() for kind in one.estimators}
#: What holds for estimators that no family claims.
_PLAIN = Family()
_PLAIN.name = "plain"


def family(name: str) -> Family:
    """The family of a name.

    Raises:
        KeyError: there is none; specs are checked before.
    """
    return FAMILIES[name]


def family_of(model: Any) -> Family:
    """The family of a fitted estimator, also behind its scaling; a plain one where none claims it."""
    inner = model.estimator if isinstance(model, Standardised) else model
    names = (f"{kind.__module__}.{kind.__qualname__}" for kind in type(inner).__mro__)
    return next((_OWNERS[name] for name in names if name in _OWNERS), _PLAIN)


def requirements() -> tuple[str, ...]:
    """Packages that the families need, beside those of every model."""
    return tuple(sorted({name for one in FAMILIES.values() for name in one.requirements}))
