"""Secrets: the key that programs show, links that sign in once, sessions of browsers, and tokens against forgery."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import time

from itsdangerous import BadSignature, Signer, TimestampSigner

#: The user of HTTP's basic authentication; the password is the key.
USER = "evergreen"
LINK_SECONDS, SESSION_SECONDS = 600, 12 * 3600


def new_key() -> str:
    """A key that nobody guesses: 256 random bits."""
    return secrets.token_urlsafe(32)


class Keys:
    """What can be proved with one key; all that is signed is void once there is another key."""

    def __init__(self, key: str) -> None:
        """Remember when this was: links that are older were for an earlier server, which may have taken them."""
        self._key, self._since = key, int(time.time())
        self._taken: set[str] = set()
        #: Browsers do not tell ports apart: each key has a cookie of its own.
        self.cookie = f"evergreen-{hashlib.sha256(key.encode()).hexdigest()[:8]}"

    def authorization(self) -> str:
        """The ``Authorization`` header of a program that has the key."""
        return f"Bearer {self._key}"

    def opens(self, authorization: str) -> bool:
        """Whether a header shows the key, as a bearer token or as the password of ``evergreen``."""
        scheme, _, shown = authorization.partition(" ")
        if scheme.lower() == "basic":
            try:
                user, _, shown = base64.b64decode(shown, validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                return False
            return _same(user, USER) and _same(shown, self._key)
        return scheme.lower() == "bearer" and _same(shown, self._key)

    def link(self, name: str) -> str:
        """A code that signs in once, within ten minutes, at the door of this name."""
        return self._timed(f"link {name}").sign(secrets.token_urlsafe(12)).decode()

    def take(self, name: str, code: str) -> bool:
        """Whether a code signs in; it does so once."""
        try:
            nonce, made = self._timed(f"link {name}").unsign(code, max_age=LINK_SECONDS, return_timestamp=True)
        except BadSignature:
            return False
        if made.timestamp() < self._since or nonce.decode() in self._taken:
            return False
        self._taken.add(nonce.decode())
        return True

    def session(self) -> str:
        """A new session, as its cookie holds it."""
        return self._timed("session").sign(secrets.token_urlsafe(12)).decode()

    def knows(self, session: str) -> bool:
        """Whether a cookie holds a session of ours that has not run out."""
        return self._timed("session").validate(session, max_age=SESSION_SECONDS)

    def csrf_token(self, session: str) -> str:
        """What a page of this session shows with each change that it asks for."""
        return Signer(self._key, salt="csrf", digest_method=hashlib.sha256).get_signature(session).decode()

    def is_csrf_token(self, session: str, shown: str) -> bool:
        """Whether the token belongs to the session."""
        return _same(shown, self.csrf_token(session))

    def _timed(self, salt: str) -> TimestampSigner:
        return TimestampSigner(self._key, salt=salt, digest_method=hashlib.sha256)


def _same(shown: str, right: str) -> bool:
    return hmac.compare_digest(shown.encode(), right.encode())
