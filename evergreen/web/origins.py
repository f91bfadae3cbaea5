"""Where a request comes from: the name it was sent to, and the page that a browser sends it for."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
#: Methods that change nothing.
SAFE = ("GET", "HEAD", "OPTIONS")


def is_named(headers: Headers, port: int | None, names: Collection[str]) -> bool:
    """Whether the ``Host`` is one of ours; a foreign one is a page whose name was bent to this machine's address.

    Args:
        headers: The request's.
        port: Where the server listens; the machine's own names count with this port only.
        names: Further names, with a port or for any.
    """
    hosts = headers.getlist("host")
    if len(hosts) != 1:
        return False
    host = hosts[0].lower()
    name, number = host, ""
    if not host.endswith("]") and ":" in host:
        name, _, number = host.rpartition(":")
    if name in LOOPBACK:
        return host in names or (number or "80") == str(port)
    return host in names or name in names


def is_own(headers: Headers, method: str) -> bool:
    """Whether a request is for no foreign page.

    A foreign page is one of another name or port. It may lead a person here by a link; it may not ask in the person's
    name, embed, or open a WebSocket. What no browser sends has neither of the headers.
    """
    origins = headers.getlist("origin")
    if len(origins) > 1 or (origins and urlsplit(origins[0]).netloc.lower() != headers["host"].lower()):
        return False
    if headers.get("sec-fetch-site", "none") in ("none", "same-origin"):
        return True
    by_link = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return by_link and method in SAFE
