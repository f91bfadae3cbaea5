"""Functions that a project brings: ``module:function``, looked for in the project's folder first."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evergreen.errors import DataError, did_you_mean
from evergreen.function_code import code_of

_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
#: The files of each function's code when its module was imported, with their size and time of change.
_imported: dict[tuple[str, Path], dict[str, tuple[Path, int, int]]] = {}


def is_function(source: str, root: Path) -> bool:
    """Whether a source is written as ``module:function``, and is no file of that name."""
    return bool(_NAME.fullmatch(source)) and not (root / source).exists()


_projects: list[Path] = []


def use_project(root: Path) -> None:
    """Look for functions in this project's folder from here on; called where a process learns which project it is."""
    _projects[:] = [root]


def project_folder() -> Path:
    """The project whose functions this process uses.

    Raises:
        DataError: it was never told.
    """
    if not _projects:
        raise DataError("no project is open, so that its functions cannot be found; open a workspace first")
    return _projects[0]


def find_function(source: str, root: Path) -> Callable[..., Any]:
    """Import a function of the project, anew where its code was edited; to be called inside ``project_first``.

    Args:
        source: ``module:function``.
        root: The project's folder.

    Raises:
        DataError: there is no such module or function, or importing it failed.
    """
    module, _, name = source.partition(":")
    _forget_another(module, root)
    _forget_edited(source, root)
    try:
        loaded = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name and (module == error.name or module.startswith(f"{error.name}.")):
            near = did_you_mean(module, (path.stem for path in root.glob("*.py")))
            raise DataError(f"{source}: no module {module} in {root}{near}") from None
        raise DataError(f"{source}: {module} needs {error.name}, which is not installed; install it") from None
    except Exception as error:
        raise DataError(f"{source}: {module} cannot be imported: {type(error).__name__}: {error}; correct it") from None
    function = getattr(loaded, name, None)
    if not callable(function):
        defined = [one for one, value in vars(loaded).items() if callable(value) and not one.startswith("_")]
        raise DataError(f"{source}: {module} has no function {name}{did_you_mean(name, defined)}")
    return function  # type: ignore[no-any-return]


@contextmanager
def project_first(root: Path) -> Iterator[None]:
    """Look for modules in the project's folder before anywhere else."""
    folder = str(root.resolve())
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(folder)


def _forget_another(module: str, root: Path) -> None:
    """Drop a module of this name that was loaded from another project."""
    top = module.split(".")[0]
    own = next((path for path in (root / f"{top}.py", root / top / "__init__.py") if path.is_file()), None)
    loaded = sys.modules.get(top)
    if own is None or loaded is None or Path(getattr(loaded, "__file__", None) or "") == own:
        return
    for name in [name for name in sys.modules if name == top or name.startswith(f"{top}.")]:
        del sys.modules[name]


def _forget_edited(source: str, root: Path) -> None:
    """Drop the modules of a function whose files were edited since they were imported here."""
    loaded = _imported.get((source, root), {})
    if loaded and all(_state(state[0]) == state for state in loaded.values()):
        return
    for name in loaded:
        sys.modules.pop(name, None)
    _imported[source, root] = {name: _state(file) for name, file in code_of(source, root).items()}


def _state(file: Path) -> tuple[Path, int, int]:
    """A file with its size in bytes and its time of change in ns; -1 where it is gone."""
    try:
        stat = file.stat()
    except OSError:
        return file, -1, -1
    return file, stat.st_size, stat.st_mtime_ns
