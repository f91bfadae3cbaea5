"""What a door lets in, as one frozen value."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

#: For pages that we write: nothing from elsewhere, no script and no style inside the page, and no frame around it.
OWN_PAGES = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"

#: For the pages of Prefect and MLflow, which build scripts and styles while they run: laxer inside the page, while all
#: that it loads still comes from its own server, and no other site frames it.
OTHERS_PAGES = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'self'; object-src 'none'"
)
#: The variable by which a server is told its key and its names; command lines are for everyone to read.
_VARIABLE = "EVERGREEN_DOOR"


@dataclass(frozen=True)
class Policy:
    """The rules of one door; what is not said is the stricter choice.

    Attributes:
        name: What the server is called; a sign-in link opens the door of this name alone.
        key: The secret that programs show, and that sessions are signed with.
        hosts: Names beside 127.0.0.1, localhost and [::1] by which people reach the server, as ``NAME`` or
            ``NAME:PORT``; those three are taken with the server's own port only.
        content_types: The types of body that are read; None for any, where forms of other pages are kept out by
            their origin alone.
        body_limit: The largest body, bytes; None for any size.
        csrf: Whether a request of a session that changes something must show the session's token.
        closed: Beginnings of paths that nobody reaches.
        open: Whether nobody has to show the key. A foreign page still gets nothing.
        probes: Paths that tell no secret, which a watchdog asks without the key.
        csp: The Content-Security-Policy of every answer.
    """

    name: str
    key: str = field(repr=False)
    hosts: tuple[str, ...] = ()
    content_types: tuple[str, ...] | None = ("application/json",)
    body_limit: int | None = 2**20
    csrf: bool = True
    closed: tuple[str, ...] = ()
    open: bool = False
    probes: tuple[str, ...] = ()
    csp: str = OWN_PAGES

    def __post_init__(self) -> None:
        """Refuse a door that everyone could open."""
        if not self.key:
            raise ValueError(f"the door {self.name!r} has no key")

    @classmethod
    def from_environment(cls, name: str, **rules: Any) -> Policy:
        """The policy of this process's server: the key and the names that its environment holds, and further rules.

        Raises:
            ValueError: the environment holds no key.
        """
        told = json.loads(os.environ.pop(_VARIABLE, "{}"))  # processes that the server starts need no key
        return cls(name, told.get("key", ""), tuple(told.get("hosts", ())), **rules)


def environment(key: str, hosts: Sequence[str]) -> dict[str, str]:
    """The environment of a server that reads its policy from there."""
    return {_VARIABLE: json.dumps({"key": key, "hosts": list(hosts)})}
