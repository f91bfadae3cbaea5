from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient

from evergreen import features, training
from evergreen.errors import TamperedModel
from evergreen.handoffs import ModelVersion
from evergreen.serving.application import Serving
from evergreen.serving.casts import column_of
from evergreen.serving.champions import Champions
from evergreen.serving.server import policy_of
from evergreen.spec import ModelSpec
from evergreen.web.door import Door

TOKEN = "a-token-that-nobody-guesses"
SPEC = ModelSpec.model_validate(
    {
        "model": "customers", "question": "Will they leave?", "serving": {},
        "data": {"source": "customers.csv", "key": "id", "target": {"column": "left"},
                 "read": {"numbers": ["income"], "thousands": ",", "missing": ["n/a"]}},
        "features": {"min_level_rows": 2, "expressions": {"per_call": "income / (calls + 1)"}},
        "training": {"task": "binary"},
    }
)  # fmt: skip
ROW = {"plan": "pro", "calls": 3, "age": 41, "income": "52,000"}
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def table(seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    calls, income = rng.integers(0, 9, 300), np.round(rng.gamma(2.0, 20_000, 300))
    return pd.DataFrame(
        {
            "plan": rng.choice(["free", "pro", "team"], 300), "calls": calls, "age": rng.integers(18, 90, 300),
            "income": income, "per_call": income / (calls + 1), "__target": (calls + rng.normal(size=300) > 4),
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def pipelines() -> dict[int, Any]:
    inputs = ["plan", "calls", "age", "income", "per_call"]
    asked = training.Problem(SPEC.training, "binary", ("0", "1"), partial(features.row_features, SPEC, inputs))
    recipe = training.candidates("binary", ["lightgbm"], 300, 5, 0)[0].with_params(n_estimators=20)
    return {number: training.refit(recipe, table(number), asked) for number in (1, 2)}


class Records:
    """The records of one model, in memory."""

    def __init__(self, pipelines: dict[int, Any]) -> None:
        self.pipelines, self.champion_is, self.fault = pipelines, 1, None

    def champion(self, model: str) -> tuple[ModelVersion, datetime] | None:
        if isinstance(self.fault, OSError):
            raise self.fault
        if self.champion_is == 0:
            return None
        version = ModelVersion(model, self.champion_is, "", "", "", "{}", None, NOW, "binary", ("0", "1"))
        return version, NOW

    def load(self, version: ModelVersion) -> Any:
        if self.fault:
            raise self.fault
        return self.pipelines[version.version]


class Here:
    """A server without a socket: records, champions and a client that shows the token."""

    def __init__(self, pipelines: dict[int, Any], log: Any = None) -> None:
        self.records = Records(pipelines)
        self.champions = Champions({"customers": SPEC}, self.records)
        self.champions.look()
        self.door = Door(Serving(self.champions, log).application(), policy_of("serving", TOKEN))
        self.client = TestClient(self.door, base_url="http://127.0.0.1", raise_server_exceptions=False)
        self.client.headers["authorization"] = f"Bearer {TOKEN}"

    def post(self, path: str, content: Any, kind: str = "application/json", **headers: str) -> Any:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return self.client.post(path, content=body, headers={"content-type": kind, **headers})


@pytest.fixture
def here(pipelines: dict[int, Any]) -> Here:
    return Here(pipelines)


def batch(pipeline: Any, row: dict[str, Any]) -> float:
    income = None if row["income"] is None else float(str(row["income"]).replace(",", ""))
    frame = pd.DataFrame([{**row, "income": income, "per_call": income and income / (row["calls"] + 1)}])
    return float(training.predict(pipeline, "binary", frame, 2)[0])


def test_one_row_is_answered_as_by_batch_with_its_version_and_request_id(here: Here) -> None:
    answer = here.post("/models/customers/predict", ROW, **{"x-request-id": "mine-1"})
    assert answer.status_code == 200
    said = answer.json()
    assert said["prediction"] == batch(here.records.pipelines[1], ROW)
    assert said["decision"] == str(int(said["prediction"] >= 0.5))
    assert (said["p_1"], said["p_0"]) == (said["prediction"], 1 - said["prediction"])
    assert (said["model"], said["version"], said["request_id"]) == ("customers", 1, "mine-1")
    assert (answer.headers["x-model-version"], answer.headers["x-request-id"]) == ("1", "mine-1")
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_list_is_answered_row_by_row_in_a_thread_where_it_is_long(here: Here) -> None:
    rows = [ROW | {"calls": at % 9, "income": None if at % 5 == 0 else 1000 * at} for at in range(150)]
    said = here.post("/models/customers/predict", rows).json()["predictions"]
    assert [one["prediction"] for one in said] == [batch(here.records.pipelines[1], row) for row in rows]


def test_every_protocol_gives_the_same_predictions(here: Here) -> None:
    rows = [ROW, ROW | {"plan": "free", "calls": 8}]
    wanted = [one["prediction"] for one in here.post("/models/customers/predict", rows).json()["predictions"]]
    names = list(ROW)
    split = {"columns": names, "data": [[row[name] for name in names] for row in rows]}
    lines = "\n".join([",".join(names), 'pro,3,41,"52,000"', 'free,8,41,"52,000"'])
    parquet = io.BytesIO()
    pd.DataFrame(rows).to_parquet(parquet)
    bodies: list[tuple[Any, str]] = [
        ({"dataframe_split": split}, "application/json"), ({"dataframe_records": rows}, "application/json"),
        ({"instances": rows}, "application/json"), ({"inputs": rows}, "application/json"),
        ({"inputs": {name: [row[name] for row in rows] for name in names}}, "application/json"),
        (lines.encode(), "text/csv"), (parquet.getvalue(), "application/vnd.apache.parquet"),
    ]  # fmt: skip
    for body, kind in bodies:
        for path in ("/invocations", "/models/customers/invocations"):
            said = here.post(path, body, kind)
            assert [one["prediction"] for one in said.json()["predictions"]] == wanted, (body, said.text)
    tensors = [
        {"name": name, "shape": [2, 1], "datatype": "BYTES" if isinstance(ROW[name], str) else "FP64",
         "data": [row[name] for row in rows]}
        for name in names
    ]  # fmt: skip
    said = here.post("/v2/models/customers/infer", {"inputs": tensors}).json()
    assert {one["name"]: one["data"] for one in said["outputs"]}["prediction"] == wanted
    assert said["model_version"] == "1"
    metadata = here.client.get("/v2/models/customers").json()
    assert [one["name"] for one in metadata["inputs"]] == sorted(names)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400), (b"{", 400), (b"[]", 400), (b"3", 400), (b'"x"', 400), (b"null", 400), (b"[3]", 400),
        (b"\xff\xfe{}", 400), (b'{"calls": NaN}', 400), (b'{"calls": Infinity}', 400), (b"[" * 400_000, 400),
        (b'{"calls": 1, "calls": 2}', 400), (b'{"calls": ' + b"9" * 5000 + b"}", 400), (b"{}", 422),
        (b" " * (2**20 + 1), 413), (json.dumps([ROW] * 10_001).encode(), 413),
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/models/customers/predict", "/invocations", "/v2/models/customers/infer"])
def test_a_body_that_is_no_request_is_refused_in_json(here: Here, path: str, body: bytes, status: int) -> None:
    answer = here.post(path, body)
    assert answer.status_code in ({status, 400} if path != "/models/customers/predict" else {status}), answer.text
    if answer.status_code != 413:
        assert answer.json()["error"]


def test_each_field_that_cannot_be_used_is_named_and_no_value_is_repeated(here: Here) -> None:
    secret = "4111-1111-1111-1111"
    answer = here.post("/models/customers/predict", [{**ROW, "age": [secret]}, {"plan": secret, "callz": 1}])
    assert answer.status_code == 422
    errors = {(one["row"], one["field"]): one["error"] for one in answer.json()["errors"]}
    assert set(errors) == {(0, "age"), (1, "age"), (1, "calls"), (1, "income")}
    assert "did you mean callz" in errors[1, "calls"]
    assert secret not in answer.text


@pytest.mark.parametrize("value", ["n.v.", "1.2 kg", "four", "41"])
def test_a_value_that_is_none_of_its_column_s_kind_is_refused_as_predict_refuses_such_a_file(
    here: Here, value: str
) -> None:
    frame = pd.DataFrame([{**ROW, "income": 52_000.0, "per_call": 13_000.0}]).assign(age=column_of("age", value)["age"])
    _, unread = features.readable(frame, here.records.pipelines[1].named_steps["rows"])
    answer = here.post("/models/customers/predict", {**ROW, "age": value})
    assert answer.status_code == (422 if unread.columns["age"].is_whole else 200)
    assert answer.status_code == 200 or answer.json()["errors"] == [
        {"row": 0, "field": "age", "error": "is no number; write it as in training, or null where it is not known"}
    ]
    for missing in (None, ""):
        assert here.post("/models/customers/predict", {**ROW, "age": missing}).status_code == 200


def test_what_is_not_served_is_not_found_and_what_has_no_champion_is_not_ready(pipelines: dict[int, Any]) -> None:
    here = Here(pipelines)
    assert here.post("/models/others/predict", ROW).status_code == 404
    assert here.client.get("/nowhere").status_code == 404
    assert here.client.get("/models/customers/predict").status_code == 405
    here.records.champion_is = 0
    here.champions = Champions({"customers": SPEC}, here.records)
    here.champions.look()
    client = TestClient(Serving(here.champions).application())
    assert client.post("/models/customers/predict", json=ROW).status_code == 503
    assert client.get("/ready").status_code == 503
    assert "no champion yet" in client.get("/ready").json()["models"]["customers"]["degraded"]


def test_nobody_without_the_token_is_answered_but_probes_are(here: Here) -> None:
    del here.client.headers["authorization"]
    assert here.post("/models/customers/predict", ROW).status_code == 401
    assert here.post("/models/customers/predict", ROW, authorization="Bearer wrong").status_code == 401
    assert here.client.get("/metrics").status_code == 401
    for path in ("/live", "/ready", "/ping", "/health", "/v2/health/live"):
        assert here.client.get(path).status_code == 200
    anyone = TestClient(Door(Serving(here.champions).application(), policy_of("s", TOKEN, open_to_all=True)))
    anyone.base_url = here.client.base_url
    assert anyone.post("/models/customers/predict", json=ROW).status_code == 200
    # Also where nobody needs a token a page of another origin, or a form, gets nothing.
    assert anyone.post("/models/customers/predict", json=ROW, headers={"origin": "http://evil"}).status_code == 403
    assert anyone.post("/models/customers/predict", data={"a": "b"}).status_code == 415
    assert anyone.get("/ready", headers={"host": "evil"}).status_code == 403


def test_a_promotion_and_a_rollback_are_followed_and_a_fault_leaves_the_old_version_serving(here: Here) -> None:
    def version() -> int:
        return int(here.post("/models/customers/predict", ROW).json()["version"])

    first = here.post("/models/customers/predict", ROW).json()["prediction"]
    here.records.champion_is = 2
    here.champions.look()
    assert version() == 2
    assert here.post("/models/customers/predict", ROW).json()["prediction"] == batch(here.records.pipelines[2], ROW)
    here.records.champion_is = 1
    here.champions.look()
    assert here.post("/models/customers/predict", ROW).json()["prediction"] == first
    for fault in (TamperedModel("its files differ"), OSError("the records are away")):
        here.records.champion_is, here.records.fault = 2, fault
        here.champions.look()
        assert version() == 1
        ready = here.client.get("/ready")
        assert ready.status_code == 200
        assert str(fault) in ready.json()["models"]["customers"]["degraded"]
        assert 'evergreen_model_degraded{model="customers"} 1' in here.client.get("/metrics").text
    here.records.fault = None
    here.champions.look()
    assert version() == 2
    assert here.client.get("/ready").json()["models"]["customers"]["degraded"] is None


def test_a_version_that_predicts_a_row_alone_otherwise_than_batch_never_serves(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evergreen.serving.model import OneRowModel

    honest = OneRowModel.predict
    monkeypatch.setattr(OneRowModel, "predict", lambda self, row: honest(self, row) + 1e-16)
    here.records.champion_is = 2
    here.champions.look()
    monkeypatch.undo()
    assert here.post("/models/customers/predict", ROW).json()["version"] == 1
    assert "otherwise than by batch" in here.champions["customers"].degraded


def test_metrics_count_requests_by_code_and_no_client_makes_up_a_series(here: Here) -> None:
    here.post("/models/customers/predict", ROW)
    here.post("/models/customers/predict", b"{")
    here.post("/models/made-up-by-a-client/predict", ROW)
    text = here.client.get("/metrics").text
    assert 'evergreen_requests_total{model="customers",code="200"} 1' in text
    assert 'evergreen_requests_total{model="customers",code="400"} 1' in text
    assert "made-up" not in text
    assert 'evergreen_request_seconds_count{model="customers"} 2' in text
    assert 'evergreen_model_version{model="customers"} 1' in text


def test_an_answer_that_cannot_be_kept_is_not_given(pipelines: dict[int, Any]) -> None:
    class FullDisk:
        def write(self, *_: Any) -> None:
            raise OSError(28, "No space left on device")

    answer = Here(pipelines, FullDisk()).post("/models/customers/predict", ROW)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"


def test_openapi_names_the_inputs_that_a_row_must_bring(here: Here) -> None:
    said = here.client.get("/openapi.json").json()
    schema = said["paths"]["/models/customers/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert schema["oneOf"][0]["required"] == sorted(ROW)
    described = here.client.get("/models/customers").json()
    assert described["inputs"] == {"age": "number", "calls": "number", "income": "number", "plan": "text"}
