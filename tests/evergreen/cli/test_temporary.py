from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

START = """
import sys
from evergreen.cli import temporary
from evergreen.settings import open_workspace
server = temporary.begin(open_workspace())
print(server.process.pid if server else "none", flush=True)
sys.stdin.read()
"""


def environment(project: Path, **extra: str) -> dict[str, str]:
    home = {"PREFECT_HOME": str(project / ".evergreen" / "prefect")}
    ours = ("PREFECT_HOME", "PREFECT_API_URL", "PREFECT_CLIENT_CUSTOM_HEADERS")
    return {name: value for name, value in os.environ.items() if name not in ours} | home | extra


def begin(project: Path, **extra: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", START],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(project, **extra),
    )


def is_gone(pid: int) -> bool:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            status = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (ProcessLookupError, FileNotFoundError):
            return True
        if status == "Z":  # ended; whoever inherited it has not looked yet
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_a_command_that_is_killed_takes_its_server_with_it(project: Path, sign: signal.Signals) -> None:
    command = begin(project)
    assert command.stdout is not None
    server = int(command.stdout.readline())
    command.send_signal(sign)
    command.wait(timeout=300)
    assert is_gone(server)


def test_a_command_that_ends_takes_its_server_with_it(project: Path) -> None:
    command = begin(project)
    assert command.stdout is not None
    server = int(command.stdout.readline())
    command.communicate("", timeout=300)
    assert command.returncode == 0
    assert is_gone(server)


def test_no_server_is_started_where_one_is_named(project: Path) -> None:
    said, _ = begin(project, PREFECT_API_URL="http://127.0.0.1:9/api").communicate("", timeout=300)
    assert said == "none\n"
    (project / "prefect.toml").write_text("[api]\nurl = 'http://127.0.0.1:9/api'\n")
    said, _ = begin(project).communicate("", timeout=300)
    assert said == "none\n"


@pytest.mark.parametrize("named", ["\n[profiles.mine]\nPREFECT_API_URL = 'http://127.0.0.1:9/api'\n", ""])
def test_settings_that_name_no_server_are_no_reason_for_one_without_a_door(project: Path, named: str) -> None:
    home = project / ".evergreen" / "prefect"
    home.mkdir(parents=True)
    (home / "profiles.toml").write_text(f"active = 'mine'\n{named or '[profiles.mine]'}\n")
    (project / "prefect.toml").write_text("[logging]\nlevel = 'INFO'\n")
    said, _ = begin(project).communicate("", timeout=300)
    assert (said == "none\n") == bool(named)


def test_the_server_of_a_command_answers_it_and_nobody_else(project: Path) -> None:
    command = begin(project)
    assert command.stdout is not None
    try:
        port = listening_port(int(command.stdout.readline()))
        for path in ("health", "ready", "admin/version", "flow_runs/count"):
            with pytest.raises(HTTPError) as refused:
                urlopen(f"http://127.0.0.1:{port}/api/{path}", timeout=300)
            assert refused.value.code == 401
        foreign = Request(f"http://127.0.0.1:{port}/api/health", headers={"Host": f"evil.test:{port}"})
        with pytest.raises(HTTPError) as refused:
            urlopen(foreign, timeout=300)
        assert refused.value.code == 403
    finally:
        command.communicate("", timeout=300)


def listening_port(pid: int) -> int:
    """The port of 127.0.0.1 on which a process listens."""
    inodes = {os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir() if link.exists() or link.is_symlink()}
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
            return int(fields[1].rpartition(":")[2], 16)
    raise AssertionError("it listens nowhere")


def test_a_server_that_dies_at_its_start_is_told_with_its_log(project: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("raise SystemExit('no such module: uvicorn')")
    code = f"""
from pathlib import Path
from evergreen.cli import temporary
from evergreen.settings import open_workspace
temporary._PROGRAM = Path({str(broken)!r})
with temporary.prefect(open_workspace()):
    pass
"""
    refused = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(project), check=False
    )
    assert "UsageError: the temporary Prefect server does not answer; its log is " in refused.stderr
    assert "no such module" in (project / ".evergreen" / "logs" / "prefect-temporary.log").read_text()


def test_the_run_its_tasks_logs_and_artifacts_are_in_the_database_afterwards(project: Path) -> None:
    spec = project / "deployments" / "churn.yaml"
    spec.write_text(spec.read_text().replace("families: [lightgbm, linear]", "families: [linear]"))
    command = [str(Path(sys.executable).parent / "evergreen"), "train", "churn", "--as-of", "2026-03-10"]
    trained = subprocess.run(command, capture_output=True, text=True, env=environment(project), check=False)
    assert trained.returncode == 0, trained.stderr
    with sqlite3.connect(project / ".evergreen" / "prefect" / "prefect.db") as database:

        def column(query: str) -> list[str]:
            return [str(row[0]) for row in database.execute(query)]

        assert column("select state_type from flow_run") == ["COMPLETED"]
        assert set(column("select state_type from task_run")) == {"COMPLETED"}
        names = {name.rpartition("-")[0] for name in column("select name from task_run")}
        assert {"take_snapshot", "validate", "fit", "settle"} <= names
        assert any("rows put aside" in message for message in column("select message from log"))
        assert {"churn-rules", "churn-verdict"} <= set(column("select key from artifact"))
