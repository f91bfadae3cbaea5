"""Prefect's own server, as an application that someone else stands before."""

from __future__ import annotations

from typing import Any


def application() -> Any:
    """The ASGI application of Prefect's API, its services and its UI."""
    from prefect.server.api.server import create_app

    return create_app(final=True)
