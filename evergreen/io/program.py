"""What a model follows from beside its rows and its file: the program, its libraries, the project's own functions."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version as installed
from pathlib import Path

from evergreen.function_code import changed_functions, code_of, digest_of
from evergreen.functions import is_function
from evergreen.handoffs import ModelVersion
from evergreen.spec import ModelSpec

#: How Evergreen learns, as a number: raised when the same rows by the same file give another model; a release that
#: leaves it alone leaves every training as it is.
LEARNING = 2
_LIBRARIES = ("numpy", "optuna", "scikit-learn")


def program(spec: ModelSpec, root: Path) -> tuple[str, ...]:
    """Everything but the rows and the spec that a training's result follows from.

    Args:
        spec: The model's file.
        root: The project's folder.
    """
    from evergreen.training.families.catalogue import requirements  # only a training pays for its import

    libraries = sorted({*_LIBRARIES, *requirements()})
    functions = (f"{name} {digest}" for name, digest in functions_of(spec, root).items())
    return (f"learning {LEARNING}", *(f"{name} {installed(name)}" for name in libraries), *functions)


def functions_of(spec: ModelSpec, root: Path) -> dict[str, str]:
    """The project's functions that make a model's rows and columns, each with the digest of its code."""
    sources = (spec.data.source, *(join.source for join in spec.data.join))
    named = {source for source in sources if isinstance(source, str) and is_function(source, root)}
    named |= {one.by for one in spec.features.transform if ":" in one.by}
    return {name: digest_of(name, root) for name in sorted(named)}


def function_texts(spec: ModelSpec, root: Path) -> dict[str, str]:
    """The code of those functions, to be kept for reading: a text by its path under ``functions/``."""
    files = {module: file for name in functions_of(spec, root) for module, file in code_of(name, root).items()}
    return {
        f"functions/{module.replace('.', '/')}{'/__init__' if file.stem == '__init__' else ''}.py":
        file.read_text(encoding="utf-8", errors="replace")
        for module, file in files.items()
        if file.suffix == ".py"
    }  # fmt: skip


def stopped(version: ModelVersion, root: Path) -> str:
    """Why a version does not predict any more, and both ways out; nothing where its functions are what they were."""
    changed = changed_functions(version.functions or {}, root)
    if not changed:
        return ""
    what = f"{' and '.join(changed)} {'is' if len(changed) == 1 else 'are'} not what it was trained with"
    who = f"version {version.version}" if version.version else "challenger"
    return (
        f"{version.model} {who}: {what}. Put the code back (functions/ of its run {version.run_id} "
        f"holds it), or run: evergreen train {version.model}"
    )


def not_comparable(version: ModelVersion, functions: Sequence[str]) -> str:
    """A notice of a version from before 0.2.0, which holds no digest of the functions that it is used with."""
    if version.functions is not None or not functions:
        return ""
    return (
        f"{version.model} version {version.version} is from before Evergreen 0.2.0: whether {' and '.join(functions)} "
        "changed since cannot be told until it is trained again"
    )
