"""What the registry lists: the runs of a model, and the versions that they registered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class StoredRun:
    """A run of a model's experiment.

    Attributes:
        run_id: Its identifier.
        ended: When it ended, or began where it never did.
        folder: Where its files are.
        tables: The addresses of the tables that it names.
        models: The folder of each model that it stored, by the model's identifier.
    """

    run_id: str
    ended: datetime
    folder: str
    tables: tuple[str, ...]
    models: dict[str, str]


@dataclass(frozen=True)
class StoredVersion:
    """A registered version of a model: its number, the model that it stores, the run that fitted it, its tags."""

    version: int
    model_id: str
    run_id: str
    tags: dict[str, str]
