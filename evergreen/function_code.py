"""The code behind a function of the project, read and never run: its module, and what that imports from the project.

What is compared is the syntax tree, without comments and docstrings. The project's modules are the files under its
folder and the packages that were installed from a local folder. Three things are not seen: what ``importlib`` loads by
a name that is put together at run time, files that a function reads, and what other packages do (a named function that
lies in one counts by that package's version).
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import Distribution, distributions, packages_distributions, version
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

_HOME = Path(__file__).resolve().parent.parent
#: Evergreen's own packages: what they compute changes with ``LEARNING``.
_PROGRAM = tuple(_HOME / name for name in ("evergreen", "flows", "tasks"))
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_of(source: str, root: Path) -> dict[str, Path]:
    """The files of the project that a function's code stands in, by module.

    Args:
        source: ``module:function``.
        root: The project's folder.
    """
    files: dict[str, Path] = {}
    folders = (root.resolve(), *_local_folders())
    waiting = _with_parents(source.partition(":")[0])
    while waiting:
        module = waiting.pop()
        if module in files:
            continue
        file = next((path for folder in folders if (path := _file(folder, module))), None) or _copied().get(module)
        if file and not any(file.is_relative_to(own) for own in _PROGRAM):
            files[module] = file
            waiting += _imports(module, file)
    return dict(sorted(files.items()))


def digest_of(source: str, root: Path) -> str:
    """SHA-256 over the syntax trees of a function's code, the same for every Python that parses them alike."""
    total = hashlib.sha256(source.encode())
    files = code_of(source, root)
    for module, file in files.items():
        total.update(f"\0{module}\0{_tree(file)}".encode())
    if not files:
        total.update(_version(source.partition(":")[0].partition(".")[0]).encode())
    return total.hexdigest()


def changed_functions(digests: Mapping[str, str], root: Path) -> tuple[str, ...]:
    """Those of some functions whose code is no longer what the digests say; ``module:function`` by its digest."""
    return tuple(source for source, digest in digests.items() if digest_of(source, root) != digest)


def _file(folder: Path, module: str) -> Path | None:
    """A module's file in a folder of modules, if it is there."""
    place = folder.joinpath(*module.split("."))
    compiled = place.parent.glob(f"{place.name}.*.so") if place.parent.is_dir() else ()
    candidates = (place / "__init__.py", place.with_name(f"{place.name}.py"), *compiled)
    return next((path for path in candidates if path.is_file()), None)


def _imports(module: str, file: Path) -> list[str]:
    """Every module that a module's statements name, with the packages that these lie in."""
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    names: list[str] = []
    for node in ast.walk(_parsed(file) or ast.Module([], [])):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")
            above = parents[: len(parents) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            names += [origin, *(f"{origin}.{alias.name}" for alias in node.names)]
    return [parent for name in names if not name.startswith(".") for parent in _with_parents(name) if parent]


def _with_parents(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[: end + 1]) for end in range(len(parts))]


def _parsed(file: Path) -> ast.Module | None:
    """The tree of a file; None of one that is no Python, which its import will say."""
    try:
        return ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return None


def _tree(file: Path) -> str:
    tree = _parsed(file)
    return hashlib.sha256(file.read_bytes()).hexdigest() if tree is None else _text(tree)


def _text(node: object) -> str:
    """A node as text: fields that are empty are left out, as Python's versions differ in which of them there are."""
    if isinstance(node, list):
        return f"[{','.join(map(_text, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = {name: value for name, value in ast.iter_fields(node) if name not in ("kind", "type_ignores")}
    if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
        fields["body"] = node.body[1:] or [ast.Pass()]
    inner = (f"{name}={_text(value)}" for name, value in fields.items() if value is not None and value != [])
    return f"{type(node).__name__}({','.join(inner)})"


def _version(package: str) -> str:
    """The version of the distribution that a package was installed by, or nothing."""
    return " ".join(f"{name}=={version(name)}" for name in sorted(packages_distributions().get(package, ())))


def _locals() -> Iterator[tuple[Distribution, Path, bool]]:
    """What was installed from a local folder: the distribution, the folder, and whether it is used in place."""
    for distribution in distributions():
        text = distribution.read_text("direct_url.json")
        origin = json.loads(text) if text else {}
        if "dir_info" in origin and distribution.name != "evergreen":
            folder = Path(url2pathname(urlsplit(origin["url"]).path))
            yield distribution, folder, bool(origin["dir_info"].get("editable"))


@cache
def _local_folders() -> tuple[Path, ...]:
    """Where modules lie of packages that were installed in place."""
    return tuple(place for _, folder, in_place in _locals() if in_place for place in (folder, folder / "src"))


@cache
def _copied() -> dict[str, Path]:
    """Modules that were copied from a local folder when they were installed, with their files."""
    return {
        ".".join(file.with_suffix("").parts).removesuffix(".__init__"): Path(str(distribution.locate_file(file)))
        for distribution, _, in_place in _locals()
        if not in_place
        for file in distribution.files or ()
        if file.suffix == ".py"
    }
