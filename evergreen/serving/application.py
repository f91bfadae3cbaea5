"""The application behind the door: routes, answers, limits."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
import uuid
from collections.abc import Callable
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from evergreen.serving import answers, parsing
from evergreen.serving.champions import Champions
from evergreen.serving.descriptions import metadata, openapi
from evergreen.serving.metrics import Metrics
from evergreen.serving.request_rows import BadRows
from evergreen.serving.served import Answer, ServedVersion

logger = logging.getLogger(__name__)

#: Rows of one request, and rows above which a thread predicts them.
MOST_ROWS, _IN_THE_LOOP = 10_000, 100
#: Rows in threads at once, seconds that a body may take, and errors that an answer names.
_WAITING_ROWS, _BODY_SECONDS, _MOST_ERRORS = 100_000, 10.0, 100
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
CSV, PARQUET = "text/csv", ("application/vnd.apache.parquet", "application/x-parquet")

Rows = list[parsing.Row]
Read = Callable[[bytes, "ServedVersion"], Rows]
Shape = Callable[["ServedVersion", list[Answer], str, bool], Any]


class Log(Protocol):
    """Where answers are written before they are given."""

    def write(self, served: ServedVersion, request_id: str, rows: Rows, answers: list[Answer]) -> None:
        """Keep what a version says of rows.

        Raises:
            OSError: it cannot be kept.
        """
        ...


class Serving:
    """The handlers of one server.

    Args:
        champions: The versions that serve.
        log: Where answers are kept; None for nowhere.
    """

    def __init__(self, champions: Champions, log: Log | None = None) -> None:
        self._champions, self._log = champions, log
        self._waiting = 0
        self.metrics = Metrics()

    def application(self) -> Starlette:
        """What the door stands before."""
        routes = [
            Route("/live", self._live), Route("/ready", self._ready), Route("/metrics", self._metrics),
            Route("/models", self._models), Route("/models/{name}", self._model),
            Route("/models/{name}/predict", self._predict, methods=["POST"]),
            Route("/models/{name}/invocations", self._invocations, methods=["POST"]),
            Route("/openapi.json", self._openapi),
            Route("/ping", self._ping), Route("/health", self._ping), Route("/version", self._version),
            Route("/invocations", self._invocations, methods=["POST"]),
            Route("/v2", self._v2), Route("/v2/health/live", self._live), Route("/v2/health/ready", self._ready),
            Route("/v2/models/{name}", self._v2_model), Route("/v2/models/{name}/ready", self._v2_ready),
            Route("/v2/models/{name}/infer", self._infer, methods=["POST"]),
        ]  # fmt: skip
        handlers: dict[Any, Any] = {HTTPException: _http_error, Exception: _fault}
        return Starlette(routes=routes, exception_handlers=handlers)

    # Protocols.

    async def _predict(self, request: Request) -> Response:
        return await self._answered(request, _json_rows(parsing.rows_of), answers.ours)

    async def _invocations(self, request: Request) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        return await self._answered(request, _TABLES.get(kind) or _json_rows(parsing.rows_of_mlflow), answers.mlflow)

    async def _infer(self, request: Request) -> Response:
        return await self._answered(request, _json_rows(parsing.rows_of_inference), answers.inference)

    async def _answered(self, request: Request, read: Read, shape: Shape) -> Response:
        began, name = time.perf_counter(), request.path_params.get("name") or self._only()
        response = await self._response(request, name, read, shape)
        self.metrics.count(name, response.status_code, time.perf_counter() - began)
        return response

    async def _response(self, request: Request, name: str, read: Read, shape: Shape) -> Response:
        request_id = request.headers.get("x-request-id") or uuid.uuid4().hex
        if not _REQUEST_ID.fullmatch(request_id):
            return _error(400, "X-Request-Id must be 1 to 128 letters, digits and . _ : -")
        try:
            served = self._served(name)
            body = await asyncio.wait_for(request.body(), _BODY_SECONDS)
            rows = read(body, served)
            if len(rows) > MOST_ROWS:
                raise parsing.BadRequest(f"a request has at most {MOST_ROWS:,} rows", 413)
            said = await self._said(served, rows)
            if self._log is not None:
                self._log.write(served, request_id, rows, said)
        except parsing.BadRequest as bad:
            return _error(bad.status, bad.words, retry=bad.status in (429, 503))
        except BadRows as bad:
            fields = [vars(one) for one in bad.errors[:_MOST_ERRORS]]
            return _error(422, f"{len(bad.errors):,} fields cannot be used", errors=fields)
        except TimeoutError:
            return _error(408, f"the body did not arrive within {_BODY_SECONDS:g} seconds")
        except ClientDisconnect:
            return _error(400, "the client went away")
        except OSError:
            logger.exception("%s: an answer cannot be written into the ledger and is not given", name)
            return _error(503, "the answer cannot be written into the ledger, and is not given", retry=True)
        headers = {"x-model-version": str(served.version.version), "x-request-id": request_id}
        return _json(shape(served, said, request_id, body.lstrip()[:1] != b"["), headers=headers)

    async def _said(self, served: ServedVersion, rows: Rows) -> list[Answer]:
        """What a version says; many rows in a thread, so that others do not wait."""
        if len(rows) <= _IN_THE_LOOP:
            return served.predict(rows)
        if self._waiting + len(rows) > _WAITING_ROWS:
            raise parsing.BadRequest("too many rows are waiting already; ask again", 429)
        self._waiting += len(rows)
        try:
            return await run_in_threadpool(served.predict, rows)
        finally:
            self._waiting -= len(rows)

    def _served(self, name: str) -> ServedVersion:
        try:
            state = self._champions[name]
        except KeyError:
            raise parsing.BadRequest("no model of this name is served here; GET /models lists them", 404) from None
        if state.served is None:
            raise parsing.BadRequest("this model has no version that can serve; GET /ready says why", 503)
        return state.served

    def _only(self) -> str:
        names = list(self._champions.states())
        return names[0] if len(names) == 1 else ""

    # What it says of itself.

    async def _live(self, request: Request) -> Response:
        return _json({"live": True})

    async def _ready(self, request: Request) -> Response:
        states = self._champions.states()
        models = {
            name: {
                "version": state.served.version.version if state.served else None,
                "degraded": state.degraded or None,
                "general": state.served.model.general if state.served else [],
            }
            for name, state in states.items()
        }
        ready = all(state.served for state in states.values())
        return _json({"ready": ready, "models": models}, 200 if ready else 503)

    async def _metrics(self, request: Request) -> Response:
        return PlainTextResponse(self.metrics.text(self._champions.states()), media_type="text/plain; version=0.0.4")

    async def _models(self, request: Request) -> Response:
        names = self._champions.states()
        return _json({"models": {name: f"/models/{name}" for name in names}})

    async def _model(self, request: Request) -> Response:
        return self._described(request, metadata)

    async def _openapi(self, request: Request) -> Response:
        return _json(openapi([state.served for state in self._champions.states().values() if state.served]))

    async def _ping(self, request: Request) -> Response:
        return PlainTextResponse("\n", 200 if any(one.served for one in self._champions.states().values()) else 503)

    async def _version(self, request: Request) -> Response:
        from importlib.metadata import version

        return PlainTextResponse(version("mlflow"))

    async def _v2(self, request: Request) -> Response:
        from importlib.metadata import version

        return _json({"name": "evergreen", "version": version("evergreen"), "extensions": []})

    async def _v2_model(self, request: Request) -> Response:
        return self._described(request, answers.tensors)

    async def _v2_ready(self, request: Request) -> Response:
        return self._described(request, lambda served: {"name": served.version.model, "ready": True})

    def _described(self, request: Request, describe: Callable[[ServedVersion], Any]) -> Response:
        try:
            return _json(describe(self._served(request.path_params["name"])))
        except parsing.BadRequest as bad:
            return _error(bad.status, bad.words)


def _json_rows(read: Callable[[Any], Rows]) -> Read:
    return lambda body, served: read(parsing.read_json(body))


#: MLflow's protocol takes tables too.
_TABLES: dict[str, Read] = {
    CSV: lambda body, served: parsing.rows_of_csv(body, served.rows.texts),
    **dict.fromkeys(PARQUET, lambda body, served: parsing.rows_of_parquet(body)),
}


def _json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return Response(text, status, headers, media_type="application/json")


def _error(status: int, words: str, *, errors: list[Any] | None = None, retry: bool = False) -> Response:
    content = {"error": words} | ({"errors": errors} if errors is not None else {})
    return _json(content, status, {"retry-after": "1"} if retry else None)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error(error.status_code, error.detail)


async def _fault(request: Request, error: Exception) -> Response:
    return _error(500, "this should not have happened; the server's log says more")
