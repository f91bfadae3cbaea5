"""A project in a temporary folder, and one Prefect server for all tests of a process, which starts when it is asked."""

from __future__ import annotations

import json
import os
import re
import secrets
import select
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from html import unescape
from importlib.metadata import version
from itertools import count
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd
import pytest

if TYPE_CHECKING:
    from evergreen.workspace import Workspace

# A shell that runs the suite in the background has Ctrl-C ignored, and every child of the tests would ignore it too.
signal.signal(signal.SIGINT, signal.default_int_handler)
# Before anything imports prefect: its home, like all state of a test session, is temporary.
_HOME = Path(tempfile.mkdtemp(prefix="evergreen-tests-"))
os.environ |= {
    "PREFECT_HOME": str(_HOME / "prefect"),
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "300",
    "PREFECT_API_REQUEST_TIMEOUT": "300",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_FLOWS": '{"heartbeat_frequency": null}',
    "DO_NOT_TRACK": "true",
    "OMP_WAIT_POLICY": "passive",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MPLBACKEND": "Agg",
    "MPLCONFIGDIR": str(_HOME / "matplotlib"),
}
for _name in ("EVERGREEN_PROJECT", "EVERGREEN_WORKSPACE"):
    os.environ.pop(_name, None)

#: Where this process's Prefect server is asked; questions that come before it answers wait.
_LISTENING = socket.create_server(("127.0.0.1", 0), backlog=128)
#: What the server's door opens for, and how Prefect's client in a process shows it.
_KEY = secrets.token_urlsafe(32)
_SERVER = {
    "PREFECT_API_URL": f"http://127.0.0.1:{_LISTENING.getsockname()[1]}/api",
    "PREFECT_CLIENT_CUSTOM_HEADERS": json.dumps({"Authorization": f"Bearer {_KEY}"}),
}
os.environ |= _SERVER
_ENVIRONMENT = dict(os.environ)

#: Tests that run whole programs.
_PROGRAMS = ("flows/", "evergreen/cli/", "test_")

SUITE = """
expectations:
  - {type: expect_column_to_exist, kwargs: {column: amount}, severity: critical}
  - {type: expect_column_values_to_not_be_null, kwargs: {column: id}, severity: critical}
  - {type: expect_column_values_to_be_between, kwargs: {column: amount, min_value: 0}, severity: quarantine}
"""
SPEC = """
model: churn
data:
  source: data/customers.csv
  key: id
  time: at
  target: {column: churned, delay: 1d}
validation: customers
training: {families: [lightgbm, linear], search: portfolio, max_candidates: 4, holdout: 20d, tuning: 15d,
           budget: 10min}
promotion: {floors: {roc_auc: 0.6}, slices: [plan]}
"""


