"""What a person sees in a browser after a training, a scoring and a look at the live windows: both UIs, as served."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from evergreen.cli.servers import free_port, mlflow_command, prefect_command, serving
from evergreen.settings import settings

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-extensions",
    "--disable-background-networking", "--disable-component-update", "--window-size=1300,1600",
)  # fmt: skip
_ERRORS = re.compile(
    r"something went wrong|page not found|\bnot found\b|internal server error|does not exist|<title>\s*(404|500)",
    re.IGNORECASE,
)
_LIFE = """
from datetime import UTC, datetime
from evergreen.cli.operating import print_monitored, run_monitor
from flows.score import score
from flows.train import train
train("churn", datetime(2026, 3, 10, tzinfo=UTC))
score("churn", datetime(2026, 3, 24, tzinfo=UTC))
print_monitored("churn", run_monitor("churn", datetime(2026, 3, 26, tzinfo=UTC)))
"""


def browser() -> str:
    """The browser's program; without one the test skips, where CI is set it fails."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        word = f"no browser: none of {', '.join(_NAMES)} is installed"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(word)
    return found


@dataclass(frozen=True)
class Page:
    """A page as a browser shows it once its programs have run."""

    title: str
    text: str

    @property
    def error(self) -> str:
        """The words by which one sees that it is an error page, or nothing."""
        found = _ERRORS.search(f"<title>{self.title}</title> {self.text}")
        return found.group() if found else ""


def look(url: str, picture: Path) -> Page:
    """Open a page in a fresh browser and wait until it has asked for everything; the picture is for people."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        command = [
            browser(), *_QUIET, f"--user-data-dir={home}", "--virtual-time-budget=20000",
            # Without it lists that draw what is in sight stay empty.
            "--run-all-compositor-stages-before-draw", f"--screenshot={picture}",
            "--dump-dom", url,
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    title = re.search(r"<title[^>]*>(.*?)</title>", done.stdout, re.DOTALL)
    body = re.sub(r"<(script|style|noscript)\b.*?</\1>", " ", done.stdout, flags=re.DOTALL)
    text = " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())
    return Page(unescape(title.group(1)) if title else "", text)


def ask(url: str, question: dict[str, Any]) -> Any:
    request = urllib.request.Request(url, json.dumps(question).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


@dataclass(frozen=True)
class Served:
    """Where both UIs are, and the pages in them."""

    prefect: str
    mlflow: str

    def runs(self) -> dict[str, str]:
        """The flow runs' ids by the first word of their names."""
        return {run["name"].split()[0]: run["id"] for run in ask(f"{self.prefect}/api/flow_runs/filter", {})}

    def artifact(self, key: str) -> str:
        """The newest artifact of a key."""
        chosen = {"artifacts": {"key": {"any_": [key]}}, "sort": "CREATED_DESC", "limit": 1}
        (found,) = ask(f"{self.prefect}/api/artifacts/filter", chosen)
        return str(found["id"])

    def watched(self, experiment: str) -> str:
        """The MLflow run of the monitor."""
        question = {"experiment_ids": [experiment], "filter": "tags.`evergreen.kind` = 'monitor'"}
        (found,) = ask(f"{self.mlflow}/api/2.0/mlflow/runs/search", question)["runs"]
        return str(found["info"]["run_id"])


@pytest.fixture
def served(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """Both UIs of a project whose model has been trained, has scored, and has been looked at."""
    browser()
    spec = project / "deployments" / "churn.yaml"
    spec.write_text(spec.read_text().replace("[lightgbm, linear]", "[linear]"))
    here = settings()
    monkeypatch.setenv("PREFECT_HOME", str(here.workspace / "prefect"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    ports = free_port(0), free_port(0)
    there = Served(*(f"http://127.0.0.1:{port}" for port in ports))
    with (
        serving(prefect_command(ports[0]), here, "prefect", there.prefect),
        serving(mlflow_command(here, ports[1]), here, "mlflow", there.mlflow),
    ):
        environment = os.environ | {"PREFECT_API_URL": f"{there.prefect}/api"}
        done = subprocess.run(
            [sys.executable, "-c", _LIFE], env=environment, cwd=project, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "window 2026-03-16 to 2026-03-23, version 1 of churn" in done.stdout
        yield there


@pytest.mark.timeout(1200)
def test_both_uis_show_the_run_the_verdict_the_health_and_the_model_and_no_page_is_an_error(
    served: Served, tmp_path: Path
) -> None:
    from evergreen.io.records import ChampionHistory
    from evergreen.io.registry import Registry

    here = settings()
    runs = served.runs()
    champion = ChampionHistory(here.workspace).champions("churn")[-1].version
    page = Registry(here).page(champion.run_id)
    experiment = re.sub(r"/runs/.*", "/runs", page)
    number = experiment.split("/")[-2]
    wanted = {
        "prefect-runs": (
            f"{served.prefect}/runs",
            ["train churn as of 2026-03-10", "monitor churn as of 2026-03-26", "model:churn"],
        ),
        "prefect-run": (f"{served.prefect}/runs/flow-run/{runs['train']}", ["train churn as of 2026-03-10"]),
        "prefect-rules": (
            f"{served.prefect}/artifacts/artifact/{served.artifact('churn-rules')}",
            [
                "churn-rules",
                "broken",
                "quarantine",
                "expect_column_values_to_be_between(amount)",
                "checked rows broke it",
            ],
        ),
        "prefect-verdict": (
            f"{served.prefect}/artifacts/artifact/{served.artifact('churn-verdict')}",
            ["churn-verdict", "churn: promoted", "Rules", "held", "roc_auc"],
        ),
        "prefect-health": (
            f"{served.prefect}/artifacts/artifact/{served.artifact('churn-health')}",
            ["churn-health", "calls for a training", "Window 2026-03-16 to 2026-03-23", "labelled rows"],
        ),
        "mlflow-experiment": (f"{served.mlflow}/{experiment}", ["train 2026-03-10 00:00", "monitor 2026-03-26 00:00"]),
        "mlflow-run": (f"{served.mlflow}/{page}", ["train 2026-03-10 00:00", "churn: promoted", "roc_auc gains"]),
        "mlflow-health": (
            f"{served.mlflow}/{experiment}/{served.watched(number)}/artifacts/health.html",
            ["monitor 2026-03-26 00:00", "health.html"],
        ),
        "mlflow-models": (f"{served.mlflow}/#/models", ["churn", "@ champion"]),
        "mlflow-model": (f"{served.mlflow}/#/models/churn", ["churn", "Version 1", "@ champion"]),
        "mlflow-version": (
            f"{served.mlflow}/#/models/churn/versions/1",
            ["@ champion", "churn: promoted", "roc_auc gains"],
        ),
    }
    wrong = {}
    for name, (url, words) in wanted.items():
        seen = look(url, tmp_path / f"{name}.png")
        (tmp_path / f"{name}.txt").write_text(seen.text)
        missing = [word for word in words if word not in seen.text]
        if missing or seen.error:
            wrong[name] = f"{url}: missing {missing}; error {seen.error!r}; it says: {seen.text[:600]}"
    assert wrong == {}
    # An error page is known as one.
    for nowhere in (f"{served.prefect}/nowhere", f"{served.mlflow}/#/models/nothing"):
        assert look(nowhere, tmp_path / "nowhere.png").error
