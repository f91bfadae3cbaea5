"""The program of a temporary Prefect server: ``python -P lifeline.py SOCKET``; it lives as long as its stdin is open.

A command that is killed cannot stop its server, but the pipe to it closes by itself.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading


def main(number: int) -> None:
    """Serve Prefect's API on an inherited listening socket until stdin ends or a signal comes."""
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    import uvicorn

    application = "prefect.server.api.server:create_app"
    config = uvicorn.Config(application, factory=True, log_level="error", lifespan="on", timeout_graceful_shutdown=3)
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=number)])


def _end_with_the_parent() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main(int(sys.argv[1]))
