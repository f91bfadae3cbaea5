"""``evergreen serve`` as a person runs it: a process on a real workspace, asked over HTTP."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evergreen import features, training
from evergreen.handoffs import ModelVersion, Rule, Verdict
from evergreen.spec import load_spec
from evergreen.workspace import Workspace

EVERGREEN = str(Path(sys.executable).parent / "evergreen")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SPEC = """
model: customers
data: {source: customers.csv, target: {column: left}, read: {numbers: [income], thousands: ","}}
training: {task: binary}
serving: {}
"""
ROW = {"plan": "pro", "calls": 3, "age": 41, "income": "52,000"}


class Project:
    """A project of one model, whose trainings are made by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.pipelines = folder, dict[int, Any]()
        for name in ("deployments", "expectations"):
            (folder / name).mkdir()
        (folder / "deployments" / "customers.yaml").write_text(SPEC)
        (folder / "token").write_text("secret-of-the-test\n")
        self.spec = load_spec(folder / "deployments" / "customers.yaml")
        self.here = Workspace.local(folder, folder / ".evergreen")

    def train(self, seed: int) -> ModelVersion:
        """A version, crowned."""
        rng = np.random.default_rng(seed)
        calls = rng.integers(0, 9, 300)
        rows = pd.DataFrame(
            {
                "plan": rng.choice(["free", "pro"], 300),
                "calls": calls,
                "age": rng.integers(18, 90, 300),
                "income": rng.gamma(2.0, 9e3, 300),
                "__target": calls + rng.normal(size=300) > 4,
            }
        )
        transformer_for = partial(features.row_features, self.spec, list(ROW))
        asked = training.Problem(self.spec.training, "binary", ("0", "1"), transformer_for)
        recipe = training.candidates("binary", ["lightgbm"], 300, 4, 0)[0].with_params(n_estimators=20)
        pipeline = training.refit(recipe, rows, asked)
        facts = ModelVersion("customers", 0, "", "", "", "{}", None, NOW, "binary", ("0", "1"), functions={})
        registry, records = self.here.registry, self.here.champions
        with registry.run("customers", "train", {}) as run_id:
            example = features.signature_frame(rows.head(5), list(ROW))
            model_id = registry.log_model(run_id, pipeline, example, pipeline.predict_proba(example), facts)
        version = registry.register(registry.describe(model_id, facts), {})
        verdict = Verdict(True, (Rule("gain", True, "because"),))
        records.settle(f"key {seed}", version, verdict, None, records.champion("customers"))
        self.pipelines[version.version] = pipeline
        return version

    def predicted(self, version: int) -> float:
        """What batch prediction says of the row."""
        frame = pd.DataFrame([ROW | {"income": 52_000.0}])
        return float(training.predict(self.pipelines[version], "binary", frame, 2)[0])


@contextmanager
def server(project: Project, *options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    command = [EVERGREEN, "serve", "--port", "0", "--token-file", "token", *options]
    environment = {**os.environ, "EVERGREEN_PROJECT": str(project.folder)}
    environment |= {"EVERGREEN_WORKSPACE": str(project.folder / ".evergreen"), "PYTHONUNBUFFERED": "1"}
    log = (project.folder / "serve.log").open("w")
    process = subprocess.Popen(
        command, cwd=project.folder, env=environment, stdout=subprocess.PIPE, stderr=log, text=True
    )
    try:
        line = process.stdout.readline() if process.stdout else ""
        assert "http://127.0.0.1:" in line, (line, (project.folder / "serve.log").read_text())
        yield line.split(" on ")[1].split(";")[0], process
    finally:
        process.kill()
        process.wait()
        log.close()


def ask(url: str, token: str = "secret-of-the-test") -> tuple[int, Any]:
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"{url}/models/customers/predict", json.dumps(ROW).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=300) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def until(url: str, version: int) -> Any:
    """The first answer of a version; every one before it was an answer too."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        status, said = ask(url)
        assert status == 200, said
        if said["version"] == version:
            return said
    raise AssertionError(f"version {version} does not serve")


def degraded(url: str) -> str:
    """Why the model is degraded, once it is."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        with urllib.request.urlopen(f"{url}/ready", timeout=300) as answer:
            why = json.loads(answer.read())["models"]["customers"]["degraded"]
        if why:
            return str(why)
    raise AssertionError("it is not degraded")


def test_serve_answers_as_batch_follows_promotion_and_rollback_survives_tampering_and_ends(tmp_path: Path) -> None:
    project = Project(tmp_path)
    first = project.train(1)
    with server(project) as (url, process):
        assert until(url, 1)["prediction"] == project.predicted(1)
        assert ask(url, "wrong")[0] == 401
        project.train(2)
        assert until(url, 2)["prediction"] == project.predicted(2)
        records = project.here.champions
        records.crown(first, records.champion("customers"), "rollback", NOW, "it was worse")
        assert until(url, 1)["prediction"] == project.predicted(1)
        # A champion whose files were changed never replaces one that serves.
        third = project.train(3)
        for file in (tmp_path / ".evergreen" / "artifacts").rglob(f"*{third.model_id}*/**/model.skops"):
            file.write_bytes(file.read_bytes() + b" ")
        assert "differ from what was logged" in degraded(url)
        assert ask(url)[1]["version"] == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(300) == 0


def test_serve_says_what_is_missing(tmp_path: Path) -> None:
    project = Project(tmp_path)
    with server(project) as (url, _):
        status, said = ask(url)
        assert (status, "no version that can serve" in said) == (503, True)
        port = url.rsplit(":", 1)[1]
        for options, words in (
            (("--port", port), "cannot be taken"),
            (("--model", "customer"), "did you mean customers"),
        ):
            command = [EVERGREEN, "serve", *options]
            ended = subprocess.run(command, cwd=project.folder, capture_output=True, text=True, check=False)
            assert (ended.returncode, words in ended.stderr) == (2, True), ended.stderr
