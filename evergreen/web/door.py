"""The door before an application: an ASGI middleware that checks every request and every WebSocket."""

from __future__ import annotations

from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from evergreen.web.keys import SESSION_SECONDS, Keys
from evergreen.web.origins import SAFE, is_named, is_own
from evergreen.web.pages import refusal, signed_in
from evergreen.web.policy import Policy

#: Where a sign-in link leads to.
SIGN_IN = "/sign-in"
_TOKEN = "evergreen.csrf_token"
_SIGNED_OUT = "signed out: `evergreen ui` prints a link that signs in; programs show the workspace's key"


class Refused(Exception):
    """A request that is not let in: the HTTP status, and why in words."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status, self.words = status, words


class Door:
    """An application behind a policy."""

    def __init__(self, application: ASGIApp, policy: Policy) -> None:
        """Stand before an application."""
        self._application, self._policy, self._keys = application, policy, Keys(policy.key)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer why not."""
        if scope["type"] == "lifespan":
            await self._application(scope, receive, send)
            return
        sending = _Sending(send, self._policy)
        try:
            answer = self._answer(scope)
        except Refused as refused:
            answer = refusal(Headers(scope=scope), refused.status, refused.words)
        if answer is None:
            await self._application(scope, receive, sending)
        elif scope["type"] == "http" or "websocket.http.response" in scope.get("extensions", {}):
            await answer(scope, receive, sending)
        else:
            await send({"type": "websocket.close", "code": 1008})

    def _answer(self, scope: Scope) -> Response | None:
        """The door's own answer, or None where the application answers.

        Raises:
            Refused: the request is not let in.
        """
        headers, method = Headers(scope=scope), scope.get("method", "GET")
        if not is_named(headers, (scope.get("server") or (None, None))[1], self._policy.hosts):
            raise Refused(403, "this is no name of this server; EVERGREEN_HOSTS adds names")
        if not is_own(headers, method):
            raise Refused(403, "this comes from a page of another origin")
        if scope["type"] == "http" and scope["path"] == SIGN_IN and method == "GET":
            return self._sign_in(scope)
        self._identify(scope, headers, method)
        if scope["path"].startswith(self._policy.closed):
            raise Refused(404, "this is switched off")
        if scope["type"] == "http":
            self._weigh(headers)
        return None

    def _sign_in(self, scope: Scope) -> Response:
        """Take a link's code for a session."""
        code = parse_qs(scope["query_string"].decode("latin-1")).get("code", [""])[0]
        scope["query_string"] = b""  # the server's log shall not show it
        if not self._keys.take(self._policy.name, code):
            raise Refused(401, f"this link was used, is older than ten minutes or than the server; {_SIGNED_OUT}")
        answer = signed_in()
        answer.set_cookie(
            self._keys.cookie, self._keys.session(), max_age=SESSION_SECONDS, httponly=True, samesite="strict",
            secure=scope.get("scheme") == "https",
        )  # fmt: skip
        return answer

    def _identify(self, scope: Scope, headers: Headers, method: str) -> None:
        """See who asks: a program with the key, or a browser with a session."""
        if self._policy.open or (scope["path"] in self._policy.probes and method in SAFE):
            return
        if "authorization" in headers:
            if not self._keys.opens(headers["authorization"]):
                raise Refused(401, _SIGNED_OUT)
            return
        session = HTTPConnection(scope).cookies.get(self._keys.cookie, "")
        if not self._keys.knows(session):
            raise Refused(401, _SIGNED_OUT)
        if scope["type"] == "websocket" or method not in SAFE:
            if "origin" not in headers:  # each browser says it here; what is said was looked at before
                raise Refused(403, "this does not say which page it comes from")
            # A script cannot add a header to a WebSocket; there the origin alone tells.
            shows = self._policy.csrf and scope["type"] == "http"
            if shows and not self._keys.is_csrf_token(session, headers.get("x-csrf-token", "")):
                raise Refused(403, "this does not show the page's token; open the page again")
        scope[_TOKEN] = self._keys.csrf_token(session)

    def _weigh(self, headers: Headers) -> None:
        """Look at the type and the size of a body before it is read; the server holds it to the size that it says."""
        said, streams = headers.get("content-length", "0"), "transfer-encoding" in headers
        if not said.isdecimal():
            raise Refused(400, "the body's size is no number")
        size = int(said)
        if not size and not streams:
            return
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if self._policy.content_types is not None and kind not in self._policy.content_types:
            raise Refused(415, f"the body must be of the type {' or '.join(self._policy.content_types)}")
        if self._policy.body_limit is not None:
            if streams:
                raise Refused(411, "the body's size must be said before it")
            if size > self._policy.body_limit:
                raise Refused(413, f"the body has {size:,} bytes; at most {self._policy.body_limit:,} are taken")


class _Sending:
    """Sends the application's answers with the headers of the policy, and without any word to other origins."""

    def __init__(self, send: Send, policy: Policy) -> None:
        self._send, self._policy = send, policy

    async def __call__(self, message: Message) -> None:
        """Send one message."""
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            headers = MutableHeaders(scope=message)
            for name in [name for name in headers if name.startswith("access-control-")]:
                del headers[name]
            framed = "DENY" if "frame-ancestors 'none'" in self._policy.csp else "SAMEORIGIN"
            headers.update(
                {
                    "content-security-policy": self._policy.csp,
                    "cross-origin-opener-policy": "same-origin",
                    "cross-origin-resource-policy": "same-origin",
                    "referrer-policy": "no-referrer",
                    "x-content-type-options": "nosniff",
                    "x-frame-options": framed,
                }
            )
        await self._send(message)


def csrf_token(scope: Scope) -> str:
    """What a page shows as ``X-CSRF-Token`` with its changes; empty where a program asks, which needs none."""
    return str(scope.get(_TOKEN, ""))
