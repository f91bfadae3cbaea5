"""Where we are: the project's folder, the workspace, and what is set by ``EVERGREEN_*``."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from evergreen.errors import UsageError
from evergreen.threads import usable_threads


@dataclass(frozen=True)
class Settings:
    """The project (``deployments/`` and ``expectations/``) and the workspace (all that the program writes).

    ``prefect_url`` and ``mlflow_url`` are where people open the UIs; links are made of them, nothing is called there.
    By default the ports that ``evergreen ui`` takes. ``store_url`` is where tables are kept if not in the workspace:
    a prefix such as ``s3://bucket/evergreen``, or a folder. ``threads`` is how many a fit may use. ``hosts`` are names
    beside those of this machine by which people reach the servers, as a proxy before them passes them on.
    """

    project: Path
    workspace: Path
    prefect_url: str = "http://127.0.0.1:4200"
    mlflow_url: str = "http://127.0.0.1:5000"
    store_url: str | None = None
    threads: int = field(default_factory=usable_threads)
    hosts: tuple[str, ...] = ()

    @property
    def deployments(self) -> Path:
        """The folder with one YAML a model."""
        return self.project / "deployments"

    @property
    def expectations(self) -> Path:
        """The folder with one YAML a suite."""
        return self.project / "expectations"

    @property
    def store(self) -> str | Path:
        """Tables by digest: a URL, or a folder."""
        return self.store_url or self.workspace / "store"


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
    """Read ``EVERGREEN_PROJECT``, ``EVERGREEN_WORKSPACE`` (by default ``.evergreen`` in the project) and the UIs' URLs.

    Those are ``EVERGREEN_PREFECT_URL`` and ``EVERGREEN_MLFLOW_URL``. ``EVERGREEN_STORE`` names another place for the
    tables: a URL (``s3://bucket/prefix``) or a folder. ``EVERGREEN_THREADS`` is how many threads a fit may use, by
    default as many as there are processors to run on. ``EVERGREEN_HOSTS`` adds names of the servers, with commas.

    Raises:
        UsageError: there is no project, or ``EVERGREEN_THREADS`` is no number from 1 up.
    """
    named = os.environ.get("EVERGREEN_PROJECT")
    project = Path(named).resolve() if named else find_project(Path.cwd())
    workspace = os.environ.get("EVERGREEN_WORKSPACE")
    store = os.environ.get("EVERGREEN_STORE")
    urls = {name: os.environ.get(f"EVERGREEN_{name.upper()}") for name in ("prefect_url", "mlflow_url")}
    return Settings(
        project,
        Path(workspace).resolve() if workspace else project / ".evergreen",
        store_url=(store if "://" in store else str(Path(store).resolve())) if store else None,
        threads=_threads(os.environ.get("EVERGREEN_THREADS")),
        hosts=tuple(name.strip().lower() for name in os.environ.get("EVERGREEN_HOSTS", "").split(",") if name.strip()),
        **{name: url.rstrip("/") for name, url in urls.items() if url},
    )


def _threads(text: str | None) -> int:
    if not text:
        return usable_threads()
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"EVERGREEN_THREADS: {text!r}: write a whole number from 1 up, or leave it out")
    return int(text)
