"""What takes space in a workspace, what its records refer to, and the removal of the rest."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from evergreen.io.filesystems import open_place
from evergreen.io.records import Role
from evergreen.io.registry import Registry
from evergreen.retention import Item
from evergreen.workspace import Workspace

logger = logging.getLogger(__name__)

_ROLES: tuple[Role, ...] = ("champion", "previous", "challenger")


@dataclass
class Holdings:
    """What a workspace holds: everything that could be removed, and the names of what must not be."""

    items: list[Item] = field(default_factory=list)
    protected: set[str] = field(default_factory=set)


def holdings(workspace: Workspace, models: Sequence[str]) -> Holdings:
    """Everything that could be removed, and the names of what must not be.

    Protected are the tables that the ledgers name, the snapshots of quarantined rows that nobody has released yet, each
    version that ever was champion and the newest challenger, with their runs and the tables that these runs name.

    Args:
        workspace: Where they are.
        models: The project's models; runs and versions of others are not looked at.
    """
    held = Holdings([*_tables(workspace), *_backtests(workspace), *_logs(workspace)])
    for model in models:
        held.protected |= _in_ledgers(workspace, model) | _in_quarantine(workspace, model, held.items)
        _add_registered(workspace, model, held)
    return held


def remove(workspace: Workspace, item: Item) -> None:
    """Remove one item for good; what is half removed is removed by the next call.

    Raises:
        OSError: a file cannot be removed.
    """
    if item.kind in ("table", "backtest", "log"):
        _delete(item.name)
        return
    registry = workspace.registry
    runs, numbers = registry.runs(item.model), _numbers(registry, item.model)
    for run in runs:
        for model_id, folder in run.models.items():
            number = numbers.get(model_id)
            gone = run.run_id == item.name if number is None else _version(item.model, number) == item.name
            if gone:
                _delete(folder)
                registry.delete_model(item.model, model_id, number)
        if run.run_id == item.name:
            _delete(run.folder)
            registry.delete_run(item.model, item.name)


def disk_used(folder: Path) -> int:
    """The bytes of all files in a folder."""
    return sum(_size(path) for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _tables(workspace: Workspace) -> Iterator[Item]:
    fs, root = open_place(workspace.store_url)
    near = "://" not in workspace.store_url
    for path, facts in fs.glob(f"{root}/*/*.parquet", detail=True).items():
        name = path if near else fs.unstrip_protocol(path)
        written = facts["LastModified"] if "LastModified" in facts else datetime.fromtimestamp(facts["mtime"], UTC)
        yield Item("table", name, int(facts["size"]), written)


def _backtests(workspace: Workspace) -> Iterator[Item]:
    """The finished parts of each backtest: nothing rests on them, a later one makes them again."""
    for folder in (workspace.folder / "backtests").glob("*/"):
        written = max(_touched(path) for path in (folder, *folder.iterdir()))
        yield Item("backtest", str(folder), disk_used(folder), written)


def _logs(workspace: Workspace) -> Iterator[Item]:
    """What servers and workers have written; whoever knows what runs protects theirs."""
    for path in (workspace.folder / "logs").glob("*.log"):
        yield Item("log", str(path), _size(path), _touched(path))


def _in_ledgers(workspace: Workspace, model: str) -> set[str]:
    ledger = workspace.ledger
    named = {uri for role in _ROLES for one in ledger.scorings(model, role) for uri in (one.uri, one.features)}
    return named | {batch.uri for batch in ledger.label_batches(model)}


def _in_quarantine(workspace: Workspace, model: str, items: Sequence[Item]) -> set[str]:
    waiting = {row["snapshot"] for row in workspace.champions.quarantined(model) if not row["released"]}
    return {item.name for item in items if Path(item.name).stem in waiting}


def _add_registered(workspace: Workspace, model: str, held: Holdings) -> None:
    """Add a model's runs and versions, and of them what must not be removed."""
    registry, records = workspace.registry, workspace.champions
    champions = {reign.version.version for reign in records.champions(model)}
    decided = {decision.version.version for decision in records.decisions(model)}
    kept = champions | set(sorted(decided - champions)[-1:])
    numbers = _numbers(registry, model)
    for run in registry.runs(model):
        files = [run.folder]
        for model_id, folder in run.models.items():
            if model_id not in numbers:  # a challenger that was refitted: it goes with its run
                files.append(folder)
                continue
            name = _version(model, numbers[model_id])
            held.items.append(Item("version", name, _folder_size(folder), run.ended, model, (run.run_id,)))
            if numbers[model_id] in kept:
                held.protected |= {name, *run.tables}
        held.items.append(Item("run", run.run_id, sum(map(_folder_size, files)), run.ended, model))


def _numbers(registry: Registry, model: str) -> dict[str, int]:
    """The versions of a model by the identifiers of what they store."""
    return {version.model_id: version.version for version in registry.versions(model)}


def _version(model: str, version: int) -> str:
    return f"{model} version {version}"


def _touched(path: Path) -> datetime:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:  # written aside and renamed meanwhile
        return datetime.now(UTC)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # written aside and renamed, or swept, meanwhile
        return 0


def _folder_size(uri: str) -> int:
    fs, path = open_place(uri)
    return int(fs.du(path)) if fs.exists(path) else 0


def _delete(uri: str) -> None:
    fs, path = open_place(uri)
    if fs.exists(path):
        fs.rm(path, recursive=True)
