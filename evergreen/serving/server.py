"""A server's process: the door, the application behind it, and the thread that follows the champions."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Mapping

from starlette.types import ASGIApp

from evergreen.serving.application import CSV, PARQUET, Log, Serving
from evergreen.serving.champions import Champions, Records
from evergreen.spec import ModelSpec
from evergreen.web.door import Door
from evergreen.web.policy import Policy

#: What tells no secret, for watchdogs and load balancers.
PROBES = ("/live", "/ready", "/ping", "/health", "/v2/health/live", "/v2/health/ready")
#: Seconds in which a server that is asked to end answers what it has taken in.
_DRAIN = 8
#: Connections at once; more are answered with 503.
_CONNECTIONS = 10_000


def policy_of(name: str, key: str, hosts: tuple[str, ...] = (), *, open_to_all: bool = False) -> Policy:
    """The rules of a serving door: JSON, or a table in MLflow's protocol, of at most 1 MiB."""
    return Policy(
        name, key, hosts, content_types=("application/json", CSV, *PARQUET), csrf=False, open=open_to_all, probes=PROBES
    )


def application(specs: Mapping[str, ModelSpec], records: Records, policy: Policy, log: Log | None = None) -> ASGIApp:
    """What uvicorn serves: all models behind the door, following their champions while it runs.

    Args:
        specs: The models' files, by name.
        records: Where champions are found and loaded.
        policy: Of the door.
        log: Where answers are kept before they are given.
    """
    champions = Champions(specs, records)
    inner = Serving(champions, log).application()

    @contextlib.asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        champions.look()
        champions.follow()
        try:
            yield
        finally:
            champions.end()

    inner.router.lifespan_context = lifespan
    return Door(inner, policy)


def run(application: ASGIApp, listening: socket.socket) -> None:
    """Serve until SIGTERM or Ctrl-C; what was taken in is answered before it ends.

    Args:
        application: From :func:`application`.
        listening: A bound socket.
    """
    import uvicorn

    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    config = uvicorn.Config(
        application, loop="uvloop", http="httptools", lifespan="on", access_log=False, server_header=False,
        log_level="warning", timeout_graceful_shutdown=_DRAIN, limit_concurrency=_CONNECTIONS, backlog=2048,
    )  # fmt: skip
    uvicorn.Server(config).run(sockets=[listening])
