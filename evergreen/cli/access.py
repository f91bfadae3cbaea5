"""Who may ask this workspace's servers: the key of each ``up``, and how our own programs and browsers show it."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import urllib.request
from pathlib import Path
from typing import Any

from evergreen.cli.processes import Up, running
from evergreen.private import write_private
from evergreen.web.keys import Keys
from evergreen.workspace import Workspace

#: The authentication string of the living ``up``, in the workspace, for its owner alone.
_FILE = "up.key"
#: Prefect's clients send these with each request and each WebSocket; ``PREFECT_API_AUTH_STRING`` leaves some out.
_HEADERS = "PREFECT_CLIENT_CUSTOM_HEADERS"


def keep(workspace: Path, key: str) -> None:
    """Write the key down for the owner of the workspace."""
    write_private(workspace / _FILE, key)


def forget(workspace: Path) -> None:
    """Remove the key of an ``up`` that has ended."""
    (workspace / _FILE).unlink(missing_ok=True)


def kept(workspace: Path) -> str:
    """The key of the workspace's ``up``; empty where none is kept."""
    with contextlib.suppress(FileNotFoundError):
        return (workspace / _FILE).read_text(encoding="utf-8")
    return ""


def environment(key: str) -> dict[str, str]:
    """What lets Prefect's client in a process show the key; headers that a person has set are kept."""
    headers = json.loads(os.environ.get(_HEADERS) or "{}")
    return {_HEADERS: json.dumps({**headers, "Authorization": Keys(key).authorization()})}


def join(here: Workspace) -> str:
    """Let this process ask the workspace's ``up``, unless a person has named another server; the API's URL.

    Returns:
        What ``PREFECT_API_URL`` holds then; empty where nothing runs and nothing is named.
    """
    up = running(here.folder)
    url = os.environ.get("PREFECT_API_URL") or (f"{up.prefect}/api" if up else "")
    if up and _is_api_of(up, url):
        os.environ.update({"PREFECT_API_URL": url, **environment(kept(here.folder))})
    return url


def authorization() -> str:
    """The ``Authorization`` header that Prefect's client in this process would send; empty where it has none."""
    told = json.loads(os.environ.get(_HEADERS) or "{}").get("Authorization", "")
    secret = os.environ.get("PREFECT_API_AUTH_STRING")
    return str(told) or (f"Basic {base64.b64encode(secret.encode()).decode()}" if secret else "")


def ask(url: str, question: dict[str, Any] | None, authorization: str, seconds: float = 10) -> Any:
    """What a server answers to a question in JSON, or to none.

    Raises:
        OSError: it does not answer, or refuses.
    """
    headers = {"Content-Type": "application/json", **({"Authorization": authorization} if authorization else {})}
    body = None if question is None else json.dumps(question).encode()
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=seconds) as answer:
        return json.loads(answer.read() or b"null")


def answers(url: str, key: str) -> bool:
    """Whether a server answers who shows the key."""
    request = urllib.request.Request(url, headers={"Authorization": Keys(key).authorization()})
    with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=2):
        return True
    return False


def links(key: str, prefect: str, mlflow: str) -> str:
    """Two lines with links that sign a browser in, once each, within ten minutes.

    Args:
        key: The servers' key.
        prefect: Where Prefect's server listens; ``EVERGREEN_PREFECT_URL`` says where people find it instead.
        mlflow: The same of MLflow's.
    """
    keys, lines = Keys(key), []
    for title, url in (("Prefect", prefect), ("MLflow", mlflow)):
        base = os.environ.get(f"EVERGREEN_{title.upper()}_URL", url).rstrip("/")
        lines.append(f"{title:8} {base}/sign-in?code={keys.link(title.lower())}")
    return "\n".join(lines)


def _is_api_of(up: Up, url: str) -> bool:
    ours = f"{up.prefect}/api"
    return url.rstrip("/") in (ours, ours.replace("127.0.0.1", "localhost"))
