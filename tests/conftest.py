"""A project in a temporary folder, and a Prefect that keeps its state there."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

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
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_FLOWS": '{"heartbeat_frequency": null}',
    "DO_NOT_TRACK": "true",
    "OMP_WAIT_POLICY": "passive",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MPLBACKEND": "Agg",
}
for _name in ("PREFECT_API_URL", "EVERGREEN_PROJECT", "EVERGREEN_WORKSPACE"):
    os.environ.pop(_name, None)

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
training: {families: [lightgbm, linear], search: portfolio, holdout: 20d, tuning: 15d, budget: 20s}
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


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's own project with one model, ``churn``."""
    for folder in ("deployments", "expectations", "data"):
        (tmp_path / folder).mkdir()
    (tmp_path / "deployments" / "churn.yaml").write_text(SPEC)
    (tmp_path / "expectations" / "customers.yaml").write_text(SUITE)
    customers().to_csv(tmp_path / "data" / "customers.csv", index=False)
    monkeypatch.setenv("EVERGREEN_PROJECT", str(tmp_path))
    monkeypatch.setenv("EVERGREEN_WORKSPACE", str(tmp_path / ".evergreen"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


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
def _clean_up() -> Iterator[None]:
    yield
    shutil.rmtree(_HOME, ignore_errors=True)


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
