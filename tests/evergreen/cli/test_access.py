"""Whose server a command asks, and what it shows there."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from evergreen.cli import access
from evergreen.cli.processes import Up, only_up, record
from evergreen.web.keys import Keys
from evergreen.workspace import Workspace

HEADERS, URL = "PREFECT_CLIENT_CUSTOM_HEADERS", "PREFECT_API_URL"
OURS = "http://127.0.0.1:4321"
pytestmark = pytest.mark.usefixtures("no_server")


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Workspace]:
    """A workspace with a living ``up``, which is this process."""
    with only_up(tmp_path):
        record(tmp_path, Up(os.getpid(), "token", OURS, "http://127.0.0.1:4322"))
        access.keep(tmp_path, "the-key")
        yield Workspace.local(tmp_path, tmp_path)


def shown() -> str:
    return str(json.loads(os.environ.get(HEADERS, "{}")).get("Authorization", ""))


def test_the_key_is_for_its_owner_alone_whatever_the_mask_says_and_is_gone_with_its_up(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        access.keep(tmp_path, "first")
        (tmp_path / "up.key").chmod(0o666)
        access.keep(tmp_path, "second")  # which replaces what somebody has opened
    finally:
        os.umask(before)
    assert (tmp_path / "up.key").stat().st_mode & 0o777 == 0o600
    assert access.kept(tmp_path) == "second"
    access.forget(tmp_path)
    assert access.kept(tmp_path) == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("named", ["", f"{OURS}/api", f"{OURS}/api/", "http://localhost:4321/api"])
def test_a_command_shows_the_key_to_the_workspace_s_own_server(named: str, here: Workspace) -> None:
    if named:
        os.environ[URL] = named
    assert access.join(here) == os.environ[URL] == (named or f"{OURS}/api")
    assert shown() == access.authorization() == Keys("the-key").authorization()


@pytest.mark.parametrize("named", ["http://127.0.0.1:4322/api", "https://prefect.test/api", f"{OURS}.prefect.test/api"])
def test_no_other_server_is_shown_the_key_but_what_a_person_has_set_for_it(named: str, here: Workspace) -> None:
    os.environ |= {URL: named, "PREFECT_API_AUTH_STRING": "user:word"}
    assert access.join(here) == named
    assert shown() == ""
    assert access.authorization() == f"Basic {base64.b64encode(b'user:word').decode()}"


def test_headers_that_a_person_has_set_go_along(here: Workspace) -> None:
    os.environ[HEADERS] = '{"X-Proxy": "yes"}'
    access.join(here)
    assert json.loads(os.environ[HEADERS]) == {"X-Proxy": "yes", "Authorization": Keys("the-key").authorization()}


def test_without_an_up_nothing_is_shown_and_nothing_named(tmp_path: Path) -> None:
    assert access.join(Workspace.local(tmp_path, tmp_path)) == ""
    assert (shown(), access.authorization()) == ("", "")


def test_links_lead_to_where_people_find_the_uis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERGREEN_MLFLOW_URL", "https://mlflow.test/")
    prefect, mlflow = access.links("the-key", OURS, "http://127.0.0.1:5").splitlines()
    assert prefect.startswith(f"Prefect  {OURS}/sign-in?code=")
    assert mlflow.startswith("MLflow   https://mlflow.test/sign-in?code=")
    assert "the-key" not in prefect + mlflow
