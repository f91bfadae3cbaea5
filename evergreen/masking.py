"""Secrets in texts that people read: passwords and tokens in URLs and connection strings become ``***``."""

from __future__ import annotations

import re
from urllib.parse import unquote_plus

_HIDDEN = "***"
#: Where a URL begins.
_SCHEME = re.compile(r"\b([A-Za-z][A-Za-z0-9+.-]*)://")
#: A host with its port, which looks like a user with a password until the end of the digits.
_PORT = re.compile(r"[^\s:/@?#]*:\d+(?=[:/?#,;)\]}'\"\s]|$)")
#: Names of parameters that hold a secret; ``key`` alone or at the end of a name does too.
_NAME = re.compile(
    r"pass(word|wd|phrase|code)?$|pwd|passw|secret|token|signature|credential|^sig$|^auth$|authorization|odbc_connect|key$",
    re.IGNORECASE,
)
#: ``NAME=value`` in a query or a fragment.
_PARAMETER = re.compile(r"(?<=[?&#])([^=&#;\s?]+)=([^&#\s\"'<>]*)")
#: ``Password=value`` of a connection string, ``AWS_SECRET_ACCESS_KEY=value`` of an environment.
_SETTING = re.compile(
    r"\b(pwd|\w*passw(?:or)?d|passphrase|\w*secret\w*|\w*token|accountkey|sharedaccesskey|\w*(?:api|access)_?key)"
    r"(\s*=\s*)(\{[^}]*\}|\"[^\"]*\"|'[^']*'|[^;&,\s\"']+)",
    re.IGNORECASE,
)
_BEARER = re.compile(r"\b(bearer|basic)(\s+)[A-Za-z0-9+/._~=-]{8,}", re.IGNORECASE)
#: Schemes whose paths and queries hold ``@`` now and then.
_WEB = frozenset({"http", "https", "ws", "wss", "git", "ssh"})
#: Schemes in which a name alone before the ``@`` is a token.
_TOKENS = frozenset({"http", "https", "ws", "wss"})


def masked(text: str) -> str:
    """The text with every secret of a URL, a connection string or a header replaced by ``***``.

    A user's name stays, but a name alone before the ``@`` of a web address is a token. Where it is not clear where a
    password ends, more is hidden rather than less.
    """
    parts, start = [], 0
    for scheme in _SCHEME.finditer(text):
        if scheme.start() < start:
            continue
        rest = text[scheme.end() :]
        end, shown = _user_info(scheme[1].lower(), rest)
        parts += [text[start : scheme.end()], shown]
        start = scheme.end() + end
    hidden = "".join([*parts, text[start:]])
    hidden = _PARAMETER.sub(lambda found: found[0] if not _is_secret(found[1]) else f"{found[1]}={_HIDDEN}", hidden)
    hidden = _SETTING.sub(lambda found: f"{found[1]}{found[2]}{_HIDDEN}", hidden)
    return _BEARER.sub(lambda found: f"{found[1]}{found[2]}{_HIDDEN}", hidden)


def _user_info(scheme: str, rest: str) -> tuple[int, str]:
    """How many characters after ``://`` say who asks, with the ``@``, and what is shown of them."""
    token = re.match(r"[^\s\"'<>]*", rest)
    assert token is not None
    word = token[0]
    authority = re.split(r"[/?#]", word, maxsplit=1)[0]
    if "@" in authority and (scheme in _WEB or "@" not in word[len(authority) :]):
        end = authority.rindex("@") + 1
    elif _PORT.match(rest) and (scheme in _WEB or "@" not in word):
        return 0, ""
    elif "@" in word and (scheme not in _WEB or ":" in authority):
        end = word.rindex("@") + 1  # a password with a slash, or ``oracle://user/password@host``
    elif authority.partition(":")[2] and not authority.startswith("["):
        line = rest.split("\n", 1)[0]
        end = line.index("@") + 1 if "@" in line else len(word)  # a password with a blank, or one that was cut off
    else:
        return 0, ""
    who = rest[:end].removesuffix("@")
    user = re.split(r"[:/]", who, maxsplit=1)[0]
    at = "@" if rest[:end].endswith("@") else ""
    if user == who:
        return end, f"{_HIDDEN if scheme in _TOKENS else who}{at}"
    return end, f"{user}{who[len(user)]}{_HIDDEN}{at}"


def _is_secret(name: str) -> bool:
    return bool(_NAME.search(unquote_plus(name)))
