"""The door before an application, asked as programs, browsers and foreign pages ask."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket

from evergreen.web.door import Door, csrf_token
from evergreen.web.keys import Keys
from evergreen.web.policy import OWN_PAGES, Policy, environment

KEY = "a-key-of-a-test"
HERE, TALK = "http://127.0.0.1:4200", "ws://127.0.0.1:4200/talk"
PROGRAM = {"Authorization": f"Bearer {KEY}"}


async def look(request: Request) -> PlainTextResponse:
    return PlainTextResponse(csrf_token(request.scope), headers={"Access-Control-Allow-Origin": "*"})


async def change(request: Request) -> JSONResponse:
    return JSONResponse((await request.body()).decode())


async def talk(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("hello")
    await socket.close()


def behind(**rules: Any) -> TestClient:
    routes = [Route("/", look), Route("/change", change, methods=["POST"]), WebSocketRoute("/talk", talk)]
    return TestClient(Door(Starlette(routes=routes), Policy("here", KEY, **rules)), base_url=HERE)


@pytest.fixture
def signed_in() -> TestClient:
    """A browser with a session, at a door that asks for no CSRF token."""
    client = behind(csrf=False)
    assert client.get(f"/sign-in?code={Keys(KEY).link('here')}").status_code == 200
    return client


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/", "/change", "/nowhere", "/sign-in/", "//sign-in", "/SIGN-IN"])
def test_nobody_is_answered_without_a_key_or_a_session(method: str, path: str) -> None:
    answer = behind().request(method, path)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")  # no browser asks a person for a password


def test_no_websocket_is_opened_without_a_key_or_a_session() -> None:
    assert refused_socket(behind()) == 401


def refused_socket(client: TestClient, **headers: str) -> int:
    with pytest.raises(WebSocketDenialResponse) as refused, client.websocket_connect(TALK, headers=headers):
        pass
    return refused.value.status_code


@pytest.mark.parametrize(
    "authorization",
    [
        f"Bearer {KEY}",
        f"bearer {KEY}",
        f"Basic {base64.b64encode(f'evergreen:{KEY}'.encode()).decode()}",
    ],
)
def test_a_program_with_the_key_is_let_in(authorization: str) -> None:
    client = behind()
    assert client.get("/", headers={"Authorization": authorization}).status_code == 200
    posted = client.post("/change", json="x", headers={"Authorization": authorization})
    assert posted.json() == '"x"'
    with client.websocket_connect(TALK, headers={"Authorization": authorization}) as socket:
        assert socket.receive_text() == "hello"


@pytest.mark.parametrize(
    "authorization",
    [
        "", "Bearer", "Bearer ", f"Bearer {KEY}x", f"Bearer {KEY[:-1]}", KEY, "Basic", "Basic ???", "Basic /w==",
        f"Basic {base64.b64encode(f'other:{KEY}'.encode()).decode()}",
        f"Basic {base64.b64encode(KEY.encode()).decode()}", f"Digest {KEY}", "Bearer schl\xfcssel",
    ],
)  # fmt: skip
def test_what_is_not_quite_the_key_opens_nothing(authorization: str) -> None:
    assert behind().get("/", headers={"Authorization": authorization.encode("latin-1")}).status_code == 401


@pytest.mark.parametrize(
    "host", ["evil.test", "evil.test:4200", "127.0.0.1", "127.0.0.1:80", "127.0.0.1:4200.evil.test", "localhost.:4200",
             "127.0.0.1:4200@evil.test", "", "[::2]:4200"],
)  # fmt: skip
def test_a_name_that_is_not_ours_is_refused_even_with_the_key(host: str) -> None:
    assert behind().get("/", headers={"Host": host, **PROGRAM}).status_code == 403


@pytest.mark.parametrize(
    "host", ["127.0.0.1:4200", "localhost:4200", "LOCALHOST:4200", "[::1]:4200", "models.test", "models.test:8443",
             "box:81"],
)  # fmt: skip
def test_this_machine_by_its_own_port_and_the_names_that_a_setting_adds_are_ours(host: str) -> None:
    client = behind(hosts=("models.test", "box:81"))
    assert client.get("/", headers={"Host": host, **PROGRAM}).status_code == 200


def test_a_name_that_is_added_with_a_port_is_taken_with_that_port_alone() -> None:
    assert behind(hosts=("box:81",)).get("/", headers={"Host": "box:82", **PROGRAM}).status_code == 403


@pytest.mark.parametrize(
    "origin", ["http://evil.test", "http://127.0.0.1:4201", "http://localhost:4200", "null", "http://127.0.0.1",
               "http://127.0.0.1:4200.evil.test", "http://evil.test@127.0.0.1:4201"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_a_foreign_page_gets_nothing_in_the_name_of_who_is_signed_in(
    signed_in: TestClient, origin: str, method: str
) -> None:
    answer = signed_in.request(method, "/change", headers={"Origin": origin}, json={} if method == "POST" else None)
    assert answer.status_code == 403
    assert refused_socket(signed_in, Origin=origin) == 403


@pytest.mark.parametrize(
    ("site", "mode", "destination", "method", "status"),
    [
        ("same-origin", "cors", "empty", "GET", 200),
        ("none", "navigate", "document", "GET", 200),
        ("cross-site", "navigate", "document", "GET", 200),  # a link; in a real browser it brings no cookie
        ("same-site", "no-cors", "script", "GET", 403),  # a page of another port of this machine
        ("cross-site", "no-cors", "image", "GET", 403),
        ("same-site", "navigate", "iframe", "GET", 403),
        ("same-site", "navigate", "document", "POST", 403),  # a form
    ],
)
def test_a_foreign_page_may_lead_here_but_not_embed_or_send_forms(
    signed_in: TestClient, site: str, mode: str, destination: str, method: str, status: int
) -> None:
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": destination}
    assert signed_in.request(method, "/", headers=headers).status_code == status


def test_a_session_says_where_each_change_comes_from(signed_in: TestClient) -> None:
    assert signed_in.post("/change", json=1).status_code == 403
    assert signed_in.post("/change", json=1, headers={"Origin": HERE}).status_code == 200
    assert refused_socket(signed_in) == 403
    with signed_in.websocket_connect(TALK, headers={"Origin": HERE}) as socket:
        assert socket.receive_text() == "hello"


def test_a_page_of_ours_shows_its_token_with_each_change() -> None:
    client = behind()
    client.get(f"/sign-in?code={Keys(KEY).link('here')}")
    token = client.get("/").text
    for shown, status in (("", 403), (token[:-1], 403), (token, 200)):
        headers = {"Origin": HERE, "X-CSRF-Token": shown}
        assert client.post("/change", json=1, headers=headers).status_code == status
    other = behind()
    other.get(f"/sign-in?code={Keys(KEY).link('here')}")
    assert other.post("/change", json=1, headers={"Origin": HERE, "X-CSRF-Token": token}).status_code == 403


def test_a_link_signs_in_once_at_its_own_door_into_a_cookie_that_no_script_reads() -> None:
    code = Keys(KEY).link("here")
    client = behind()
    answer = client.get("/sign-in", params={"code": code})
    assert answer.status_code == 200
    cookie = answer.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/", "Max-Age=43200"} <= set(cookie.split("; "))
    assert KEY not in cookie
    client.cookies.clear()
    assert client.get("/sign-in", params={"code": code}).status_code == 401
    for other in (Keys(KEY).link("there"), Keys("another key").link("here"), code + "x", "", "x"):
        assert client.get("/sign-in", params={"code": other}).status_code == 401


def test_a_refused_link_does_not_end_a_session_and_no_session_of_another_key_is_one(signed_in: TestClient) -> None:
    assert signed_in.get("/sign-in?code=x").status_code == 401
    assert signed_in.get("/").status_code == 200
    forged = behind()
    forged.cookies.set(Keys(KEY).cookie, Keys("another key").session())
    assert forged.get("/").status_code == 401


def test_a_body_is_of_a_type_that_is_read_and_of_a_size_that_is_said() -> None:
    client = behind(body_limit=100)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        headers = {**PROGRAM, "Content-Type": kind}
        assert client.post("/change", content="{}", headers=headers).status_code == 415
    kind = {**PROGRAM, "Content-Type": "Application/JSON; charset=utf-8"}
    assert client.post("/change", content="1" * 100, headers=kind).status_code == 200
    assert client.post("/change", content="1" * 101, headers=kind).status_code == 413
    assert client.post("/change", content=iter([b"1"]), headers=kind).status_code == 411
    assert client.post("/change", headers=PROGRAM).status_code == 200


def test_what_is_switched_off_is_reached_by_nobody() -> None:
    client = behind(closed=("/change",))
    assert client.post("/change", json=1, headers=PROGRAM).status_code == 404
    assert client.get("/", headers=PROGRAM).status_code == 200


@pytest.mark.parametrize("headers", [PROGRAM, {}, {"Host": "evil.test"}])
def test_each_answer_says_what_a_browser_may_do_with_it_and_nothing_to_other_origins(headers: dict[str, str]) -> None:
    said = behind().get("/", headers=headers).headers
    assert said["Content-Security-Policy"] == OWN_PAGES
    assert "unsafe" not in OWN_PAGES
    assert said["X-Frame-Options"] == "DENY"
    assert said["X-Content-Type-Options"] == "nosniff"
    assert said["Referrer-Policy"] == "no-referrer"
    assert said["Cross-Origin-Resource-Policy"] == "same-origin"
    assert not [name for name in said if name.startswith("access-control-")]


def test_a_person_reads_why_and_what_to_do() -> None:
    answer = behind().get("/", headers={"Accept": "text/html,*/*"})
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "evergreen ui" in answer.text
    assert "<script" not in answer.text


def test_a_door_without_a_key_is_never_built(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="no key"):
        Policy("here", "")
    monkeypatch.delenv("EVERGREEN_DOOR", raising=False)
    with pytest.raises(ValueError, match="no key"):
        Policy.from_environment("here")


def test_a_server_takes_its_key_and_names_from_its_environment_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment(KEY, ("models.test",)).items():
        monkeypatch.setenv(name, value)
    policy = Policy.from_environment("here", csrf=False)
    assert (policy.key, policy.hosts, policy.csrf) == (KEY, ("models.test",), False)
    assert KEY not in repr(policy)
    with pytest.raises(ValueError, match="no key"):
        Policy.from_environment("here")
