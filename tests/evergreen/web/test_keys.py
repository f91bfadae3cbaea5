"""What is signed with a key, and for how long it is worth something."""

from __future__ import annotations

import pytest

from evergreen.web import keys
from evergreen.web.keys import Keys, new_key


def at(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let this be the time, for us and for the library that signs."""
    monkeypatch.setattr("time.time", lambda: seconds)


def test_keys_are_long_and_never_the_same() -> None:
    made = {new_key() for _ in range(100)}
    assert len(made) == 100
    assert min(map(len, made)) >= 43


def test_a_link_is_worth_ten_minutes_and_a_session_twelve_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, 1_000_000)
    mine = Keys("key")
    early, late, session = mine.link("here"), mine.link("here"), mine.session()
    at(monkeypatch, 1_000_000 + keys.LINK_SECONDS)
    assert mine.take("here", early)
    at(monkeypatch, 1_000_000 + keys.LINK_SECONDS + 1)
    assert not mine.take("here", late)
    at(monkeypatch, 1_000_000 + keys.SESSION_SECONDS)
    assert mine.knows(session)
    at(monkeypatch, 1_000_000 + keys.SESSION_SECONDS + 1)
    assert not mine.knows(session)


def test_a_link_that_an_earlier_server_may_have_taken_is_not_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, 1_000_000)
    link, session = Keys("key").link("here"), Keys("key").session()
    at(monkeypatch, 1_000_005)
    restarted = Keys("key")
    assert not restarted.take("here", link)
    assert restarted.knows(session)  # a browser stays signed in while a server is started again


def test_a_link_is_no_session_and_a_session_no_link() -> None:
    mine = Keys("key")
    assert not mine.knows(mine.link("here"))
    assert not mine.take("here", mine.session())


def test_each_key_has_a_cookie_of_its_own() -> None:
    assert Keys("one").cookie != Keys("two").cookie
