"""What one row costs: the bare booster, the compiled champion, batch prediction, and a request over HTTP.

All are asked for the same rows in one run, and CPU seconds are counted, so that other work of the machine changes
little. Run by ``make bench-serving``.
"""

from __future__ import annotations

import http.client
import json
import multiprocessing
import os
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from evergreen import features, training
from evergreen.handoffs import ModelVersion
from evergreen.serving.model import OneRowModel
from evergreen.serving.server import application, policy_of, run
from evergreen.spec import ModelSpec

#: Rows that are fitted on, trees, and how often each way is asked.
ROWS, TREES, ASKED, REQUESTS = 20_000, 336, 3_000, 3_000
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SPEC = ModelSpec.model_validate(
    {
        "model": "rides", "data": {"source": "rides.csv", "time": "at", "target": {"column": "late"}, "timezone":
        "America/New_York"}, "training": {"task": "binary"}, "serving": {},
    }
)  # fmt: skip


def table(n: int) -> pd.DataFrame:
    """Twenty numbers, six categories, an event time."""
    rng = np.random.default_rng(0)
    numbers = {f"n{at}": np.where(rng.random(n) < 0.05, np.nan, rng.normal(size=n)) for at in range(20)}
    levels = {f"c{at}": rng.choice([f"level {place}" for place in range(5 * (at + 1))], n) for at in range(6)}
    times = pd.Timestamp("2025-01-01", tz="UTC") + pd.to_timedelta(rng.integers(0, 500_000, n), unit="min")
    target = numbers["n0"] + (levels["c0"] == "level 0") + rng.normal(size=n) > 0
    return pd.DataFrame({**numbers, **levels, "__time": pd.Series(times).dt.as_unit("us"), "__target": target})


class Records:
    """The records of one model in memory."""

    def __init__(self, pipeline: Any) -> None:
        self.pipeline = pipeline
        self.version = ModelVersion("rides", 1, "", "", "", "{}", None, NOW, "binary", ("0", "1"))

    def champion(self, model: str) -> tuple[ModelVersion, datetime]:
        """Always the same."""
        return self.version, NOW

    def load(self, version: ModelVersion) -> Any:
        """The pipeline."""
        return self.pipeline


def microseconds(ask: Callable[[int], Any], times: int) -> float:
    """CPU microseconds of a call, in the mean."""
    ask(0)
    began = time.process_time()
    for at in range(times):
        ask(at)
    return (time.process_time() - began) / times * 1e6


def served(records: Records, listening: socket.socket) -> None:
    """A server's process."""
    run(application({"rides": SPEC}, records, policy_of("bench", "token")), listening)


def over_http(records: Records, rows: list[dict[str, Any]]) -> tuple[float, list[float]]:
    """CPU microseconds of the server a request, and the seconds that each took on the client's side."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    process = multiprocessing.get_context("fork").Process(target=served, args=(records, listening))
    process.start()
    try:
        headers = {"content-type": "application/json", "authorization": "Bearer token"}
        client = http.client.HTTPConnection(*listening.getsockname())
        waits = []
        for at in range(-100, REQUESTS):
            if at == 0:
                before = cpu_seconds(process.pid)
            body, began = json.dumps(rows[at % len(rows)]), time.perf_counter()
            client.request("POST", "/models/rides/predict", body, headers)
            answer = client.getresponse()
            said = answer.read()
            assert answer.status == 200, said
            waits.append(time.perf_counter() - began)
        return (cpu_seconds(process.pid) - before) / REQUESTS * 1e6, waits[100:]
    finally:
        process.terminate()
        process.join()


def cpu_seconds(pid: int | None) -> float:
    """User and system time of a process."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Fit, ask in each way, print the table."""
    rows = table(ROWS)
    inputs = [name for name in rows.columns if not name.startswith("__")]
    asked = training.Problem(SPEC.training, "binary", ("0", "1"), partial(features.row_features, SPEC, inputs))
    recipe = training.candidates("binary", ["lightgbm"], ROWS, len(inputs), 0)[0].with_params(n_estimators=TREES)
    pipeline = training.refit(recipe, rows, asked)
    records, some = Records(pipeline), rows.head(500).drop(columns="__target")
    model, booster = OneRowModel(pipeline, records.version), pipeline.named_steps["model"].booster_
    matrix = pipeline.named_steps["rows"].transform(some)
    plain: list[dict[str, Any]] = [
        {str(name): None if pd.isna(value) else value for name, value in row.items()} for row in some.to_dict("records")
    ]
    bare = microseconds(lambda at: booster.predict(matrix[at % 500 : at % 500 + 1], num_threads=1), ASKED)
    ours = microseconds(lambda at: model.predict(plain[at % 500]), ASKED)
    batch = microseconds(lambda at: training.predict(pipeline, "binary", some[at % 500 : at % 500 + 1], 2), 100)
    sent = [{name: value for name, value in row.items() if name != "__time"} | {"at": row["__time"].isoformat()}
            for row in plain]  # fmt: skip
    http_cost, waits = over_http(records, sent)
    print(f"{len(inputs)} inputs, {TREES} trees; CPU microseconds a row")
    for name, value in {"booster.predict": bare, "compiled": ours, "batch of one row": batch}.items():
        print(f"{name:>24} {value:10.1f} {value / bare:8.2f} times the booster")
    p50, p99 = np.quantile(waits, (0.5, 0.99)) * 1000
    print(f"{'over HTTP, the server':>24} {http_cost:10.1f} {1e6 / http_cost:8.0f} requests per CPU second; "
          f"p50 {p50:.2f} ms, p99 {p99:.2f} ms on this machine now")  # fmt: skip


if __name__ == "__main__":
    main()
