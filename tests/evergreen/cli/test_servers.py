from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import HTTPCookieProcessor, build_opener

import pytest

#: Starts a command as a shell script starts every job in the background.
IGNORING = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"]
WAITING = """
import contextlib, signal
from evergreen.cli.servers import interruptible
interruptible()
with contextlib.suppress(KeyboardInterrupt):
    print("waits", flush=True)
    signal.pause()
print("stopped")
"""


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_what_runs_until_ctrl_c_stops_at_each_signal_that_asks_for_it(sign: signal.Signals) -> None:
    command = [*IGNORING, sys.executable, "-c", WAITING]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waits\n"
        process.send_signal(sign)
        assert process.communicate(timeout=300)[0] == "stopped\n"
    assert process.returncode == 0


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("no_server")
def test_both_uis_answer_and_stop_although_the_shell_started_them_with_ctrl_c_ignored(project: Path) -> None:
    command = [str(Path(sys.executable).parent / "evergreen"), "ui", "--prefect-port", "0", "--mlflow-port", "0"]
    process = subprocess.Popen([*IGNORING, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        links = [process.stdout.readline().split()[1] for _ in range(2)]
        ports = [urlsplit(link).port for link in links]
        for link, port in zip(links, ports, strict=True):
            browser = build_opener(HTTPCookieProcessor())
            assert browser.open(link, timeout=300).status == 200
            assert browser.open(f"http://127.0.0.1:{port}", timeout=300).status == 200
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    assert output.endswith("stopped\n")
    for port in ports:
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", int(port or 0))) != 0
