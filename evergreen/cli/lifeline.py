"""The program of a Prefect server behind the door: ``python -P lifeline.py --port PORT``, or ``--socket SOCKET``.

On an inherited socket it is a command's temporary server and lives as long as its stdin is open: a command that is
killed cannot stop its server, but the pipe to it closes by itself. It is run by its path, without the command line's
package, as a command waits for it.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading


def main(way: str, number: int) -> None:
    """Serve Prefect's API and UI on 127.0.0.1 until a signal comes.

    Args:
        way: ``--port``, or ``--socket`` for an inherited listening socket, until stdin ends.
        number: The port's, or the socket's.
    """
    if way == "--socket":
        threading.Thread(target=_end_with_the_parent, daemon=True).start()
    import uvicorn

    from evergreen.orchestration.server import application
    from evergreen.web.door import Door
    from evergreen.web.policy import OTHERS_PAGES, Policy

    # An artifact may have some megabytes. Prefect's page knows no CSRF tokens: the origin and the type of the body
    # keep other pages out.
    policy = Policy.from_environment("prefect", body_limit=64 * 2**20, csrf=False, csp=OTHERS_PAGES)
    config = uvicorn.Config(
        Door(application(), policy),
        host="127.0.0.1", port=number, log_level="warning", lifespan="on", timeout_graceful_shutdown=3,
    )  # fmt: skip
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=number)] if way == "--socket" else None)


def _end_with_the_parent() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
