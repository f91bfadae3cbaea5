from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import HTTPCookieProcessor, build_opener

import pytest


@pytest.mark.timeout(600)
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_both_uis_answer_and_stop_although_the_shell_started_them_with_ctrl_c_ignored(
    sign: signal.Signals, project: Path
) -> None:
    """As every job that a script puts in the background is."""
    command = [str(Path(sys.executable).parent / "evergreen"), "ui", "--prefect-port", "0", "--mlflow-port", "0"]
    ignoring = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *command]
    process = subprocess.Popen(ignoring, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        links = [process.stdout.readline().split()[1] for _ in range(2)]
        ports = [urlsplit(link).port for link in links]
        for link, port in zip(links, ports, strict=True):
            browser = build_opener(HTTPCookieProcessor())
            assert browser.open(link, timeout=300).status == 200
            assert browser.open(f"http://127.0.0.1:{port}", timeout=300).status == 200
        process.send_signal(sign)
        output, errors = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    assert output.endswith("stopped\n")
    for port in ports:
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", int(port or 0))) != 0