def customers(days: int = 90, rows_a_day: int = 40, seed: int = 0) -> pd.DataFrame:
    """Rows with a signal in ``amount`` and ``plan``; one amount a month is negative."""
    rng = np.random.default_rng(seed)
    n = days * rows_a_day
    start = pd.Timestamp("2026-01-01", tz="UTC")
    frame = pd.DataFrame(
        {
            "id": [f"c{number:06d}" for number in range(n)],
            "at": start + pd.to_timedelta(np.arange(n) * (24 * 60 // rows_a_day), unit="min"),
            "amount": rng.gamma(2, 50, n).round(2),
            "plan": rng.choice(["basic", "plus", "pro"], n),
        }
    )
    score = (frame["amount"] - 100) / 60 + (frame["plan"] == "basic") * 1.5 - 0.8
    frame["churned"] = (rng.random(n) < 1 / (1 + np.exp(-score))).astype(int)
    frame.loc[frame.index % (30 * rows_a_day) == 7, "amount"] = -1.0
    return frame


class LayOut(Protocol):
    """Writes a project: its one model ``churn``, its suite, its rows."""

    def __call__(self, root: Path, spec: str = SPEC, suite: str = SUITE, rows: pd.DataFrame | None = None) -> Path: ...


@pytest.fixture(scope="session")
def blank_mlflow(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database without a run, made once for each MLflow: it takes sixty steps to it, which take seconds."""
    made = pytestconfig.cache.mkdir(f"mlflow-{version('mlflow')}") / "mlflow.db"
    if not made.exists():
        from evergreen.workspace import Workspace

        folder = tmp_path_factory.mktemp("blank")
        Workspace.local(folder, folder).registry.versions("churn")
        shutil.copy(folder / "mlflow.db", aside := made.with_name(f"{os.getpid()}.part"))
        aside.replace(made)
    return made


@pytest.fixture(scope="session")
def lay_out(blank_mlflow: Path) -> LayOut:
    """Write a project whose workspace is new, but for an MLflow database that holds nothing."""

    def laid_out(root: Path, spec: str = SPEC, suite: str = SUITE, rows: pd.DataFrame | None = None) -> Path:
        for folder in ("deployments", "expectations", "data", ".evergreen"):
            (root / folder).mkdir(parents=True)
        (root / "deployments" / "churn.yaml").write_text(spec)
        (root / "expectations" / "customers.yaml").write_text(suite)
        (customers() if rows is None else rows).to_csv(root / "data" / "customers.csv", index=False)
        shutil.copy(blank_mlflow, root / ".evergreen" / "mlflow.db")
        return root

    return laid_out


@pytest.fixture
def new_workspace(tmp_path: Path, blank_mlflow: Path) -> Workspace:
    """A workspace with an MLflow database that holds nothing."""
    from evergreen.workspace import Workspace

    here = Workspace.local(tmp_path, tmp_path / "workspace")
    here.folder.mkdir()
    shutil.copy(blank_mlflow, here.folder / "mlflow.db")
    return here


@pytest.fixture
def project(tmp_path: Path, lay_out: LayOut, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's own project with one model, ``churn``."""
    monkeypatch.setenv("EVERGREEN_PROJECT", str(tmp_path))
    monkeypatch.setenv("EVERGREEN_WORKSPACE", str(tmp_path / ".evergreen"))
    monkeypatch.chdir(tmp_path)
    return lay_out(tmp_path)


@pytest.fixture(scope="session")
def move() -> Callable[[Path, str], None]:
    """Let every path in a project's databases that begins in another folder begin in the project's."""

    def moved(project: Path, old: str) -> None:
        for name in ("records.db", "mlflow.db"):
            with closing(sqlite3.connect(project / ".evergreen" / name)) as connection, connection:
                tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
                for (table,) in tables:
                    for (column,) in connection.execute("SELECT name FROM pragma_table_info(?)", [table]).fetchall():
                        replaced = (
                            f'UPDATE "{table}" SET "{column}" = replace("{column}", ?, ?) WHERE instr("{column}", ?)'
                        )
                        connection.execute(replaced, [old, str(project), old])

    return moved


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--minutes", type=float, default=1, help="how long each test of `make soak` goes on")
    parser.addoption("--seed", type=int, default=secrets.randbelow(10**6), help="what `make soak` draws from")


@pytest.fixture
def rounds(pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]) -> Iterator[Random]:
    """Rounds of a test that goes on until its minutes are over, each with what it draws from."""
    end, seed = time.monotonic() + 60 * pytestconfig.getoption("--minutes"), pytestconfig.getoption("--seed")

    def drawn() -> Iterator[Random]:
        for number in count():
            with capsys.disabled():
                sys.stdout.write(f"round {number}: --seed {seed + number}\n")
            yield Random(seed + number)
            if time.monotonic() > end:
                return

    return drawn()


def pytest_configure(config: pytest.Config) -> None:
    """Let each process that shares the suite, and what it starts, take its share of the machine's threads."""
    if workers := config.getoption("numprocesses", None):
        share = str(max(1, (os.cpu_count() or 1) // workers))
        os.environ |= {"OMP_NUM_THREADS": share, "OPENBLAS_NUM_THREADS": share}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what runs whole programs, the longest tests: processes that share the suite then end together."""
    folder = Path(__file__).parent
    items.sort(key=lambda item: not item.path.relative_to(folder).as_posix().startswith(_PROGRAMS))


@pytest.fixture
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Prefect server is named: a command starts its own."""
    for name in _SERVER:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def content() -> dict[str, Any]:
    """What the project of the tests consists of, for those that lay it out in another way."""
    return {"spec": SPEC, "suite": SUITE, "rows": customers()}


@pytest.fixture(autouse=True)
def _own_environment() -> Iterator[None]:
    """What a test, or a command that it calls in this process, sets in the environment, the next test does not see."""
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture(scope="session", autouse=True)
def _server() -> Iterator[None]:
    """Start Prefect's server at the first question, and end it with the session; then remove what all have left."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        select.select([_LISTENING], [], [])
        with ExitStack() as refusing:
            refusing.callback(_LISTENING.close)  # who asks is refused, and does not wait for what never comes
            started.append(_start_server())
            refusing.pop_all()

    threading.Thread(target=start, daemon=True).start()
    yield
    for server in started:
        server.communicate()
    shutil.rmtree(_HOME, ignore_errors=True)


def _start_server() -> subprocess.Popen[bytes]:
    from evergreen.cli import lifeline
    from evergreen.cli.blank import lay_down
    from evergreen.web.policy import environment

    (_HOME / "prefect").mkdir(exist_ok=True)
    lay_down(_HOME / "prefect")
    plain = {
        "PREFECT_UI_ENABLED": "0",
        "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
        "PREFECT__SERVER_EPHEMERAL": "1",
        "PREFECT__SERVER_FINAL": "1",
    }
    with (_HOME / "server.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-P", str(lifeline.__file__), "--socket", str(_LISTENING.fileno())],
            stdin=subprocess.PIPE, stdout=log, stderr=log, pass_fds=[_LISTENING.fileno()], start_new_session=True,
            env=_ENVIRONMENT | plain | environment(_KEY, ()),
        )  # fmt: skip


_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-extensions",
    "--disable-background-networking", "--disable-component-update", "--window-size=1300,1600",
)  # fmt: skip
#: Looking: until everything has been asked for, and so that lists draw what is in sight.
_UNTIL_STILL = ("--virtual-time-budget=20000", "--run-all-compositor-stages-before-draw", "--dump-dom")


@dataclass(frozen=True)
class Page:
    """A page as a browser shows it once its programs have run."""

    title: str
    text: str


@dataclass(frozen=True)
class Browser:
    """A headless Chromium; what a page has set, the next one that is looked at finds."""

    program: str
    home: Path

    @property
    def _command(self) -> list[str]:
        return [self.program, *_QUIET, f"--user-data-dir={self.home}"]

    def look(self, url: str, picture: Path | None = None, *switches: str) -> Page:
        """Open a page and wait until it has asked for everything; the picture is for people."""
        pictured = [f"--screenshot={picture}"] if picture else []
        command = [*self._command, *_UNTIL_STILL, *pictured, *switches, url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
        assert done.returncode == 0, done.stderr
        title = re.search(r"<title[^>]*>(.*?)</title>", done.stdout, re.DOTALL)
        body = re.sub(r"<(script|style|noscript)\b.*?</\1>", " ", done.stdout, flags=re.DOTALL)
        text = " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())
        return Page(unescape(title.group(1)) if title else "", text)

    @contextmanager
    def showing(self, url: str) -> Iterator[None]:
        """Have a page open while the block runs, in real time, as WebSockets want it."""
        command = [*self._command, "--remote-debugging-port=0", url]  # it stays open
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=60)


@pytest.fixture
def browser() -> Iterator[Browser]:
    """A browser that nobody has used; without one the test skips, where CI is set it fails."""
    program = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if program is None:
        word = f"no browser: none of {', '.join(_BROWSERS)} is installed"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(word)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        yield Browser(program, Path(home))
