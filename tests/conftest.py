"""A project in a temporary folder, and a Prefect that keeps its state there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

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
    import shutil

    shutil.rmtree(_HOME, ignore_errors=True)
