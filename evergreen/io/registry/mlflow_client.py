"""MLflow itself, quiet, and the workspace's stores behind it."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache, wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

from evergreen.io.disk import FAILURES, cause, unwritable

P = ParamSpec("P")
R = TypeVar("R")


@cache
def mlflow() -> Any:
    """MLflow, quiet: no telemetry, no git probing, no bars."""
    for name, value in {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "GIT_PYTHON_REFRESH": "quiet",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_RECORD_ENV_VARS_IN_MODEL_LOGGING": "false",
    }.items():
        os.environ.setdefault(name, value)
    import mlflow as package
    import mlflow.sklearn

    for noisy in ("mlflow", "alembic"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    return package


def warm_up() -> None:
    """Import MLflow, and what models are stored by, now: seconds that a command can spend while it waits."""
    mlflow()
    import skops.io  # noqa: F401


def writes(method: Callable[P, R]) -> Callable[P, R]:
    """Let a method of the registry refuse by name where the disk does not take what it writes."""

    @wraps(method)
    def writing(*args: P.args, **kwargs: P.kwargs) -> R:
        with cast(TrackingClient, args[0]).writing():
            return method(*args, **kwargs)

    return writing


class TrackingClient:
    """MLflow's database, and the place of its files."""

    def __init__(self, uri: str, artifacts: str, project: Path) -> None:
        """Open MLflow's store; it is created on the first use.

        Args:
            uri: The database: ``sqlite:////.../mlflow.db``.
            artifacts: Where new experiments keep their files: ``file:///.../artifacts``.
            project: The project's folder, whose functions stored models may use.

        Raises:
            StoreError: the database cannot be written.
        """
        self.uri, self._artifacts, self.project = uri, artifacts, project
        self._place = Path(uri.removeprefix("sqlite:///"))
        with self.writing():
            self._place.parent.mkdir(parents=True, exist_ok=True)
            # MLflow would try to open a file that it cannot open for two minutes.
            with closing(sqlite3.connect(self._place, timeout=30)) as database:
                database.execute("PRAGMA user_version")
        mlflow().set_tracking_uri(self.uri)
        mlflow().set_registry_uri(self.uri)
        self._client = mlflow().MlflowClient(self.uri, self.uri)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Turn what a full or broken disk raises into a refusal that says what to do."""
        try:
            yield
        except (*FAILURES, mlflow().MlflowException) as error:
            failure = cause(error) or ("sqlite3." in str(error) and error)
            if failure:
                raise unwritable(self._place.parent, failure) from error
            raise
