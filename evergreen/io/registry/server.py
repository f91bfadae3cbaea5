"""MLflow's own server, as an application that someone else stands before."""

from __future__ import annotations

from typing import Any


def application() -> Any:
    """The ASGI application of MLflow's API and UI; it finds its stores as ``mlflow server`` has told it."""
    from mlflow.server.fastapi_app import app

    return app
