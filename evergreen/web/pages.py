"""The door's own answers: plain pages for people, one line for programs."""

from __future__ import annotations

from html import escape

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, PlainTextResponse, Response

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>{head}</head>
<body><h1>{title}</h1><p>{text}</p></body></html>
"""
#: A link from another site brings no cookie along; the second look, from this page, does.
_AGAIN = 'If you are signed in and came by a link: <a href="">open it again</a>.'


def refusal(headers: Headers, status: int, words: str) -> Response:
    """An answer that says why nothing is shown."""
    more = {"cache-control": "no-store"}
    if status == 401:
        more["www-authenticate"] = 'Bearer realm="evergreen"'
    if "text/html" not in headers.get("accept", ""):
        return PlainTextResponse(f"{words}\n", status, more)
    text = f"{escape(words)}<br>{_AGAIN}" if status == 401 else escape(words)
    return HTMLResponse(_PAGE.format(title="Evergreen", head="", text=text), status, more)


def signed_in() -> Response:
    """The page after a sign-in; it leads on by itself, as a redirect would arrive without the cookie."""
    return HTMLResponse(
        _PAGE.format(
            title="Signed in",
            head='<meta http-equiv="refresh" content="0;url=/">',
            text='<a href="/">Go on</a>',
        ),
        headers={"cache-control": "no-store"},
    )
