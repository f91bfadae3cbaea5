"""What a person sees in a browser after a training, a scoring and a look at the live windows: both UIs, as served."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from evergreen.cli import access
from evergreen.cli.servers import free_port, mlflow_command, prefect_command, serving
from evergreen.settings import open_workspace
from evergreen.web.keys import Keys, new_key

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


def error_on(page: Any) -> str:
    """The words by which one sees that a page is an error page, or nothing."""
    found = _ERRORS.search(f"<title>{page.title}</title> {page.text}")
    return found.group() if found else ""


@dataclass(frozen=True)
class Served:
    """Where both UIs are, what opens them, and the pages in them."""

    prefect: str
    mlflow: str
    key: str

    def ask(self, url: str, question: dict[str, Any]) -> Any:
        """What a server answers."""
        return access.ask(url, question, Keys(self.key).authorization(), seconds=60)

    def runs(self) -> dict[str, str]:
        """The flow runs' ids by the first word of their names."""
        return {run["name"].split()[0]: run["id"] for run in self.ask(f"{self.prefect}/api/flow_runs/filter", {})}

    def artifact(self, key: str) -> str:
        """The newest artifact of a key."""
        chosen = {"artifacts": {"key": {"any_": [key]}}, "sort": "CREATED_DESC", "limit": 1}
        (found,) = self.ask(f"{self.prefect}/api/artifacts/filter", chosen)
        return str(found["id"])

    def watched(self, experiment: str) -> str:
        """The MLflow run of the monitor."""
        question = {"experiment_ids": [experiment], "filter": "tags.`evergreen.kind` = 'monitor'"}
        (found,) = self.ask(f"{self.mlflow}/api/2.0/mlflow/runs/search", question)["runs"]
        return str(found["info"]["run_id"])


@pytest.fixture
def served(project: Path, browser: Any, no_server: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """Both UIs of a project whose model was trained, has scored, and was looked at; the browser is signed in."""
    spec = project / "deployments" / "churn.yaml"
    spec.write_text(spec.read_text().replace("[lightgbm, linear]", "[linear]"))
    here = open_workspace()
    monkeypatch.setenv("PREFECT_HOME", str(here.folder / "prefect"))
    ports = free_port(0), free_port(0)
    there = Served(*(f"http://127.0.0.1:{port}" for port in ports), key=(key := new_key()))
    with (
        serving(prefect_command(ports[0]), here, "prefect", f"{there.prefect}/api/health", key),
        serving(mlflow_command(here, ports[1]), here, "mlflow", f"{there.mlflow}/health", key),
    ):
        # One link opens both: they are one machine's.
        browser.look(access.links(key, there.prefect, there.mlflow).split()[1])
        environment = os.environ | {"PREFECT_API_URL": f"{there.prefect}/api", **access.environment(key)}
        done = subprocess.run(
            [sys.executable, "-c", _LIFE], env=environment, cwd=project, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "window 2026-03-16 to 2026-03-23, version 1 of churn" in done.stdout
        yield there


@pytest.mark.timeout(1200)
def test_both_uis_show_the_run_the_verdict_the_health_and_the_model_and_no_page_is_an_error(
    served: Served, browser: Any, tmp_path: Path
) -> None:

    here = open_workspace()
    runs = served.runs()
    champion = here.champions.champions("churn")[-1].version
    page = here.registry.page(champion.run_id)
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
        seen = browser.look(url, tmp_path / f"{name}.png")
        (tmp_path / f"{name}.txt").write_text(seen.text)
        missing = [word for word in words if word not in seen.text]
        if missing or error_on(seen):
            wrong[name] = f"{url}: missing {missing}; error {error_on(seen)!r}; it says: {seen.text[:600]}"
    assert wrong == {}
    # An error page is known as one.
    for nowhere in (f"{served.prefect}/nowhere", f"{served.mlflow}/#/models/nothing"):
        assert error_on(browser.look(nowhere))
