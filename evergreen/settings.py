"""What the environment says of where we are: flows and commands ask it on their first line, and hand on the answer."""

from __future__ import annotations

import os
from pathlib import Path

from evergreen.errors import UsageError
from evergreen.functions import use_project
from evergreen.threads import usable_threads
from evergreen.workspace import Workspace


def open_workspace(new: bool = False) -> Workspace:
    """Where this project's things are, by ``EVERGREEN_*``.

    - ``EVERGREEN_PROJECT``: by default the nearest folder upwards that holds ``deployments/``. The project's functions
      are looked for there from here on.
    - ``EVERGREEN_WORKSPACE``: by default ``.evergreen`` in the project.
    - ``EVERGREEN_STORE``: another place for the tables, a URL such as ``s3://bucket/prefix`` or a folder.
    - ``EVERGREEN_RECORDS``: another database for the records, ``postgresql+psycopg://user:${PASSWORD}@host/name``.
    - ``EVERGREEN_PREFECT_URL`` and ``EVERGREEN_MLFLOW_URL``: where people open the UIs.
    - ``EVERGREEN_THREADS``: how many threads a fit may use, by default as many as there are processors to run on.
    - ``EVERGREEN_HOSTS``: names, with commas, by which people reach the servers beside those of this machine.

    Args:
        new: A folder that holds no project yet becomes one.

    Raises:
        UsageError: there is no project here, an address holds a password, or ``EVERGREEN_THREADS`` is no number from 1
            up.
    """
    project = _project(new)
    folder, store = os.environ.get("EVERGREEN_WORKSPACE"), os.environ.get("EVERGREEN_STORE", "")
    urls = {name: os.environ.get(f"EVERGREEN_{name.upper()}") for name in ("prefect_url", "mlflow_url")}
    use_project(project)
    return Workspace.local(
        project,
        Path(folder).resolve() if folder else project / ".evergreen",
        store if not store or "://" in store else str(Path(store).resolve()),
        os.environ.get("EVERGREEN_RECORDS", ""),
        threads=_threads(os.environ.get("EVERGREEN_THREADS")),
        hosts=tuple(name.strip().lower() for name in os.environ.get("EVERGREEN_HOSTS", "").split(",") if name.strip()),
        **{name: url.rstrip("/") for name, url in urls.items() if url},
    )


def _project(new: bool) -> Path:
    named = os.environ.get("EVERGREEN_PROJECT")
    if named:
        return Path(named).resolve()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "deployments").is_dir():
            return folder
    if new:
        return here
    raise UsageError(f"{here}: no deployments/ here or above; go to a project's folder or set EVERGREEN_PROJECT")


def _threads(text: str | None) -> int:
    if not text:
        return usable_threads()
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"EVERGREEN_THREADS: {text!r}: write a whole number from 1 up, or leave it out")
    return int(text)


def serving_token() -> str:
    """The bearer token of ``EVERGREEN_SERVE_TOKEN``, taken out of the environment: no process that is started needs it.

    Returns:
        Empty where the variable is not set.
    """
    return os.environ.pop("EVERGREEN_SERVE_TOKEN", "")
