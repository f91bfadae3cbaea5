"""Where we are: the project's folder, the workspace, and what is set by ``EVERGREEN_*``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from evergreen.errors import UsageError


@dataclass(frozen=True)
class Settings:
    """The project (``deployments/`` and ``expectations/``) and the workspace (all that the program writes)."""

    project: Path
    workspace: Path

    @property
    def deployments(self) -> Path:
        """The folder with one YAML a model."""
        return self.project / "deployments"

    @property
    def expectations(self) -> Path:
        """The folder with one YAML a suite."""
        return self.project / "expectations"

    @property
    def store(self) -> Path:
        """Tables by digest."""
        return self.workspace / "store"


def find_project(start: Path) -> Path:
    """The nearest folder, upwards from ``start``, that holds ``deployments/``.

    Raises:
        UsageError: there is none.
    """
    for folder in (start, *start.parents):
        if (folder / "deployments").is_dir():
            return folder
    raise UsageError(f"{start}: no deployments/ here or above; go to a project's folder or set EVERGREEN_PROJECT")


def settings() -> Settings:
    """Read ``EVERGREEN_PROJECT`` and ``EVERGREEN_WORKSPACE`` (by default ``.evergreen`` in the project)."""
    named = os.environ.get("EVERGREEN_PROJECT")
    project = Path(named).resolve() if named else find_project(Path.cwd())
    workspace = os.environ.get("EVERGREEN_WORKSPACE")
    return Settings(project, Path(workspace).resolve() if workspace else project / ".evergreen")
